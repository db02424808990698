import { setTimeout as sleep } from 'node:timers/promises';
import { StudybridgeError, type Clock } from '@studybridge/contracts';
import { Counter, Histogram, type Registry } from 'prom-client';
import type { DataSource, EntityManager } from 'typeorm';
import type { Binding } from '../bindings/binding';
import { isPassingDatabaseError } from '../database/database-error';
import type { Lease, Leases } from '../leases/lease';
import { runCorrelated } from '../logging/correlation';
import type { Logger } from '../logging/create-logger';
import { describeError } from '../logging/describe-error';
import { earlyRetryMs, isAwaitedRetry } from './early-retry';
import type { EndedRun, JobDefinition, Jobs, JobView, RunRequest, RunView } from './job';
import {
  abandonRuns,
  beginRun,
  cutOff,
  endRun,
  isAnnounced,
  leaseName,
  lookAtJobs,
  nextQueued,
  queueRun,
  readRuns,
  syncJob,
  type JobRow,
  type OpenRun,
  type RunEnd,
} from './job-store';
import { keepLease } from './keep-lease';
import { isSchedule, nextInstant, nextInstantFrom } from './next-instant';
import { RunLog } from './run-log';

/** How long a dead process blocks its jobs. */
const defaultTtlMs = 12_000;
/** A run that was cut off this often is not started again by itself. */
const maxAttempts = 5;
/** Later than this at the start of a process counts as missed, for jobs without catch-up. */
const missedAfterMs = 60_000;
/** Begun so much after its instant, a run is late. */
const lateAfterMs = 15 * 60_000;
const stopWithinMs = 10_000;
/** A clock that goes back by more was set. */
const setBackMs = 60_000;

interface DefinedJob extends JobDefinition {
  on: boolean;
}

interface ActiveRun {
  job: string;
  abort: AbortController;
  done: Promise<void>;
}

/** What `/idle` says about jobs. */
export interface JobOutlook {
  work: number;
  nextDue: { job: string; at: Date }[];
  problems: string[];
}

const idOf = (job: { name: string; binding: string }): string => `${job.name}@${job.binding}`;
/** Apart, since `name@binding` looks like an e-mail address, which logs hide. */
const loggedAs = (job: { name: string; binding: string }): object => ({ job: job.name, binding: job.binding });

/** Jobs kept in the database and run under fenced leases; see DESIGN.md, Jobs. */
export class JobEngine implements Jobs {
  private readonly defined = new Map<string, DefinedJob>();
  private readonly unsynced = new Set<string>();
  private readonly active = new Map<string, ActiveRun>();
  private readonly tally = new Map<string, { runs: number; failed: number }>();
  private readonly listeners: ((em: EntityManager, run: EndedRun) => Promise<void>)[] = [];
  private readonly ended: Counter;
  private readonly seconds: Histogram;
  private readonly ttlMs: number;
  private turn: Promise<unknown> = Promise.resolve();
  /** The latest instant the clock has shown. */
  private latest = new Date(0);
  private stopping = false;
  started = false;

  constructor(
    private readonly o: {
      dataSource: DataSource;
      leases: Leases;
      clock: Clock;
      logger: Logger;
      registry: Registry;
      bindings: readonly Binding[];
      instanceId: string;
      codeVersion: string;
      leaseTtlMs?: number;
    },
  ) {
    this.ttlMs = o.leaseTtlMs ?? defaultTtlMs;
    this.ended = new Counter({
      name: 'studybridge_job_runs_total',
      help: 'Job runs of this process by outcome.',
      labelNames: ['job', 'binding', 'outcome'],
      registers: [o.registry],
    });
    this.seconds = new Histogram({
      name: 'studybridge_job_run_seconds',
      help: 'Real time that job runs took.',
      labelNames: ['job', 'binding'],
      buckets: [0.1, 0.5, 2, 10, 60, 600],
      registers: [o.registry],
    });
  }

