import { z } from 'zod';

/** Messages per topic. */
const perTopic = z.record(z.string(), z.number());

/** A service's answer to `GET /idle` (law 12): what it has left to do, and what it knows of the bus. */
export const idleAnswerSchema = z.object({
  service: z.string(),
  /** Every count of `work` is 0. */
  idle: z.boolean(),
  /** Study time, ISO UTC. */
  now: z.string(),
  /** What will still happen by itself, counted by part. */
  work: z.record(z.string(), z.number()),
  /** Messages of each topic that it has given a seq (said) and stored in its inbox (heard), ever. */
  topics: z.object({ said: perTopic, heard: perTopic }),
  /** The next instant of each job, ISO UTC. */
  nextDue: z.array(z.object({ job: z.string(), at: z.string() })),
  /** Sentences about what hinders the work; no participant data. */
  problems: z.array(z.string()),
});
/** See {@link idleAnswerSchema}. */
export type IdleAnswer = z.infer<typeof idleAnswerSchema>;
