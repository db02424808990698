import { kitSettings } from '@studybridge/service-kit';
import { z } from 'zod';

/** The settings of redcap-gateway beside those every service has. All numbers of seconds and minutes are real time. */
export const gatewaySettings = kitSettings.extend({
  /** At most so many calls a minute to one REDCap address, all replicas together; 0 = as many as it takes (a stand-in). */
  REDCAP_CALLS_PER_MINUTE: z.coerce.number().int().min(0).default(60),
  /**
   * Calls a day of one project, and lines they leave in REDCap's log, above which staff are told; 0 = no budget. Default
   * 2,000 and 3,000, none where calls a minute are not limited. Nothing is held back.
   */
  REDCAP_CALLS_PER_DAY: z.coerce.number().int().min(0).optional(),
  REDCAP_LOG_LINES_PER_DAY: z.coerce.number().int().min(0).optional(),
  /** Longest time for one call, answer included. */
  REDCAP_TIMEOUT_SECONDS: z.coerce.number().min(0.1).default(120),
  /** How far each poll looks back behind the one before: more than the clocks differ and a save may take. */
  REDCAP_OVERLAP_MINUTES: z.coerce.number().min(0).default(10),
  /** Records per export call. */
  REDCAP_RECORDS_PER_EXPORT: z.coerce.number().int().min(1).max(900).default(200),
  /** Lower caps on written records than the studies' own (law 3): per import call, and per run of the writer. */
  REDCAP_RECORDS_PER_BATCH: z.coerce.number().int().min(1).optional(),
  REDCAP_RECORDS_PER_RUN: z.coerce.number().int().min(1).optional(),
});
/** The settings, read. */
export type GatewaySettings = z.infer<typeof gatewaySettings>;
