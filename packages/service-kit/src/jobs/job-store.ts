import { randomUUID } from 'node:crypto';
import type { DataSource, EntityManager } from 'typeorm';
import type { Schedule } from '../bindings/binding';
import type { RunKind, RunState, RunView } from './job';

/** What the database knows of one job, with its open runs; one statement for all jobs ({@link lookAtJobs}). */
export interface JobRow {
  name: string;
  binding: string;
  paused: boolean;
  next_run_at: Date | null;
  seen_until: Date | null;
  failures: number;
  /** Real time until the next early attempt; null when there is none, ≤ 0 when it is due. */
  retry_in_ms: number | null;
  last_state: RunState | null;
  last_outcome: string | null;
  running: number;
  /** Queued runs whose instant has come, and the next instant of one that waits. */
  queued_due: number;
  next_queued: Date | null;
  /** Somebody holds the job's lease. */
  leased: boolean;
}

/** A run to insert. */
export interface NewRun {
  name: string;
  binding: string;
  kind: RunKind;
  dueAt: Date;
  dryRun?: boolean;
  from?: Date | null;
  to?: Date | null;
  attempt?: number;
}

/** A run as the engine needs it to start. */
export interface OpenRun {
  id: string;
  kind: RunKind;
  attempt: number;
  due_at: Date;
  dry_run: boolean;
  from_at: Date | null;
  to_at: Date | null;
}

/** The name under which a job's lease is kept. */
export function leaseName(name: string, binding: string): string {
  return `job:${name}@${binding}`;
}

/** All jobs with their open runs, as of `now` (study time). */
export function lookAtJobs(source: DataSource | EntityManager, now: Date): Promise<JobRow[]> {
  return source.query<JobRow[]>(
    `SELECT j.name, j.binding, j.paused, j.next_run_at, j.seen_until, j.failures, j.last_state, j.last_outcome,
            (extract(epoch FROM j.real_retry_at - clock_timestamp()) * 1000)::float8 AS retry_in_ms,
            r.running, r.queued_due, r.next_queued,
            coalesce(l.holder IS NOT NULL AND l.real_expires_at > clock_timestamp(), false) AS leased
       FROM job j
       LEFT JOIN lease l ON l.name = 'job:' || j.name || '@' || j.binding
      CROSS JOIN LATERAL (
            SELECT count(*) FILTER (WHERE state = 'running')::int AS running,
                   count(*) FILTER (WHERE state = 'queued' AND due_at <= $1)::int AS queued_due,
                   min(due_at) FILTER (WHERE state = 'queued' AND due_at > $1) AS next_queued
              FROM job_run
             WHERE name = j.name AND binding = j.binding AND state IN ('queued', 'running')) r
      ORDER BY j.name, j.binding`,
    [now],
  );
}

/** Inserts a queued run; a plain manual one that already waits is taken instead of a second. */
export async function queueRun(source: DataSource | EntityManager, run: NewRun): Promise<string> {
  if (run.kind === 'manual') {
    const waiting = await source.query<{ id: string }[]>(
      `SELECT id FROM job_run
        WHERE name = $1 AND binding = $2 AND kind = 'manual' AND state = 'queued' AND dry_run = $3
        ORDER BY real_created_at LIMIT 1`,
      [run.name, run.binding, run.dryRun ?? false],
    );
    if (waiting[0] !== undefined) return waiting[0].id;
  }
  const id = randomUUID();
  await source.query(
    `INSERT INTO job_run (id, name, binding, kind, state, due_at, dry_run, from_at, to_at, attempt)
     VALUES ($1, $2, $3, $4, 'queued', $5, $6, $7, $8, $9)`,
    [
      id,
      run.name,
      run.binding,
      run.kind,
      run.dueAt,
      run.dryRun ?? false,
      run.from ?? null,
      run.to ?? null,
      run.attempt ?? 1,
    ],
  );
  return id;
}

/** What is said of a run whose process is gone. */
export const cutOff = 'Cut off: its process died or was replaced.';

/** Whether a one-shot run waits for an instant of a span. */
export async function isAnnounced(
  em: EntityManager,
  { name, binding }: { name: string; binding: string },
  from: Date,
  to: Date,
): Promise<boolean> {
  const waiting = await em.query<unknown[]>(
    `SELECT 1 FROM job_run WHERE name = $1 AND binding = $2 AND kind = 'once' AND state = 'queued' AND NOT dry_run
        AND due_at BETWEEN $3 AND $4 LIMIT 1`,
    [name, binding, from, to],
  );
  return waiting.length > 0;
}

/** Marks what an earlier holder left running; returns what was cut off. Only while holding the job's lease. */
export async function abandonRuns(
  em: EntityManager,
  name: string,
  binding: string,
  now: Date,
): Promise<(OpenRun & { started_at: Date })[]> {
  const [rows] = await em.query<[(OpenRun & { started_at: Date })[], number]>(
    `UPDATE job_run
        SET state = 'abandoned', finished_at = $3, real_finished_at = clock_timestamp(),
            outcome = $4
      WHERE name = $1 AND binding = $2 AND state = 'running'
      RETURNING id, kind, attempt, due_at, started_at, dry_run, from_at, to_at`,
    [name, binding, now, cutOff],
  );
  return rows;
}

