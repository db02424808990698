/** The context that a letter is sealed for. */
export const letterContext = (messageId: string): string => `letter:${messageId}`;
