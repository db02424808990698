import { z } from 'zod';
import { causeSchema } from './causes';

/**
 * What travels on a topic. `seq` is contiguous from 1 for each (topic, key), given in the producing transaction, so order
 * and gaps can be checked by anyone (law 2). Instants are ISO 8601 UTC in study time.
 */
export const envelopeSchema = z.object({
  id: z.uuid(),
  type: z.string().min(1),
  version: z.number().int().min(1),
  key: z.string().min(1),
  seq: z.number().int().min(1),
  /** `study.environment`, e.g. `ismile.production`. */
  binding: z.string().min(1),
  study: z.string().min(1),
  occurredAt: z.iso.datetime(),
  /** One id from the poll that saw a change to the write-back that answers it. */
  correlationId: z.string().min(1),
  cause: causeSchema,
  payload: z.unknown(),
});
/** See {@link envelopeSchema}; its payload by type. */
export type Envelope<P = unknown> = Omit<z.infer<typeof envelopeSchema>, 'payload'> & { payload: P };
