import { kitSettings } from '@studybridge/service-kit';
import { z } from 'zod';

/** The service's own settings beside those of the kit. */
export const agileHealthSettings = kitSettings.extend({
  /** How long one call to the partner may take, real time. */
  AGILE_TIMEOUT_MS: z.coerce.number().int().min(100).max(120_000).default(10_000),
  /** A consent older than this many days (study time, study zone) no longer enrols by itself (law 7). */
  ENROLMENT_EXPIRES_DAYS: z.coerce.number().int().min(1).max(3_650).default(30),
  /** How far each status poll looks back behind the one before, against clocks that differ and changes in flight. */
  AGILE_STATUS_OVERLAP_MINUTES: z.coerce.number().int().min(0).max(1_440).default(60),
});
/** The settings, read. */
export type AgileHealthSettings = z.infer<typeof agileHealthSettings>;
