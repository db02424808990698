/** The numbers and zones of iSMILE that its protocol could change (studies.md §1.4, §1.5, §6). */
export const settings = {
  /** The clinics' zone: windows, timestamps in REDCap and the families' phones. */
  zone: 'America/New_York',
  /** The zone in which the schedules are written: the server's. */
  serverZone: 'America/Los_Angeles',
  /** Opting out within so many calendar months of the randomisation is early. */
  programmeMonths: 4,
  /** After so many hours without the next step staff are asked to look. */
  attentionHours: { optInWaiting: 72, armWaiting: 24 },
  /** Visit windows: calendar months after the anchor, and days from that target; all bounds inclusive. */
  windows: {
    '2_month': { months: 2, opens: -7, closes: 21 },
    '4_month': { months: 4, opens: -7, closes: 28 },
    '12_month': { months: 12, opens: -30, closes: 90 },
    '24_month': { months: 24, opens: -30, closes: 180 },
  },
  invitations: {
    /** Days after the target on which the first, second and third one may go out at the earliest. */
    days: [0, 3, 7],
    hoursApart: 48,
    /** One that could not go out at once may wait so many days more, and never beyond the window. */
    waitDays: 2,
    /** Wall time of the family's zone. */
    sendWindow: { from: '09:00', to: '20:00' },
    caps: { perParticipantPerDay: 2, perParticipantPerWeek: 5, perRun: 200 },
  },
  writeCaps: { recordsPerBatch: 100, recordsPerRun: 2000 },
} as const;
