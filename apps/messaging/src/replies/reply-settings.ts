import { z } from 'zod';

/** Settings of what comes in. */
export const replySettings = {
  /** When replies and STOPs are fetched, as a cron expression in the study's zone. */
  REPLIES_CRON: z.string().default('*/5 * * * *'),
  /** How far each look reaches back behind the one before, study time: Twilio's list lags by hours at times (messaging.md §1). */
  REPLIES_OVERLAP_HOURS: z.coerce.number().int().min(1).max(720).default(48),
  /** How far the first look of a sender reaches back. */
  REPLIES_LOOK_BACK_DAYS: z.coerce.number().int().min(1).max(400).default(30),
  /** `off` where a static answer is kept at the provider (`ops replies twiml`): two answers would be one too many. */
  REPLIES_AUTO: z.enum(['on', 'off']).default('on'),
  /** A reply found later than this gets no automatic answer. */
  REPLIES_AUTO_WITHIN_MINUTES: z.coerce.number().int().min(1).max(1_440).default(120),
  /** Instead of the studies' own referral texts: `{"<study>": {"en": "…", "es": "…"}}`. */
  REPLIES_REFERRAL: z
    .string()
    .default('{}')
    .transform((text, issues) => {
      try {
        const parsed = z.record(z.string(), referral).safeParse(JSON.parse(text));
        if (parsed.success) return parsed.data;
      } catch {
        // said below
      }
      issues.addIssue({ code: 'custom', message: 'not JSON of texts by study and language.' });
      return z.NEVER;
    }),
  /** More phrases that mean "please stop", separated by `|`. */
  REPLIES_STOP_PHRASES: z
    .string()
    .default('')
    .transform((text) =>
      text
        .split('|')
        .map((phrase) => phrase.trim())
        .filter((phrase) => phrase !== ''),
    ),
};

const referral = z.strictObject({ en: z.string().min(1).max(320), es: z.string().min(1).max(320) });
