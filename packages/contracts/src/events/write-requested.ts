import { z } from 'zod';
import { cellAddressSchema, cellValueSchema } from '../cells';
import { defineEvent } from './define-event';

/**
 * A service states the desired values of cells that it owns; redcap-gateway guards and writes them. A later request for
 * the same cell replaces an earlier one. `basedOn` is the value the decision saw (`''` for blank). What identifies is sealed.
 */
export const writeRequested = defineEvent({
  type: 'redcap.write-requested',
  version: 2,
  // Version 1 knew text only.
  upcast: { 1: (payload) => payload },
  schema: z.object({
    participantId: z.uuid(),
    project: z.string().min(1),
    /** The service that asks; it must own every cell (studies’ cell ownership). */
    owner: z.string().min(1),
    cells: z.array(cellAddressSchema.extend({ value: cellValueSchema, basedOn: cellValueSchema })).min(1),
  }),
  // Several services ask for cells of one participant, and each numbers what it says by itself.
  key: (payload) => `${payload.participantId}/${payload.owner}`,
  example: {
    participantId: '7b0f4b0e-5d0c-4f0e-9d57-0d7c3d0f5a11',
    project: 'main',
    owner: 'agile-health',
    cells: [
      {
        event: 'baseline_arm_1',
        instrument: 'agile_link',
        instance: 0,
        field: 'ag_status',
        value: '40',
        basedOn: '30',
      },
    ],
  },
});
/** What {@link writeRequested} says. */
export type WriteRequested = z.infer<typeof writeRequested.schema>;