  define(job: JobDefinition): void {
    const id = idOf(job);
    const settings = this.o.bindings.find((binding) => binding.id === job.binding)?.jobs[job.name];
    const schedules = settings?.schedules ?? job.schedules;
    const wrong = schedules.find(({ cron, zone }) => !isSchedule(cron, zone));
    if (this.defined.has(id) || wrong !== undefined) {
      throw new StudybridgeError(`The job ${id} ${wrong ? 'has a schedule that is none' : 'is defined twice'}.`, {
        code: 'BAD_JOB',
        errorClass: 'bug',
        remedy: 'Correct its definition.',
      });
    }
    this.defined.set(id, { ...job, schedules, on: settings?.on ?? true });
    this.tally.set(id, { runs: 0, failed: 0 });
    this.unsynced.add(id);
  }

  onEnded(tell: (em: EntityManager, run: EndedRun) => Promise<void>): void {
    this.listeners.push(tell);
  }

  /** Stores the definitions and starts what is due. */
  async start(): Promise<void> {
    await this.sync();
    this.started = true;
    await this.tick();
  }

  /** Aborts the runs in progress and waits for them; they go back into the queue where the job catches up. */
  async stop(): Promise<void> {
    this.stopping = true;
    this.started = false;
    await this.turn.catch(() => undefined);
    for (const { abort } of this.active.values()) abort.abort(new Error('the service stops'));
    const all = Promise.all([...this.active.values()].map(({ done }) => done));
    await Promise.race([all, sleep(stopWithinMs, undefined, { ref: false })]);
  }

  async run(name: string, request: RunRequest = {}): Promise<string> {
    const job = this.one(name, request.binding);
    await this.o.clock.refresh();
    const dueAt = this.o.clock.now();
    const id = await queueRun(this.o.dataSource, { ...job, kind: 'manual', dueAt, dryRun: request.dryRun });
    return this.follow(id, request.wait ?? false);
  }

  async once(name: string, at: Date, request: Pick<RunRequest, 'binding' | 'dryRun'> = {}): Promise<string> {
    const job = this.one(name, request.binding);
    const id = await queueRun(this.o.dataSource, { ...job, kind: 'once', dueAt: at, dryRun: request.dryRun });
    return this.follow(id, false);
  }

  async announce(
    em: EntityManager,
    name: string,
    at: Date,
    { binding, within = 0 }: { binding: string; within?: number },
  ): Promise<void> {
    const job = this.one(name, binding);
    const latest = new Date(at.getTime() + within);
    if (await isAnnounced(em, job, at, latest)) return;
    await queueRun(em, { ...job, kind: 'once', dueAt: latest });
  }

  async backfill(name: string, from: Date, to: Date, request: RunRequest = {}): Promise<string> {
    if (!(from < to)) {
      throw new StudybridgeError('A backfill needs a span that ends after it begins.', {
        code: 'BAD_ARGUMENTS',
        errorClass: 'participant',
        remedy: 'Give from and to as instants, from before to.',
      });
    }
    const job = this.one(name, request.binding);
    await this.o.clock.refresh();
    const dueAt = this.o.clock.now();
    const id = await queueRun(this.o.dataSource, { ...job, kind: 'backfill', dueAt, from, to, dryRun: request.dryRun });
    return this.follow(id, request.wait ?? false);
  }

  async list(): Promise<JobView[]> {
    const rows = await lookAtJobs(this.o.dataSource, this.o.clock.now());
    const views = rows.map((row): JobView | null => {
      const job = this.defined.get(idOf(row));
      if (job === undefined) return null;
      const due = this.dueAt(job, row);
      const candidates = [due, row.next_queued].filter((at) => at !== null);
      return {
        name: job.name,
        binding: job.binding,
        schedules: job.schedules,
        on: job.on,
        nextRun: candidates.sort((a, b) => a.getTime() - b.getTime())[0] ?? null,
        paused: row.paused,
        running: row.running > 0,
        ...(this.tally.get(idOf(row)) ?? { runs: 0, failed: 0 }),
        lastOutcome: row.last_outcome,
        lastState: row.last_state,
      };
    });
    return views.filter((view) => view !== null);
  }

