import { z } from 'zod';
import { cellAddressSchema, cellValueSchema } from '../cells';
import { reasonCodes } from '../reasons';
import { defineEvent } from './define-event';

/**
 * What became of requested cells: written and read back, or refused with the reason. For a refused cell `value` is what
 * REDCap holds now, where known, sealed where it identifies. Said by redcap-gateway in the transaction that updates its snapshot.
 */
export const writeSettled = defineEvent({
  type: 'redcap.write-settled',
  version: 2,
  // Version 1 knew text only.
  upcast: { 1: (payload) => payload },
  schema: z.object({
    participantId: z.uuid(),
    project: z.string().min(1),
    owner: z.string().min(1),
    cells: z
      .array(
        cellAddressSchema.extend({
          outcome: z.enum(['applied', 'refused']),
          value: cellValueSchema.nullable(),
          reason: z.enum(reasonCodes).nullable(),
        }),
      )
      .min(1),
  }),
  key: (payload) => payload.participantId,
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
        outcome: 'applied',
        reason: null,
      },
    ],
  },
});
/** What {@link writeSettled} says. */
export type WriteSettled = z.infer<typeof writeSettled.schema>;
