import { z } from 'zod';
import { reasonCodes } from '../reasons';
import { defineEvent } from './define-event';

/** What we know of a participant at the texting partner. Said by agile-health; the arm is left out on purpose (law 8). */
export const memberChanged = defineEvent({
  type: 'agile.member-changed',
  version: 1,
  schema: z.object({
    participantId: z.uuid(),
    memberId: z.string().nullable(),
    /** The partner's own word, e.g. `OPTED_IN`; null before there is a member. */
    status: z.string().nullable(),
    statusAt: z.iso.datetime().nullable(),
    held: z.enum(reasonCodes).nullable(),
    attention: z.array(z.enum(reasonCodes)),
  }),
  key: (payload) => payload.participantId,
  example: {
    participantId: '7b0f4b0e-5d0c-4f0e-9d57-0d7c3d0f5a11',
    memberId: 'm_8f2c',
    status: 'OPTED_IN',
    statusAt: '2018-09-04T18:00:00Z',
    held: null,
    attention: [],
  },
});
/** What {@link memberChanged} says. */
export type MemberChanged = z.infer<typeof memberChanged.schema>;
