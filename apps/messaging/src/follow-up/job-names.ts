/** The jobs of the core: what waits for an instant, and what is asked after. Both run at announced instants only. */
export const jobNames = { due: 'message-due', followUp: 'message-follow-up' } as const;
