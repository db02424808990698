import { z } from 'zod';
import { sandboxError } from '../world/sandbox-error';

const share = z.number().min(0).max(1);
const ms = z.number().min(0);
const outcome = z.union([
  z.enum(['delivered', 'sent', 'lost']),
  z.templateLiteral([z.enum(['undelivered', 'failed', 'refused']), '-', z.number().int().min(10_000).max(99_999)]),
]);
const line = z.enum(['mobile', 'landline', 'blocks-short-codes', 'voip']);
const ambiguousKind = z.enum([
  '500',
  '502-html',
  'reset',
  '500-after-commit',
  'reset-after-commit',
  'timeout-after-commit',
]);
const phone = z.strictObject({
  outcome: outcome.optional(),
  line: line.optional(),
  deliveredAfterMs: ms.optional(),
  /** What the phone answers to every text, at most `autoReplies` times (default 100). */
  autoReply: z.string().min(1).optional(),
  autoReplies: z.number().int().min(0).optional(),
});

const settingsSchema = z.strictObject({
  seed: z.number().int(),
  ambiguous: share,
  ambiguousKinds: z.array(ambiguousKind).min(1),
  hangMs: ms,
  tooMany: share,
  concurrency: z.number().int().min(0),
  answerMs: ms,
  listLagMs: ms,
  staleReads: share,
  sentAfterMs: ms,
  deliveredAfterMs: ms,
  callbackDelayMs: ms,
  shuffle: z.boolean(),
  shuffleMs: ms,
  doubled: share,
  lost: share,
  beforeAnswer: share,
  signWith: z.string().min(1).nullable(),
  queueLimitMs: ms,
  overflow: z.enum(['refuse', 'fail']),
  outcome,
  phones: z.record(z.string(), phone),
  filtered: z.array(z.string().min(1)),
  noGeoPermission: z.array(z.string().min(1)),
  deactivated: z.array(z.strictObject({ number: z.string(), date: z.iso.date() })),
  balance: z.number(),
  suspended: z.boolean(),
});

/** How the stand-in behaves; the table in `README.md` says what each does. Durations in milliseconds of study time unless it says real. */
export type TwilioSettings = z.infer<typeof settingsSchema>;

/** A change of settings: only what is named; a phone that is null is forgotten. */
export type TwilioChange = Partial<Omit<TwilioSettings, 'phones'>> & {
  phones?: Record<string, TwilioSettings['phones'][string] | null>;
};

const changeSchema = settingsSchema.extend({ phones: z.record(z.string(), phone.nullable()) }).partial();

/** What becomes of a message: see `README.md`. */
export type Outcome = TwilioSettings['outcome'];

/** What kind of telephone a number is. */
export type Line = z.infer<typeof line>;

/** A carrier without a fault. */
export function usualSettings(): TwilioSettings {
  return {
    seed: 1,
    ambiguous: 0,
    ambiguousKinds: [...ambiguousKind.options],
    hangMs: 2_000,
    tooMany: 0,
    concurrency: 0,
    answerMs: 0,
    listLagMs: 0,
    staleReads: 0,
    sentAfterMs: 1_000,
    deliveredAfterMs: 3_000,
    callbackDelayMs: 0,
    shuffle: false,
    shuffleMs: 30_000,
    doubled: 0,
    lost: 0,
    beforeAnswer: 0,
    signWith: null,
    queueLimitMs: 36_000_000,
    overflow: 'refuse',
    outcome: 'delivered',
    phones: {},
    filtered: [],
    noGeoPermission: [],
    deactivated: [],
    balance: 100,
    suspended: false,
  };
}

/** Reads a change of settings from JSON. Throws a `setting` error that names what is wrong with it. */
export function readTwilioChange(json: unknown): TwilioChange {
  const parsed = changeSchema.safeParse(json);
  if (parsed.success) return parsed.data;
  throw sandboxError(
    'TWILIO_SETTINGS_UNREADABLE',
    `These are no settings of Twilio’s stand-in: ${z.prettifyError(parsed.error).replaceAll('\n', ' ')}`,
    'See the table of settings in packages/sandbox/src/twilio/README.md.',
  );
}

/** The settings after a change. */
export function changed(settings: TwilioSettings, { phones, ...change }: TwilioChange): TwilioSettings {
  const all = { ...settings.phones, ...phones };
  const kept = Object.entries(all).filter((entry): entry is [string, TwilioSettings['phones'][string]] => !!entry[1]);
  return { ...settings, ...change, phones: Object.fromEntries(kept) };
}
