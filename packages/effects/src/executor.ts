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
  | { state: 'in-doubt' }
  | { state: 'expired' };

/** How one kind of effect is carried out at its partner. */
export interface Executor<B> {
  /** Whom it calls, e.g. `agile-health`; together with the binding this is what pauses when the partner is away. */
  partner: string;
  /**
   * What a look-up proves: `authoritative`: not found means not done; `positive-only`: not found proves nothing, so the
   * effect is left to a person instead of being called again.
   */
  proof: 'authoritative' | 'positive-only';
  /** Look up before the first call, too: what is there already is adopted. */
  lookUpFirst?: boolean;
  /** Whether the partner has it. Throws `dependency` when it cannot be told. */
  lookUp(effect: Effect<B>): Promise<{ found: true; outcome: unknown } | { found: false }>;
  /**
   * The call. Throws `participant` when the partner refuses this one, `dependency` or `setting` when it could not be asked;
   * the outcome then counts as unknown. `signal` aborts when the time is up or the right to act is lost.
   */
  call(effect: Effect<B>, signal: AbortSignal): Promise<unknown>;
  /** Notes the result in the service's own tables, in the transaction that notes it in the ledger. */
  settle(em: EntityManager, effect: Effect<B>, result: EffectResult): Promise<void>;
}

/** An executor of whatever body. */
export type AnyExecutor = Executor<unknown>;
