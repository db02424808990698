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
  writeCaps: { recordsPerBatch: 100, recordsPerRun: 2000 },
} as const;
