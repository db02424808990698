import { z } from 'zod';

/**
 * Why a fact was published (law 7). Only `live` and `reconcile` may act on the outside by themselves; the others send
 * nothing until the partner's side was looked up and a person released what is missing.
 */
export const causeSchema = z.enum(['live', 'baseline', 'schema', 'reconcile', 'restore']);
/** Why an event is said; see {@link causeSchema}. */
export type Cause = z.infer<typeof causeSchema>;

/** Whether facts of this cause may reach the outside without a person (law 7). */
export function actsByItself(cause: Cause): boolean {
  return cause === 'live' || cause === 'reconcile';
}
