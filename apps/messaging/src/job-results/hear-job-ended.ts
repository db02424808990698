import type { Envelope, JobEnded } from '@studybridge/contracts';
import type { EntityManager } from 'typeorm';
import type { Place, Room } from '../room';
import { runMail } from './job-mail';
import { mailOperators, textOperators } from './tell-operators';

const minuteMs = 60_000;
const dayMs = 24 * 60 * minuteMs;
/** So many pauses between news are remembered, and so few must be known before a longer one is noticed. */
const pausesKept = 20;
const pausesNeeded = 5;
/** An end that was told long ago says nothing about what should have ended since. */
const freshMs = 5 * minuteMs;

/** Counts of what was merely looked at. Any other count above zero is news. */
const routine = new Set([
  'members',
  'participants',
  'seen',
  'records',
  'recordsSeen',
  'asked',
  'found',
  'due',
  'checked',
  'pages',
  'read',
  'looked',
]);

interface Watch {
  failing_since: Date | null;
  failures: number;
  news_at: Date | null;
  pauses: number[];
  quiet_told: boolean;
}

/** A job's run ended: noted for the summary, mailed where its job is to be, texted where something is wrong. */
export async function hearJobEnded(em: EntityManager, room: Room, envelope: Envelope<JobEnded>): Promise<void> {
  const run = envelope.payload;
  const place = placeFor(room, run.binding);
  // A dry run is shown to whoever asked for it.
  if (!place || run.dryRun) return;
  const endedAt = new Date(run.endedAt);
  const before = await readWatch(em, run);
  const failed = run.outcome === 'failed';
  const newlyFailed = failed && before?.failing_since == null;
  const recovered = run.outcome === 'done' && before?.failing_since != null;
  const news = newsOf(run, before, endedAt);
  const isQuiet = run.outcome === 'done' && !news.has && !news.told && goneQuiet(room, news, endedAt);
  await saveWatch(em, run, before, { endedAt, ...news, told: news.told || isQuiet });

  const mode = room.context.config.JOB_MAILS(run.job);
  const repeated = run.kind === 'retry' && !newlyFailed && failed;
  const wanted =
    run.outcome !== 'abandoned' &&
    (mode === 'every' ? !repeated : mode === 'failures' && (newlyFailed || recovered || run.late));
  const mail = !wanted ? 'none' : newlyFailed || (await hasRoom(em, room, run, endedAt)) ? 'asked' : 'held-back';
  if (mail === 'asked') {
    const text = runMail(run, { recovered, failures: before?.failures ?? 0 });
    await mailOperators(em, room, place, { ...text, key: run.runId, correlationId: run.runId });
  }
  await em.query(
    `INSERT INTO job_run_note (run_id, service, job, binding, outcome, sentence, late, ended_at, counts, mail)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT DO NOTHING`,
    [run.runId, run.service, run.job, run.binding, run.outcome, run.sentence, run.late, endedAt, run.counts, mail],
  );

  const name = `${run.job} ${run.binding}`;
  const say = (line: string): Promise<void> => textOperators(em, room, place, line);
  if (newlyFailed || (failed && mode === 'every' && !repeated))
    await say(`${name} failed: ${run.errorCode ?? 'unknown'}`);
  if (run.late) await say(`${name} began ${minutes(run)} minutes late`);
  if (isQuiet) await say(`${name}: nothing new for ${days(news.at ?? endedAt, endedAt)} days`);
  if (room.context.clock.now().getTime() - endedAt.getTime() < freshMs) await tellMissed(em, room, endedAt);
}

/** Whether the limit of mails about a binding's single runs leaves room. */
async function hasRoom(em: EntityManager, room: Room, run: JobEnded, now: Date): Promise<boolean> {
  const [today]: { n: number }[] = await em.query(
    `SELECT count(*)::int AS n FROM job_run_note WHERE binding = $1 AND mail = 'asked' AND ended_at > $2`,
    [run.binding, new Date(now.getTime() - dayMs)],
  );
  return (today?.n ?? 0) < room.context.config.JOB_MAILS_PER_DAY;
}

/** Where the messages about a job belong: its own binding, else (a study that sends nothing itself) the first that has texts. */
function placeFor(room: Room, binding: string): Place | null {
  return room.places.get(binding) ?? [...room.places.values()][0] ?? null;
}