  async pause(name: string): Promise<void> {
    for (const job of this.some(name)) {
      await this.o.dataSource.query('UPDATE job SET paused = true WHERE name = $1 AND binding = $2', [
        job.name,
        job.binding,
      ]);
    }
  }

  async resume(name: string): Promise<void> {
    await this.o.clock.refresh();
    for (const job of this.some(name)) {
      const next = job.on ? nextInstant(job.schedules, this.o.clock.now()) : null;
      await this.o.dataSource.query(
        'UPDATE job SET paused = false, next_run_at = $3 WHERE name = $1 AND binding = $2 AND paused',
        [job.name, job.binding, next],
      );
    }
  }

  runs(name?: string, limit = 50): Promise<RunView[]> {
    return readRuns(this.o.dataSource, { ...(name === undefined ? {} : { jobs: this.some(name) }), limit });
  }

  /** One recorded run. */
  async runOf(id: string): Promise<RunView> {
    const [run] = await readRuns(this.o.dataSource, { id, limit: 1 });
    if (run === undefined) throw unknownJob();
    return run;
  }

  /** The defined jobs of a name (`name` or `name@binding`). Throws UNKNOWN_JOB. */
  some(name: string): DefinedJob[] {
    const found = [...this.defined.values()].filter((job) => job.name === name || idOf(job) === name);
    if (found.length === 0) throw unknownJob();
    return found;
  }

  async tick(): Promise<void> {
    await this.inTurn(async () => {
      await this.sync();
      await this.startDue(await lookAtJobs(this.o.dataSource, this.o.clock.now()));
    });
  }

  /** A tick and what is left afterwards, for `/idle`: one statement when nothing is due. */
  async tickAndLook(): Promise<JobOutlook> {
    return this.inTurn(async () => {
      if (!this.started) return { work: 1, nextDue: [], problems: ['The service is starting or stopping.'] };
      await this.sync();
      let rows = await lookAtJobs(this.o.dataSource, this.o.clock.now());
      if (await this.startDue(rows)) rows = await lookAtJobs(this.o.dataSource, this.o.clock.now());
      return this.outlook(rows);
    });
  }

  /** How many runs this process has in hand, asked of nobody but itself. */
  get inHand(): number {
    return this.active.size;
  }

  /** Waits until one of this process's runs ends, at most `ms` real milliseconds. */
  async someRunEnds(ms: number): Promise<void> {
    const patience = new AbortController();
    const runs = [...this.active.values()].map(({ done }) => done.catch(() => undefined));
    await Promise.race([...runs, sleep(ms, undefined, { signal: patience.signal }).catch(() => undefined)]);
    patience.abort();
  }

  /** One tick after the other: /idle and the beat may come together. */
  private inTurn<T>(work: () => Promise<T>): Promise<T> {
    const result = this.turn.then(work, work);
    this.turn = result.catch(() => undefined);
    return result;
  }

  private one(name: string, binding?: string): DefinedJob {
    const found = this.some(name).filter((job) => binding === undefined || job.binding === binding);
    if (found[0] === undefined) throw unknownJob();
    if (found.length > 1) {
      throw new StudybridgeError(`Several bindings have the job ${name}.`, {
        code: 'AMBIGUOUS_JOB',
        errorClass: 'participant',
        remedy: `Name one: ${found.map(idOf).join(', ')}.`,
      });
    }
    return found[0];
  }

  private async follow(id: string, wait: boolean): Promise<string> {
    if (this.started) await this.tick();
    while (wait) {
      const { state } = await this.runOf(id);
      if (state !== 'queued' && state !== 'running') break;
      // Another replica may be the one that runs it.
      await Promise.race([this.active.get(id)?.done ?? sleep(200), sleep(1_000)]);
    }
    return id;
  }

