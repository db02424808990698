import type { z } from 'zod';

/** One event type: its name, its topic, its schema version, what its key is, and an example that the schema accepts. */
export interface EventDefinition<P> {
  type: string;
  topic: string;
  version: number;
  schema: z.ZodType<P>;
  key: (payload: P) => string;
  example: P;
  /** From an older version's payload to this one's, by version (tolerant reader). */
  upcast?: Record<number, (payload: unknown) => unknown>;
}

/** Declares an event type; the topic is the type's name (one topic per event type). */
export function defineEvent<S extends z.ZodType>(definition: {
  type: string;
  version: number;
  schema: S;
  key: (payload: z.infer<S>) => string;
  example: z.infer<S>;
  upcast?: Record<number, (payload: unknown) => unknown>;
}): EventDefinition<z.infer<S>> {
  return { ...definition, topic: definition.type, schema: definition.schema as unknown as z.ZodType<z.infer<S>> };
}
