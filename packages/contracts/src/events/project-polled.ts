import { z } from 'zod';
import { defineEvent } from './define-event';

/** A poll of one project finished: everything up to `asOf` has been published. Jobs that need completeness wait for it. */
export const projectPolled = defineEvent({
  type: 'redcap.project-polled',
  version: 1,
  schema: z.object({
    project: z.string().min(1),
    /** `ids` for the frequent poll, `full` for the nightly comparison. */
    kind: z.enum(['ids', 'full']),
    asOf: z.iso.datetime(),
    recordsSeen: z.number().int().min(0),
    participantsChanged: z.number().int().min(0),
    binding: z.string().min(1),
  }),
  key: (payload) => `${payload.binding}/${payload.project}`,
  example: {
    project: 'main',
    kind: 'ids',
    asOf: '2018-09-04T17:00:00.000Z',
    recordsSeen: 3,
    participantsChanged: 1,
    binding: 'ismile.sandbox',
  },
});
/** What {@link projectPolled} says. */
export type ProjectPolled = z.infer<typeof projectPolled.schema>;
