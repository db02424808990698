import { z } from 'zod';

/** What a sender may do by kind (messaging.md §4): segments a second, and the least time between two messages. */
const paces = {
  long: { segmentsPerSecond: 1, messageEveryMs: 2_000 },
  tollfree: { segmentsPerSecond: 3, messageEveryMs: 0 },
  short: { segmentsPerSecond: 100, messageEveryMs: 0 },
  service: { segmentsPerSecond: 1, messageEveryMs: 2_000 },
} as const;

const senderSchema = z
  .strictObject({
    /** E.164, a short code's digits, or the SID of a Messaging Service. */
    number: z.string().regex(/^(\+[1-9]\d{6,14}|\d{3,8}|MG[0-9a-f]{32})$/),
    kind: z.enum(['long', 'tollfree', 'short', 'service']).default('long'),
    /** `operator` texts the people who run Studybridge, from a number of its own. */
    purpose: z.enum(['study', 'operator']).default('study'),
    /** The binding that sends from it; none: every binding (operators only). */
    binding: z.string().optional(),
    segmentsPerSecond: z.number().positive().max(1_000).optional(),
    messageEveryMs: z.number().min(0).max(3_600_000).optional(),
  })
  .transform(({ segmentsPerSecond, messageEveryMs, binding, ...sender }) => ({
    ...sender,
    binding: binding ?? null,
    segmentsPerSecond: segmentsPerSecond ?? paces[sender.kind].segmentsPerSecond,
    messageEveryMs: messageEveryMs ?? paces[sender.kind].messageEveryMs,
  }));

/** A number that texts leave from, as the settings name it, with its pace. */
export type SenderSetting = z.infer<typeof senderSchema>;

/** JSON of a list of senders. */
const sendersSchema = z
  .array(senderSchema)
  .refine((list) => new Set(list.map((sender) => sender.number)).size === list.length, 'a number is named twice.')
  .refine(
    (list) => list.every((sender) => sender.purpose === 'operator' || sender.binding !== null),
    'a sender of a study names no binding.',
  );

/** `SENDERS`: the list as JSON. */
export const sendersSetting = z
  .string()
  .default('[]')
  .transform((text, issues) => {
    try {
      const parsed = sendersSchema.safeParse(JSON.parse(text));
      if (parsed.success) return parsed.data;
      for (const issue of parsed.error.issues) {
        issues.addIssue({ code: 'custom', message: `${issue.path.join('.') || 'the list'} is not right.` });
      }
    } catch {
      issues.addIssue({ code: 'custom', message: 'not JSON.' });
    }
    return z.NEVER;
  });