  private async sync(): Promise<void> {
    const now = this.o.clock.now();
    if (this.latest.getTime() - now.getTime() > setBackMs) {
      // Next instants that were reckoned in a future that is over would keep the jobs from running until it comes again.
      this.o.logger.warn(
        { from: this.latest, to: now },
        'the clock was set back; the jobs’ next instants are reckoned anew',
      );
      for (const id of this.defined.keys()) this.unsynced.add(id);
      this.latest = now;
    } else if (now > this.latest) this.latest = now;
    for (const id of this.unsynced) {
      const job = this.defined.get(id);
      if (job !== undefined) {
        await syncJob(this.o.dataSource, job, (stored) => {
          const fresh = nextInstant(job.schedules, now);
          if (stored === undefined || !stored.on || stored.next === null || fresh === null) return fresh;
          const late = now.getTime() - stored.next.getTime();
          if (late >= 0) return job.catchUp === 'one' || late < missedAfterMs ? stored.next : fresh;
          // A replica whose clock is ahead may have run the next instant already; anything later was another schedule.
          const second = nextInstant(job.schedules, fresh);
          return second !== null && stored.next.getTime() === second.getTime() ? stored.next : fresh;
        });
      }
      this.unsynced.delete(id);
    }
  }

  /** When a job is due by its schedules in study time; null while nothing is to come. */
  private dueAt(job: DefinedJob, row: JobRow): Date | null {
    if (!job.on || row.paused || row.next_run_at === null) return null;
    const changed = job.quiet ? this.o.clock.outsideChangedAt(job.quiet) : null;
    if (changed === null) return row.next_run_at;
    // A change of the very instant at which the last run began may have come after it looked.
    // (A last run in the future belongs to a world that has been set back.)
    const seen = row.seen_until !== null && row.seen_until <= this.o.clock.now() ? row.seen_until : null;
    if (seen !== null && changed < seen) return null;
    return changed <= row.next_run_at ? row.next_run_at : nextInstantFrom(job.schedules, changed);
  }

  private isDue(job: DefinedJob, row: JobRow): boolean {
    const due = this.dueAt(job, row);
    return due !== null && due <= this.o.clock.now();
  }

  private outlook(rows: readonly JobRow[]): JobOutlook {
    const outlook: JobOutlook = { work: 0, nextDue: [], problems: [] };
    const now = this.o.clock.now();
    for (const row of rows) {
      const job = this.defined.get(idOf(row));
      if (job === undefined) continue;
      const due = this.dueAt(job, row);
      if (due !== null && due <= now) outlook.work += 1;
      outlook.work += row.running + row.queued_due;
      if (job.on && !row.paused && isAwaitedRetry(row.failures, row.retry_in_ms)) outlook.work += 1;
      const next = [due, row.next_queued].filter((at) => at !== null && at > now);
      for (const at of next) if (at !== null) outlook.nextDue.push({ job: idOf(row), at });
      if (row.last_state === 'failed') outlook.problems.push(`${idOf(row)}: ${row.last_outcome ?? 'failed'}`);
    }
    return outlook;
  }

  /** Starts what is due; true when anything changed. */
  private async startDue(rows: readonly JobRow[]): Promise<boolean> {
    if (this.stopping) return false;
    let changed = false;
    for (const row of rows) {
      const job = this.defined.get(idOf(row));
      if (job === undefined) continue;
      const scheduled = this.isDue(job, row);
      const retry = job.on && !row.paused && row.retry_in_ms !== null && row.retry_in_ms <= 0;
      // Ours goes on even when the lease ran out while this process was held up; nobody else has it then.
      const ours = [...this.active.values()].some((run) => run.job === idOf(job));
      if (row.leased || ours) {
        // Without a run there is only somebody about to begin one, for this very instant.
        if (scheduled && row.running > 0 && job.overlap === 'skip') changed = (await this.skip(job, row)) || changed;
      } else if (scheduled || retry || row.queued_due > 0 || row.running > 0) {
        changed = (await this.claim(job)) || changed;
      }
    }
    return changed;
  }

