import { z } from 'zod';
import { defineEvent } from './define-event';

/** What may differ between REDCap, the texting partner and what we last agreed with it. */
export const differenceKinds = [
  'NOT_ENROLLED',
  'NOT_AT_PARTNER',
  'NOT_TAKEN_IN',
  'SEVERAL_MEMBERS',
  'DETAILS',
  'ARM',
  'STATUS',
  'WITHDRAWAL',
  'CELLS',
] as const;
/** One of {@link differenceKinds}. */
export type DifferenceKind = (typeof differenceKinds)[number];

/**
 * How one participant differs between REDCap, the texting partner and what we last agreed, by the nightly comparison; an empty
 * list when nothing does any more. `cause` is a code: who moved, or why it was not put right. Never a value, never the arm
 * (laws 8 and 9). Said by agile-health when it changed.
 */
export const differencesChanged = defineEvent({
  type: 'agile.differences-changed',
  version: 1,
  schema: z.object({
    participantId: z.uuid(),
    /** The comparison began at this instant (study time). */
    asOf: z.iso.datetime(),
    differences: z.array(
      z.object({ kind: z.enum(differenceKinds), cause: z.string().min(1), fields: z.array(z.string()) }),
    ),
  }),
  key: (payload) => payload.participantId,
  example: {
    participantId: '7b0f4b0e-5d0c-4f0e-9d57-0d7c3d0f5a11',
    asOf: '2018-09-05T11:40:00Z',
    differences: [{ kind: 'DETAILS', cause: 'PARTNER_CHANGED', fields: ['mobile'] }],
  },
});
/** What {@link differencesChanged} says. */
export type DifferencesChanged = z.infer<typeof differencesChanged.schema>;
