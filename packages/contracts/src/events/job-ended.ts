import { z } from 'zod';
import { defineEvent } from './define-event';

/** A run of a service's job has ended. Said in the transaction that records its end; no participant data in any of it. */
export const jobEnded = defineEvent({
  type: 'ops.job-ended',
  version: 1,
  schema: z.object({
    service: z.string().min(1),
    job: z.string().min(1),
    binding: z.string(),
    runId: z.uuid(),
    /** Why there was a run: its schedule, a person, an earlier run that failed or was cut off or missed. */
    kind: z.enum(['schedule', 'manual', 'once', 'backfill', 'retry', 'catch-up']),
    /** `abandoned`: cut off, and run again where the job makes up for it. */
    outcome: z.enum(['done', 'failed', 'abandoned']),
    /** What came of it, one sentence; for a failed one with what to do. */
    sentence: z.string(),
    errorCode: z.string().nullable(),
    /** Study time, ISO UTC. */
    dueAt: z.iso.datetime(),
    startedAt: z.iso.datetime(),
    endedAt: z.iso.datetime(),
    /** Begun much later than it was due, or instead of a run that was missed. */
    late: z.boolean(),
    dryRun: z.boolean(),
    counts: z.record(z.string(), z.number()),
    log: z.array(z.string()),
    /** Study time, ISO UTC: when the next run of this job should begin at the latest; null where none is sure to come. */
    nextDueAt: z.iso.datetime().nullable(),
  }),
  key: (payload) => `${payload.service}/${payload.job}/${payload.binding}`,
  example: {
    service: 'agile-health',
    job: 'agile-status',
    binding: 'ismile.production',
    runId: '0a0f4b0e-5d0c-4f0e-9d57-0d7c3d0f5a13',
    kind: 'schedule',
    outcome: 'done',
    sentence: 'Done: members 12, changed 1.',
    errorCode: null,
    dueAt: '2018-09-04T17:00:00Z',
    startedAt: '2018-09-04T17:00:00Z',
    endedAt: '2018-09-04T17:00:04Z',
    late: false,
    dryRun: false,
    counts: { members: 12, changed: 1 },
    log: [],
    nextDueAt: '2018-09-04T17:15:00Z',
  },
});
/** What {@link jobEnded} says. */
export type JobEnded = z.infer<typeof jobEnded.schema>;