  /** An instant fell into a running run. */
  private async skip(job: DefinedJob, row: JobRow): Promise<boolean> {
    const next = nextInstant(job.schedules, this.o.clock.now());
    await this.o.dataSource.query(
      'UPDATE job SET next_run_at = $3 WHERE name = $1 AND binding = $2 AND next_run_at = $4',
      [job.name, job.binding, next, row.next_run_at],
    );
    this.o.logger.info({ ...loggedAs(job) }, 'an instant was left out: the run before it goes on');
    return true;
  }

  /** Takes the job's lease, tidies what a dead holder left, and begins the next run. */
  private async claim(job: DefinedJob): Promise<boolean> {
    const lease = await this.o.leases.acquire(leaseName(job.name, job.binding), this.ttlMs);
    if (lease === null) return false;
    const now = this.o.clock.now();
    let run: OpenRun | null;
    try {
      run = await this.o.dataSource.transaction((em) => this.beginNext(em, job, lease, now));
    } catch (error) {
      await lease.release().catch(() => undefined);
      throw error;
    }
    if (run === null) {
      await lease.release();
      return true;
    }
    const abort = new AbortController();
    const { id } = run;
    const begun = run;
    const done = runCorrelated(id, () => this.perform(job, begun, lease, now, abort)).finally(() => {
      this.active.delete(id);
      // What waited for this run should not wait for the next beat.
      if (this.started) this.tick().catch(() => undefined);
    });
    this.active.set(id, { job: idOf(job), abort, done });
    return true;
  }

  private async beginNext(em: EntityManager, job: DefinedJob, lease: Lease, now: Date): Promise<OpenRun | null> {
    await lease.assert(em);
    await em.query('SELECT 1 FROM job WHERE name = $1 AND binding = $2 FOR UPDATE', [job.name, job.binding]);
    for (const lost of await abandonRuns(em, job.name, job.binding, now)) {
      this.o.logger.warn({ ...loggedAs(job), run: lost.id }, 'a run was cut off');
      await this.requeue(em, job, lost, lost.attempt + 1, now);
      const end = { finishedAt: now, counts: {}, log: [], outcome: cutOff, errorCode: null, errorClass: null };
      await this.tell(em, job, lost, lost.started_at, { ...end, state: 'abandoned' });
    }
    const rows = await lookAtJobs(em, now);
    const row = rows.find((one) => idOf(one) === idOf(job));
    if (row === undefined) return null;
    const scheduled = this.isDue(job, row);
    const retry = job.on && !row.paused && row.retry_in_ms !== null && row.retry_in_ms <= 0;
    let run = await nextQueued(em, job.name, job.binding, now);
    if (run === undefined && (scheduled || retry)) {
      const second = row.next_run_at === null ? null : nextInstant(job.schedules, row.next_run_at);
      const missed = scheduled && !job.quiet && second !== null && second <= now;
      const kind = !scheduled ? 'retry' : missed ? 'catch-up' : 'schedule';
      const dueAt = scheduled ? (this.dueAt(job, row) ?? now) : now;
      const id = await queueRun(em, { ...job, kind, dueAt });
      run = { id, kind, attempt: 1, due_at: dueAt, dry_run: false, from_at: null, to_at: null };
    }
    if (run === undefined) return null;
    // A run that makes up for another one serves the instant that is due as well.
    const serves = run.kind === 'schedule' || run.kind === 'catch-up' || run.kind === 'retry';
    if (serves) {
      const next = scheduled ? nextInstant(job.schedules, now) : row.next_run_at;
      await em.query('UPDATE job SET next_run_at = $3, real_retry_at = NULL WHERE name = $1 AND binding = $2', [
        job.name,
        job.binding,
        next,
      ]);
    }
    const { schedules, overlap, catchUp, quiet, settings } = job;
    await beginRun(em, run.id, {
      now,
      settings: { ...settings, schedules, overlap, catchUp, quiet },
      codeVersion: this.o.codeVersion,
      epoch: lease.epoch,
      instance: this.o.instanceId,
    });
    return run;
  }

