import type { Outside } from '@studybridge/contracts';
import type { EntityManager } from 'typeorm';
import type { Schedule } from '../bindings/binding';
import type { Lease } from '../leases/lease';

/** One kind of work for one binding, that runs on schedules or when asked. */
export interface JobDefinition {
  /** E.g. `redcap-poll`; the same name may be defined once per binding. */
  name: string;
  /** Id of the binding, e.g. `ismile.production`. */
  binding: string;
  /** The study's own schedules; the binding's `jobs.<name>` overrides them or turns the job off. */
  schedules: Schedule[];
  /** When an instant falls into a running run: leave it out, or run once more afterwards. */
  overlap: 'skip' | 'queue-one';
  /** What instants that passed while nobody was there (or whose run was cut off) get: one run, or none. */
  catchUp: 'one' | 'none';
  /** Does nothing unless this part of the outside changed since its last run, see `Clock.outsideChangedAt`; false: always has something to do. */
  quiet: false | Outside;
  /** Recorded with each run beside the schedules; no secrets. */
  settings?: Record<string, unknown>;
  /** Returns counts of what was done. A thrown `dependency` error brings early retries. */
  run(run: JobRun): Promise<Record<string, number>>;
}

/** What a run is handed. */
export interface JobRun {
  id: string;
  /** Study time. */
  startedAt: Date;
  /** Look and count, change nothing. */
  dryRun: boolean;
  /** The span of a backfill, study time. */
  from?: Date;
  to?: Date;
  /** Its `assert` belongs into every transaction of the run. */
  lease: Lease;
  /** A line for the run's record; no participant data. */
  log(line: string): void;
  /** Aborted when the lease is lost or the service stops. */
  signal: AbortSignal;
}

/** `queued`: waits for its instant or for the run before it. `abandoned`: its process died or lost the lease. */
export type RunState = 'queued' | 'running' | 'done' | 'failed' | 'abandoned';
/** Why a run exists. */
export type RunKind = 'schedule' | 'manual' | 'once' | 'backfill' | 'retry' | 'catch-up';

/** One run as recorded. */
export interface RunView {
  id: string;
  name: string;
  binding: string;
  kind: RunKind;
  state: RunState;
  /** Study time. */
  dueAt: Date;
  startedAt: Date | null;
  finishedAt: Date | null;
  /** Real time the run took. */
  durationMs: number | null;
  dryRun: boolean;
  from: Date | null;
  to: Date | null;
  counts: Record<string, number>;
  log: string[];
  /** A sentence: what came of it. */
  outcome: string | null;
  errorCode: string | null;
  errorClass: string | null;
  settings: Record<string, unknown>;
  codeVersion: string;
  epoch: number | null;
  instance: string | null;
}

/** A run that has just ended. Instants are study time. */
export interface EndedRun {
  id: string;
  name: string;
  binding: string;
  kind: RunKind;
  state: 'done' | 'failed' | 'abandoned';
  dueAt: Date;
  startedAt: Date;
  finishedAt: Date;
  /** Begun more than a quarter of an hour after it was due. */
  late: boolean;
  dryRun: boolean;
  counts: Record<string, number>;
  log: readonly string[];
  outcome: string;
  errorCode: string | null;
  /** When the next one should begin at the latest; null when none is sure to come (paused, off, quiet in a played world). */
  nextDueAt: Date | null;
}

/** One job as listed. */
export interface JobView {
  name: string;
  binding: string;
  schedules: Schedule[];
  /** False when the binding turned it off: it runs only when asked. */
  on: boolean;
  /** Study time; null when nothing is to come (paused, off, or quiet in an unchanged world). */
  nextRun: Date | null;
  paused: boolean;
  running: boolean;
  /** Since this process started. */
  runs: number;
  failed: number;
  lastOutcome: string | null;
  lastState: RunState | null;
}

/** Asks for one run of one job; `binding` is needed where several bindings have a job of that name. */
export interface RunRequest {
  binding?: string;
  dryRun?: boolean;
  /** Resolve only when the run has ended. */
  wait?: boolean;
}

/** The jobs of a service. Names may be given as `name` or `name@binding`. */
export interface Jobs {
  define(job: JobDefinition): void;
  /** Runs now, after a run in progress; returns the run's id. Throws UNKNOWN_JOB or AMBIGUOUS_JOB. */
  run(name: string, request?: RunRequest): Promise<string>;
  /** One run at an instant of study time. */
  once(name: string, at: Date, request?: Pick<RunRequest, 'binding' | 'dryRun'>): Promise<string>;
  /**
   * One run at an instant of study time, told in the caller's transaction. One that waits for an instant up to `within` ms
   * (default 0) later is enough.
   */
  announce(em: EntityManager, name: string, at: Date, o: { binding: string; within?: number }): Promise<void>;
  /** One run over a past span. */
  backfill(name: string, from: Date, to: Date, request?: RunRequest): Promise<string>;
  list(): Promise<JobView[]>;
  /** Scheduled instants pass unused until resumed; runs that are asked for still happen. All bindings of a name unless one is named. */
  pause(name: string): Promise<void>;
  resume(name: string): Promise<void>;
  /** The latest runs first, at most `limit` (50). */
  runs(name?: string, limit?: number): Promise<RunView[]>;
  /** Called with the end of every run, inside the transaction that records it; what it throws takes the record back. */
  onEnded(tell: (em: EntityManager, run: EndedRun) => Promise<void>): void;
  /** Starts what is due in study time; called every second and by `/idle`. Resolves when the due runs have begun. */
  tick(): Promise<void>;
}
