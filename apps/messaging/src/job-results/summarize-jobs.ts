import type { JobRun } from '@studybridge/service-kit';
import type { Place, Room } from '../room';
import { summaryMail, type JobDay } from './job-mail';
import { mailOperators } from './tell-operators';

const dayMs = 86_400_000;
/** The job's name. */
export const summaryJob = 'job-summary';
/** Notes of runs are kept for so long after their summary. */
const keptDays = 30;

/** Mails what the jobs of a binding did since the summary before (at first: in a day); nothing where nothing ran. */
export async function summarizeJobs(room: Room, place: Place, run: JobRun): Promise<Record<string, number>> {
  const bindings = [...room.places.keys()];
  return room.context.dataSource.transaction(async (em) => {
    await run.lease.assert(em);
    const [before]: { at: Date | null }[] = await em.query(
      `SELECT max(started_at) AS at FROM job_run
        WHERE name = $1 AND binding = $2 AND state = 'done' AND NOT dry_run AND started_at < $3`,
      [summaryJob, place.binding.id, run.startedAt],
    );
    const since = before?.at ?? new Date(run.startedAt.getTime() - dayMs);
    const jobs: JobDay[] = await em.query(
      `SELECT n.service, n.job, n.binding, count(*)::int AS runs,
          (count(*) FILTER (WHERE n.outcome = 'failed'))::int AS failed, (count(*) FILTER (WHERE n.late))::int AS late,
          (count(*) FILTER (WHERE n.mail = 'held-back'))::int AS "heldBack",
          (array_agg(n.sentence ORDER BY n.ended_at DESC))[1] AS "lastSentence", w.failing_since AS "failingSince",
          (SELECT coalesce(jsonb_object_agg(one.what, one.total), '{}') FROM (
             SELECT c.key AS what, sum(c.value::numeric) AS total FROM job_run_note m, jsonb_each_text(m.counts) c
              WHERE m.service = n.service AND m.job = n.job AND m.binding = n.binding AND m.ended_at > $1 AND m.ended_at <= $2
              GROUP BY c.key) one) AS counts
         FROM job_run_note n LEFT JOIN job_watch w USING (service, job, binding)
        WHERE n.ended_at > $1 AND n.ended_at <= $2 AND (n.binding = $3 OR ($4 AND NOT n.binding = ANY($5)))
        GROUP BY n.service, n.job, n.binding, w.failing_since ORDER BY n.job, n.service, n.binding`,
      // Bindings that send nothing themselves are told of with the first one that does.
      [since, run.startedAt, place.binding.id, bindings[0] === place.binding.id, bindings],
    );
    if (jobs.length > 0 && !run.dryRun) {
      const day = run.startedAt.toISOString();
      const mail = summaryMail(place.binding.id, jobs);
      await mailOperators(em, room, place, {
        ...mail,
        key: `summary|${place.binding.id}|${day}`,
        correlationId: run.id,
      });
    }
    await em.query('DELETE FROM job_run_note WHERE ended_at < $1', [
      new Date(run.startedAt.getTime() - keptDays * dayMs),
    ]);
    return { jobs: jobs.length };
  });
}