  /** What was cut off runs again where the job catches up; one run makes up for all scheduled ones. */
  private async requeue(em: EntityManager, job: DefinedJob, run: OpenRun, attempt: number, now: Date): Promise<void> {
    if (job.catchUp === 'none' || attempt > maxAttempts) return;
    const asked = run.kind === 'manual' || run.kind === 'once' || run.kind === 'backfill';
    await queueRun(em, {
      ...job,
      kind: asked ? run.kind : 'catch-up',
      dueAt: now,
      dryRun: run.dry_run,
      from: run.from_at,
      to: run.to_at,
      attempt,
    });
  }

  private async perform(
    job: DefinedJob,
    run: OpenRun,
    lease: Lease,
    startedAt: Date,
    abort: AbortController,
  ): Promise<void> {
    const log = new RunLog();
    const stopKeeping = keepLease(lease, this.ttlMs, (error) => abort.abort(error));
    const began = Date.now();
    let counts: Record<string, number> = {};
    let failure: unknown = null;
    try {
      counts = await job.run({
        id: run.id,
        startedAt,
        dryRun: run.dry_run,
        ...(run.from_at === null ? {} : { from: run.from_at }),
        ...(run.to_at === null ? {} : { to: run.to_at }),
        lease,
        log: (line) => log.add(line),
        signal: abort.signal,
      });
    } catch (error) {
      failure = error ?? new Error('thrown without an error');
    }
    try {
      await this.conclude(job, run, lease, { startedAt, counts, log, failure, began });
    } catch (error) {
      // Whoever takes the lease next will find the run still marked as running, and see that it was cut off.
      this.o.logger.warn({ ...loggedAs(job), run: run.id, err: error }, 'the end of a run could not be recorded');
    } finally {
      stopKeeping();
      await lease.release().catch(() => undefined);
    }
  }

  private async conclude(
    job: DefinedJob,
    run: OpenRun,
    lease: Lease,
    o: { startedAt: Date; counts: Record<string, number>; log: RunLog; failure: unknown; began: number },
  ): Promise<void> {
    const end = this.endOf(o);
    const ordinary = !run.dry_run && run.from_at === null && run.to_at === null;
    for (let attempt = 1; ; attempt += 1) {
      try {
        await this.o.dataSource.transaction(async (em) => {
          await lease.assert(em);
          await endRun(em, run.id, end);
          if (end.state === 'abandoned') await this.requeue(em, job, run, run.attempt, end.finishedAt);
          await this.recordOnJob(em, job, end, ordinary, o);
          await this.tell(em, job, run, o.startedAt, end);
          await lease.release(em);
        });
        break;
      } catch (error) {
        if (!isPassingDatabaseError(error) || attempt >= 6) throw error;
        await sleep(250 * 2 ** attempt, undefined, { ref: false });
      }
    }
    const tally = this.tally.get(idOf(job));
    if (tally !== undefined) {
      tally.runs += 1;
      if (end.state === 'failed') tally.failed += 1;
    }
    this.ended.inc({ job: job.name, binding: job.binding, outcome: end.state });
    this.seconds.observe({ job: job.name, binding: job.binding }, (Date.now() - o.began) / 1_000);
    const line = { ...loggedAs(job), run: run.id, kind: run.kind, counts: end.counts, ms: Date.now() - o.began };
    if (end.state === 'failed') this.o.logger.warn({ ...line, err: o.failure }, 'a run failed');
    else this.o.logger.debug(line, `a run is ${end.state}`);
  }