const minutes = (run: JobEnded): number => Math.round((Date.parse(run.startedAt) - Date.parse(run.dueAt)) / minuteMs);
const days = (from: Date, to: Date): number => Math.floor((to.getTime() - from.getTime()) / dayMs);

async function readWatch(em: EntityManager, { service, job, binding }: JobEnded): Promise<Watch | undefined> {
  const rows: Watch[] = await em.query(
    `SELECT failing_since, failures, news_at, pauses, quiet_told FROM job_watch
      WHERE service = $1 AND job = $2 AND binding = $3 FOR UPDATE`,
    [service, job, binding],
  );
  return rows[0];
}

interface News {
  has: boolean;
  at: Date | null;
  pauses: number[];
  told: boolean;
}

/** When the job last had news, and the pauses between news before that. */
function newsOf(run: JobEnded, before: Watch | undefined, endedAt: Date): News {
  const has = Object.entries(run.counts).some(([what, count]) => count > 0 && !routine.has(what));
  const kept = { at: before?.news_at ?? null, pauses: before?.pauses ?? [], told: before?.quiet_told ?? false };
  if (!has) return { has, ...kept };
  const pause = kept.at === null ? [] : [(endedAt.getTime() - kept.at.getTime()) / 1_000];
  return { has, at: endedAt, pauses: [...kept.pauses, ...pause].slice(-pausesKept), told: false };
}

/** Whether there was nothing new for longer than is normal for this job. */
function goneQuiet(room: Room, news: News, now: Date): boolean {
  const { JOB_QUIET_DAYS: leastDays, JOB_QUIET_FACTOR: factor } = room.context.config;
  if (news.at === null || news.pauses.length < pausesNeeded) return false;
  const normalMs = Math.max(leastDays * dayMs, Math.max(...news.pauses) * 1_000 * factor);
  return now.getTime() - news.at.getTime() > normalMs;
}

async function saveWatch(
  em: EntityManager,
  run: JobEnded,
  before: Watch | undefined,
  o: { endedAt: Date; at: Date | null; pauses: number[]; told: boolean },
): Promise<void> {
  const failed = run.outcome === 'failed';
  const still = run.outcome === 'abandoned';
  await em.query(
    `INSERT INTO job_watch AS w (service, job, binding, last_ended_at, failing_since, failures, next_due_at, news_at, pauses,
        quiet_told)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
     ON CONFLICT (service, job, binding) DO UPDATE SET last_ended_at = greatest(w.last_ended_at, excluded.last_ended_at),
        failing_since = excluded.failing_since, failures = excluded.failures, next_due_at = excluded.next_due_at,
        news_at = excluded.news_at, pauses = excluded.pauses, quiet_told = excluded.quiet_told`,
    [
      run.service,
      run.job,
      run.binding,
      o.endedAt,
      failed ? (before?.failing_since ?? o.endedAt) : still ? (before?.failing_since ?? null) : null,
      failed ? (before?.failures ?? 0) + 1 : still ? (before?.failures ?? 0) : 0,
      run.nextDueAt,
      o.at,
      o.pauses,
      o.told,
    ],
  );
}

/** Jobs whose next run should have ended by now; each instant is told once. */
async function tellMissed(em: EntityManager, room: Room, now: Date): Promise<void> {
  const latest = new Date(now.getTime() - room.context.config.JOB_MISSED_AFTER_MINUTES * minuteMs);
  const [missed]: [{ job: string; binding: string; missed_at: Date }[], number] = await em.query(
    `UPDATE job_watch SET missed_at = next_due_at WHERE (service, job, binding) IN (
        SELECT service, job, binding FROM job_watch
         WHERE next_due_at < $1 AND missed_at IS DISTINCT FROM next_due_at AND failing_since IS NULL FOR UPDATE SKIP LOCKED)
      RETURNING job, binding, missed_at`,
    [latest],
  );
  for (const { job, binding, missed_at: dueAt } of missed) {
    const place = placeFor(room, binding);
    if (place)
      await textOperators(em, room, place, `${job} ${binding} has not run since it was due ${dueAt.toISOString()}`);
  }
}