/** The queued run to start next, if any is due. */
export async function nextQueued(
  em: EntityManager,
  name: string,
  binding: string,
  now: Date,
): Promise<OpenRun | undefined> {
  const rows = await em.query<OpenRun[]>(
    `SELECT id, kind, attempt, due_at, dry_run, from_at, to_at FROM job_run
      WHERE name = $1 AND binding = $2 AND state = 'queued' AND due_at <= $3
      ORDER BY due_at, real_created_at LIMIT 1 FOR UPDATE`,
    [name, binding, now],
  );
  return rows[0];
}

/** Turns a queued run into a running one. */
export async function beginRun(
  em: EntityManager,
  id: string,
  o: { now: Date; settings: object; codeVersion: string; epoch: number; instance: string },
): Promise<void> {
  await em.query(
    `UPDATE job_run SET state = 'running', started_at = $2, settings = $3, code_version = $4, epoch = $5,
            instance = $6, real_started_at = clock_timestamp() WHERE id = $1`,
    [id, o.now, JSON.stringify(o.settings), o.codeVersion, o.epoch, o.instance],
  );
}

/** How a run ended. */
export interface RunEnd {
  state: 'done' | 'failed' | 'abandoned';
  finishedAt: Date;
  counts: Record<string, number>;
  log: readonly string[];
  outcome: string;
  errorCode: string | null;
  errorClass: string | null;
}

/** Records how a run ended. */
export async function endRun(em: EntityManager, id: string, end: RunEnd): Promise<void> {
  await em.query(
    `UPDATE job_run SET state = $2, finished_at = $3, counts = $4, log = $5, outcome = $6, error_code = $7,
            error_class = $8, real_finished_at = clock_timestamp() WHERE id = $1 AND state = 'running'`,
    [
      id,
      end.state,
      end.finishedAt,
      JSON.stringify(end.counts),
      JSON.stringify(end.log),
      end.outcome,
      end.errorCode,
      end.errorClass,
    ],
  );
}

/** Creates or updates a job's row; `decide` is handed the next run stored so far (undefined for a new job). */
export async function syncJob(
  dataSource: DataSource,
  job: { name: string; binding: string; schedules: readonly Schedule[]; on: boolean },
  decide: (stored: { next: Date | null; on: boolean } | undefined) => Date | null,
): Promise<void> {
  await dataSource.transaction(async (em) => {
    await em.query(
      `INSERT INTO job (name, binding, schedules, is_on, last_state) VALUES ($1, $2, '[]', false, NULL)
       ON CONFLICT DO NOTHING`,
      [job.name, job.binding],
    );
    const [row] = await em.query<{ next_run_at: Date | null; is_on: boolean; schedules: unknown[] }[]>(
      `SELECT next_run_at, is_on, schedules FROM job WHERE name = $1 AND binding = $2 FOR UPDATE`,
      [job.name, job.binding],
    );
    const known = row !== undefined && (row.is_on || row.schedules.length > 0);
    const next = decide(known ? { next: row.next_run_at, on: row.is_on } : undefined);
    await em.query(`UPDATE job SET schedules = $3, is_on = $4, next_run_at = $5 WHERE name = $1 AND binding = $2`, [
      job.name,
      job.binding,
      JSON.stringify(job.schedules),
      job.on,
      job.on ? next : null,
    ]);
  });
}

interface RunRow {
  id: string;
  name: string;
  binding: string;
  kind: RunKind;
  state: RunState;
  due_at: Date;
  started_at: Date | null;
  finished_at: Date | null;
  duration_ms: number | null;
  dry_run: boolean;
  from_at: Date | null;
  to_at: Date | null;
  counts: Record<string, number>;
  log: string[];
  outcome: string | null;
  error_code: string | null;
  error_class: string | null;
  settings: Record<string, unknown>;
  code_version: string;
  epoch: number | null;
  instance: string | null;
}

/** Recorded runs, the latest first; of some jobs or of all, or one by its id. */
export async function readRuns(
  dataSource: DataSource,
  o: { jobs?: { name: string; binding: string }[]; id?: string; limit: number },
): Promise<RunView[]> {
  const rows = await dataSource.query<RunRow[]>(
    `SELECT id, name, binding, kind, state, due_at, started_at, finished_at, dry_run, from_at, to_at, counts, log,
            (extract(epoch FROM real_finished_at - real_started_at) * 1000)::float8 AS duration_ms,
            outcome, error_code, error_class, settings, code_version, epoch::int AS epoch, instance
       FROM job_run
      WHERE ($1::uuid IS NULL OR id = $1) AND ($2::text[] IS NULL OR name || '@' || binding = ANY ($2))
      ORDER BY real_created_at DESC LIMIT $3`,
    [o.id ?? null, o.jobs?.map(({ name, binding }) => `${name}@${binding}`) ?? null, o.limit],
  );
  return rows.map((row) => ({
    id: row.id,
    name: row.name,
    binding: row.binding,
    kind: row.kind,
    state: row.state,
    dueAt: row.due_at,
    startedAt: row.started_at,
    finishedAt: row.finished_at,
    durationMs: row.duration_ms === null ? null : Math.round(row.duration_ms),
    dryRun: row.dry_run,
    from: row.from_at,
    to: row.to_at,
    counts: row.counts,
    log: row.log,
    outcome: row.outcome,
    errorCode: row.error_code,
    errorClass: row.error_class,
    settings: row.settings,
    codeVersion: row.code_version,
    epoch: row.epoch,
    instance: row.instance,
  }));
}