  /** Tells those who listen that a run has ended. */
  private async tell(em: EntityManager, job: DefinedJob, run: OpenRun, startedAt: Date, end: RunEnd): Promise<void> {
    if (this.listeners.length === 0) return;
    const [row] = await em.query<{ next_run_at: Date | null; paused: boolean }[]>(
      'SELECT next_run_at, paused FROM job WHERE name = $1 AND binding = $2',
      [job.name, job.binding],
    );
    const scheduled = run.kind === 'schedule' || run.kind === 'catch-up' || run.kind === 'once';
    const sure = job.on && row?.paused === false && !(job.quiet && this.o.clock.outsideChangedAt(job.quiet) !== null);
    const ended: EndedRun = {
      id: run.id,
      name: job.name,
      binding: job.binding,
      kind: run.kind,
      state: end.state,
      dueAt: run.due_at,
      startedAt,
      finishedAt: end.finishedAt,
      late: scheduled && startedAt.getTime() - run.due_at.getTime() > lateAfterMs,
      dryRun: run.dry_run,
      counts: end.counts,
      log: end.log,
      outcome: end.outcome,
      errorCode: end.errorCode,
      nextDueAt: sure ? (row?.next_run_at ?? null) : null,
    };
    for (const listener of this.listeners) await listener(em, ended);
  }

  private endOf(o: { counts: Record<string, number>; log: RunLog; failure: unknown }): RunEnd {
    const common = { finishedAt: this.o.clock.now(), log: o.log.lines() };
    if (o.failure === null) {
      const told = Object.entries(o.counts).map(([what, count]) => `${what} ${count}`);
      const outcome = told.length === 0 ? 'Done.' : `Done: ${told.join(', ')}.`;
      return { ...common, state: 'done', counts: o.counts, outcome, errorCode: null, errorClass: null };
    }
    const nothing = { counts: {}, errorCode: null, errorClass: null };
    if (this.stopping) return { ...common, ...nothing, state: 'abandoned', outcome: 'Cut off: the service stopped.' };
    const error = describeError(o.failure);
    const away = isPassingDatabaseError(o.failure);
    const code = error.code ?? error.name;
    const outcome =
      error.message === undefined ? `Failed (${code}).` : `${error.message} ${error.remedy ?? ''}`.trimEnd();
    return {
      ...common,
      counts: {},
      state: 'failed',
      outcome,
      errorCode: code,
      errorClass: away ? 'dependency' : (error.class ?? 'bug'),
    };
  }

  private async recordOnJob(
    em: EntityManager,
    job: DefinedJob,
    end: RunEnd,
    ordinary: boolean,
    o: { startedAt: Date; failure: unknown },
  ): Promise<void> {
    const key = [job.name, job.binding];
    await em.query('UPDATE job SET last_state = $3, last_outcome = $4 WHERE name = $1 AND binding = $2', [
      ...key,
      end.state,
      end.outcome,
    ]);
    if (!ordinary || end.state === 'abandoned') return;
    if (end.state === 'done') {
      await em.query(
        `UPDATE job SET seen_until = $3, failures = 0, real_retry_at = NULL
          WHERE name = $1 AND binding = $2`,
        [...key, o.startedAt],
      );
      return;
    }
    if (end.errorClass !== 'dependency') return;
    const [row] = await em.query<{ failures: number }[]>(
      'SELECT failures FROM job WHERE name = $1 AND binding = $2 FOR UPDATE',
      key,
    );
    const failures = (row?.failures ?? 0) + 1;
    const after = o.failure instanceof StudybridgeError ? o.failure.retryAfterSeconds : undefined;
    await em.query(
      `UPDATE job SET failures = $3, real_retry_at = clock_timestamp() + $4::float8 * interval '1 millisecond'
        WHERE name = $1 AND binding = $2`,
      [...key, failures, earlyRetryMs(failures, after)],
    );
  }
}

function unknownJob(): StudybridgeError {
  return new StudybridgeError('There is no such job or run.', {
    code: 'UNKNOWN_JOB',
    errorClass: 'participant',
    remedy: 'jobs.list names the jobs, jobs.runs the runs.',
  });
}
