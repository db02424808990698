/** What the demo project's follow-up could do otherwise (studies.md §5b). */
export const settings = {
  /** The centre's zone: of the schedules, of the timestamps in REDCap and of the participants. */
  zone: 'America/Los_Angeles',
  followUp: {
    /** The thanks go out within so many days of the exam; later they would only puzzle. */
    withinDays: 30,
    /** One that could not go out at once may wait so many days more. */
    waitDays: 2,
    /** The project does not ask for a language. */
    language: 'en',
    sendWindow: { from: '09:00', to: '20:00' },
    caps: { perParticipantPerDay: 1, perParticipantPerWeek: 2, perRun: 100 },
  },
  writeCaps: { recordsPerBatch: 50, recordsPerRun: 200 },
} as const;
