import type { Cause, StudybridgeError } from '@studybridge/contracts';
import type { EntityManager } from 'typeorm';

/** A call to the outside that was planned: who, what, why. `attempts` counts the calls begun before this one. */
export interface Effect<B> {
  /** Permanent: planned once, done at most once. */
  key: string;
  kind: string;
  participantId: string;
  binding: string;
  study: string;
  cause: Cause;
  correlationId: string;
  body: B;
  attempts: number;
}

/** What became of an effect. `in-doubt` and `expired` ones were, as far as anybody can tell, not carried out by us again. */
export type EffectResult =
  | { state: 'done'; outcome: unknown }
  | { state: 'refused'; error: StudybridgeError }
  /** The executor took it back before anything was called ({@link WithdrawnError}). */
  | { state: 'withdrawn' }
  | { state: 'in-doubt' }
  | { state: 'expired' };

/** Thrown by a `call` before it calls: it must not be made. The effect ends as withdrawn. */
export class WithdrawnError extends Error {}

/** What a call is given besides its effect. */
export interface InHand {
  /** Aborts when the time is up or the right to act is lost. */
  signal: AbortSignal;
  /**
   * To be asked before each request that changes something, with nothing awaited in between: a process that was frozen, while it
   * asked its database for instance, must neither meet its successor at the partner nor carry out what has expired meanwhile.
   * What it throws is to be let through; the call counts as not made.
   */
  assertMayCall(): void;
}

/** How one kind of effect is carried out at its partner. */
export interface Executor<B> {
  /** Whom it calls, e.g. `agile-health`; together with the binding this is what pauses when the partner is away. */
  partner: string;
  /**
   * What a look-up proves: `authoritative`: not found means not done; `positive-only`: not found proves nothing, so the
   * effect is left to a person instead of being called again.
   */
  proof: 'authoritative' | 'positive-only';
  /** The service itself tells staff of its effects in doubt, so the ledger does not count them for attention. */
  tellsDoubts?: boolean;
  /** Look up before the first call, too: what is there already is adopted. */
  lookUpFirst?: boolean;
  /** Failures in a row that pause the partner; default 1. One that says how long to wait, or a `setting` error, always does. */
  failuresToPause?: number;
  /**
   * Asked inside the transaction that takes planned effects in hand, and committed with it: in how many ms each may be called
   * (this process waits for it), or that it is not to be taken in hand within so many ms; then nothing else of its pace is,
   * either. What it writes decides for all replicas. Without it: at once.
   */
  admit?(em: EntityManager, effects: Effect<B>[]): Promise<({ startMs: number } | { notBeforeMs: number })[]>;
  /**
   * Whether the partner has it. `notCalled`: the executor's own notes prove that the call was not begun, so it is planned
   * again, whatever a look-up proves. Throws `dependency` when it cannot be told.
   */
  lookUp(effect: Effect<B>): Promise<{ found: true; outcome: unknown } | { found: false; notCalled?: boolean }>;
  /**
   * The call. Throws `participant` when the partner refuses this one, `dependency` or `setting` when it could not be asked;
   * the outcome then counts as unknown, unless it was marked with `notMade`. Throws {@link WithdrawnError} when a last look
   * shows that it must not be made.
   */
  call(effect: Effect<B>, hand: InHand): Promise<unknown>;
  /** Notes the result in the service's own tables, in the transaction that notes it in the ledger. */
  settle(em: EntityManager, effect: Effect<B>, result: EffectResult): Promise<void>;
}

/** An executor of whatever body. */
export type AnyExecutor = Executor<unknown>;
