import { kitSettings } from '@studybridge/service-kit';
import { z } from 'zod';
import { campaignSettings } from './campaigns/campaign-settings';
import { jobResultSettings } from './job-results/job-result-settings';
import { mailSettings } from './mail/mail-settings';
import { replySettings } from './replies/reply-settings';
import { sendersSetting } from './senders/senders-setting';
import { webhookSettings } from './webhooks/webhook-settings';

const seconds = (value: number, max: number) => z.coerce.number().int().min(1).max(max).default(value);
/** `120,600,3600`: seconds of study time. */
const instants = (value: string) =>
  z
    .string()
    .default(value)
    .transform((text, issues) => {
      const list = text.split(',').map(Number);
      if (list.some((n) => !Number.isInteger(n) || n < 1)) {
        issues.addIssue({ code: 'custom', message: 'not whole seconds separated by commas.' });
      }
      return list;
    });

/** The service's own settings beside those of the kit. */
export const messagingSettings = kitSettings.extend({
  /** `off`: messages wait; `dry-run`: everything is decided and nothing leaves. */
  SENDING: z.enum(['on', 'off', 'dry-run']).default('on'),
  TWILIO_ACCOUNT_SID: z
    .string()
    .regex(/^AC[0-9a-f]{32}$/)
    .optional(),
  TWILIO_AUTH_TOKEN: z.string().min(8).optional(),
  /** A stand-in for Twilio; refused where a binding is production. */
  TWILIO_URL: z
    .url()
    .transform((url) => url.replace(/\/+$/, ''))
    .optional(),
  /** How long one call to Twilio may take, real time; it answers within 26 s (messaging.md §6). */
  TWILIO_TIMEOUT_MS: z.coerce.number().int().min(100).max(120_000).default(30_000),
  SENDERS: sendersSetting,
  SENDERS_FILE: z.string().optional(),
  /** Messages in hand at once per replica. */
  MESSAGES_IN_HAND: z.coerce.number().int().min(1).max(200).default(24),
  /** Study time from the dispatch to each re-check by SID; after the last one it is `no-receipt` (messaging.md §9.2). */
  FOLLOW_UP_AFTER_S: instants('120,600,3600,21600,86400,259200'),
  /** Study time from the dispatch to each look for one in doubt (messaging.md §6). */
  DOUBT_LOOK_AFTER_S: instants('120,600,3600,21600,86400'),
  /** Messages re-checked in one run at most. */
  FOLLOW_UP_PER_RUN: z.coerce.number().int().min(1).max(100_000).default(2_000),
  /** A message with less study time left than this before its window closes is not handed over any more. */
  VALIDITY_AT_LEAST_S: seconds(60, 36_000),
  /** US dollars a segment, carrier fee included, for the preview (messaging.md §0). */
  PRICE_PER_SEGMENT: z.coerce.number().min(0).max(1).default(0.0118),
  /** US dollars below which staff are told to top up. */
  BALANCE_ALERT_BELOW: z.coerce.number().min(0).default(20),
  // What trips a switch by itself (messaging.md §9.5).
  /** Messages of one sender in any minute of study time above what its pace allows, as a factor. */
  TRIP_PACE_FACTOR: z.coerce.number().min(1).max(100).default(2),
  /** Of the last 50 ends of a sender, the share that may be a carrier's or the account's refusal. */
  TRIP_FAILED_SHARE: z.coerce.number().min(0).max(1).default(0.3),
  /** Ends that are looked at before that share counts. */
  TRIP_FAILED_AT_LEAST: z.coerce.number().int().min(1).max(50).default(10),
  /** US dollars a study may spend in 24 hours of study time. */
  TRIP_COST_PER_DAY: z.coerce.number().min(0).default(100),
  /** Times that the same text was about to go to the same number within 24 hours before its purpose is switched off. */
  TRIP_SAME_TEXT: z.coerce.number().int().min(1).max(10_000).default(5),
  ...campaignSettings,
  ...replySettings,
  ...mailSettings,
  ...jobResultSettings,
  ...webhookSettings,
});
/** The settings, read. */
export type MessagingSettings = z.infer<typeof messagingSettings>;
