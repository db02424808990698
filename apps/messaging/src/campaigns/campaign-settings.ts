import { z } from 'zod';

/** Settings of the campaigns. */
export const campaignSettings = {
  /** A campaign decides only from what REDCap held at most so long ago: more than the study's longest pause between two polls by day. */
  CAMPAIGN_FRESH_MINUTES: z.coerce.number().int().min(1).max(10_080).default(300),
};
