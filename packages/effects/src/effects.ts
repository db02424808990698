import { StudybridgeError } from '@studybridge/contracts';
import {
  backoffMs,
  classOf,
  isPassingDatabaseError,
  type Lease,
  type Logger,
  Loop,
  runCorrelated,
  type ServiceContext,
} from '@studybridge/service-kit';
import type { EntityManager, QueryRunner } from 'typeorm';
import { type ClaimedEffect, claimEffects, freeAbandoned } from './claim-effect';
import { countEffects, effectsAttention } from './count-effects';
import { bodyContext, type EffectRow, errorColumns, notedError, outcomeContext } from './effect-row';
import { createEffectsMetrics, type EffectsMetrics } from './effects-metrics';
import { addEffectsOperations } from './effects-operations';
import {
  type AnyExecutor,
  type Effect,
  type EffectResult,
  type Executor,
  type InHand,
  WithdrawnError,
} from './executor';
import { type EffectFaults, faultsOfProof } from './faults';
import { notMade, wasNotSent } from './not-sent';
import { OwnLease } from './own-lease';
import { PartnerGate, PausedError } from './partner-gate';
import { type PlannedEffect, planEffect } from './plan-effect';

/** How effects are carried out; times are real time. */
export interface EffectsOptions {
  /** First pause of a partner that is away; default 1 s. */
  baseDelayMs?: number;
  /** Longest pause; default 5 min. */
  maxDelayMs?: number;
  /** Effects in hand at once, all of different participants; default 4. */
  concurrency?: number;
  /** When a call is given up; default 60 s. */
  callTimeoutMs?: number;
  /**
   * Asked in the transaction that takes an effect in hand; while it says no, nothing is called. What it throws is tried again.
   * By default always yes.
   */
  mayAct?: (em: EntityManager) => Promise<boolean>;
  /** For proofs only; see {@link EffectFaults}. */
  faults?: EffectFaults;
}

const sweepMs = 1_000;
const bugAttempts = 5;
/** A call that is so much later than it was admitted for is admitted again. */
const lateMs = 1_000;

/** The outcome belongs to whoever took the effect over. */
class TakenOver extends Error {}

/** Right before a call it was not sure any more that nobody had taken the effect over, or it had expired. */
class NoLongerDue extends Error {}

type Claimed = ClaimedEffect;

/**
 * The ledger of calls to the outside (travel step 4): planned in the service's transaction, noted as attempting before the
 * call, noted with its outcome after it; what became of an interrupted call is looked up, never guessed. Made by
 * {@link createEffects}.
 */
export class Effects {
  private readonly executors = new Map<string, AnyExecutor>();
  private readonly gates = new Map<string, PartnerGate>();
  /** Until when (performance.now) nothing of a pace is taken in hand. */
  private readonly closedPaces = new Map<string, number>();
  private readonly inHand = new Map<string, { abort: AbortController; over: Promise<void> }>();
  private readonly planners = new WeakSet<QueryRunner>();
  private readonly loop = new Loop(() => this.round());
  private readonly lease: OwnLease;
  private readonly logger: Logger;
  private readonly metrics: EffectsMetrics;
  private readonly faults: EffectFaults;
  private readonly concurrency: number;
  private readonly callTimeoutMs: number;
  private readonly mayAct: (em: EntityManager) => Promise<boolean>;
  private readonly delays: { baseDelayMs: number; maxDelayMs: number };
  private failures = 0;
  private sweptAt = 0;
  private trouble: string | null = null;
  private stopping = false;
  private readonly retryTimers = new Set<NodeJS.Timeout>();

  constructor(
    private readonly context: ServiceContext,
    o: EffectsOptions,
  ) {
    this.faults = o.faults ?? faultsOfProof();
    this.concurrency = o.concurrency ?? 4;
    this.callTimeoutMs = o.callTimeoutMs ?? 60_000;
    this.mayAct = o.mayAct ?? (() => Promise.resolve(true));
    this.delays = { baseDelayMs: o.baseDelayMs ?? 1_000, maxDelayMs: o.maxDelayMs ?? 300_000 };
    this.logger = context.logger.child({ room: 'effects' });
    this.metrics = createEffectsMetrics(context.registry, () => countEffects(context.dataSource));
    this.lease = new OwnLease(
      context.leases,
      this.logger,
      () => this.wake(),
      () => this.giveUp(),
    );
    this.attach();
  }

  /** How a kind of effect is carried out; to be said while the module is built, once per kind. */
  register<B>(kind: string, executor: Executor<B>): void {
    if (this.executors.has(kind)) {
      throw new StudybridgeError(`The kind of effect ${kind} is registered twice.`, {
        code: 'REGISTERED_TWICE',
        errorClass: 'bug',
        remedy: 'Give one of them another name.',
      });
    }
    this.executors.set(kind, executor as unknown as AnyExecutor);
  }

  /** Plans an effect inside the caller's transaction. `known`: its key was planned before, now or ever; nothing happens. */
  async plan(em: EntityManager, e: PlannedEffect): Promise<'planned' | 'known'> {
    const planned = await planEffect(em, this.context.sealer, e);
    this.wakeAfter(em);
    return planned;
  }

  /** Takes back what was planned for a participant and not attempted yet (of these kinds, else of all); returns how many. */
  async cancel(em: EntityManager, participantId: string, kinds?: string[]): Promise<number> {
    const [, count] = (await em.query(
      `UPDATE effect SET state = 'cancelled', settled_at = clock_timestamp()
        WHERE participant_id = $1 AND state = 'planned' AND owner IS NULL AND attempts = 0
          AND ($2::text[] IS NULL OR kind = ANY($2::text[]))`,
      [participantId, kinds ?? null],
    )) as [unknown, number];
    return count;
  }

  /** An effect in doubt turned out to be done: settled as if its call had answered so. False when it is not in doubt (any more). */
  async found(em: EntityManager, key: string, outcome: unknown): Promise<boolean> {
    const [row]: EffectRow[] = await em.query(`SELECT * FROM effect WHERE key = $1 AND state = 'in-doubt' FOR UPDATE`, [
      key,
    ]);
    if (row === undefined) return false;
    const result: EffectResult = { state: 'done', outcome };
    await this.executorOf(row.kind).settle(em, this.effectOf(row), result);
    await this.note(em, row, result, 'done');
    return true;
  }

  /** An effect in doubt is nobody's task any more: it stays unknown and is never called again. False when it is not in doubt. */
  async close(em: EntityManager, key: string): Promise<boolean> {
    const [, count] = (await em.query(
      `UPDATE effect SET state = 'cancelled', settled_at = clock_timestamp() WHERE key = $1 AND state = 'in-doubt'`,
      [key],
    )) as [unknown, number];
    return count > 0;
  }

  /** What waits behind a refused effect of the participant goes on; the refused one stays refused. */
  async unpark(em: EntityManager, participantId: string): Promise<void> {
    await em.query(
      `UPDATE effect_lane SET parked_at = NULL, parked_by = NULL, parked_code = NULL, parked_remedy = NULL
        WHERE participant_id = $1 AND parked_at IS NOT NULL`,
      [participantId],
    );
    await em.query(
      `UPDATE effect SET failures = 0, next_attempt_at = NULL
        WHERE participant_id = $1 AND state = 'answered' AND owner IS NULL`,
      [participantId],
    );
    this.wakeAfter(em);
  }

  /**
   * After the database was put back to an earlier copy: what is open in the ledger says nothing about what was called since.
   * Where the partner can prove what it has, all of it is taken back, for the service to look and plan anew; where not, it
   * is looked up, and what is not found is in doubt. Returns how many were open.
   */
  async distrust(em: EntityManager): Promise<number> {
    const kinds = (proof: AnyExecutor['proof']) =>
      [...this.executors].filter(([, executor]) => executor.proof === proof).map(([kind]) => kind);
    const [, taken] = (await em.query(
      `UPDATE effect SET state = 'cancelled', owner = NULL, unknown = false, settled_at = clock_timestamp()
        WHERE state IN ('planned', 'attempting', 'answered') AND kind = ANY($1::text[])`,
      [kinds('authoritative')],
    )) as [unknown, number];
    const [, doubted] = (await em.query(
      `UPDATE effect SET state = 'attempting', owner = NULL, unknown = true, next_attempt_at = NULL
        WHERE state IN ('planned', 'attempting') AND kind = ANY($1::text[])`,
      [kinds('positive-only')],
    )) as [unknown, number];
    this.wakeAfter(em);
    return taken + doubted;
  }

  /** After a commit: what was planned begins now. (Transactions of the service's own DataSource do so by themselves.) */
  wake(): void {
    this.loop.wake();
  }

  private wakeAfter(em: EntityManager): void {
    if (em.queryRunner?.isTransactionActive) this.planners.add(em.queryRunner);
    else this.wake();
  }

  private attach(): void {
    const { context } = this;
    const { dataSource, idle, ops } = context;
    context.onStart(() => {
      this.lease.start();
      this.loop.start();
      return Promise.resolve();
    });
    context.onStop(() => this.stop());
    idle.addWork('effects', () => countEffects(dataSource));
    idle.addProblems(() => Promise.resolve(this.problems()));
    idle.addWaker(() => this.wake());
    ops.addStatus('effects', async () => ({
      effects: { open: await countEffects(dataSource), paused: this.paused() },
      attention: await effectsAttention(dataSource, this.told()),
    }));
    addEffectsOperations(context, {
      wake: () => this.wake(),
      unpark: (em, participantId) => this.unpark(em, participantId),
      settle: (em, row, result) => this.executorOf(row.kind).settle(em, this.effectOf(row), result),
    });
    dataSource.subscribers.push({
      afterTransactionCommit: ({ queryRunner }) => {
        if (!queryRunner.isTransactionActive && this.planners.delete(queryRunner)) this.wake();
      },
    });
  }

  private async stop(): Promise<void> {
    this.stopping = true;
    await this.loop.stop();
    for (const timer of this.retryTimers) clearTimeout(timer);
    // A call in hand may finish; what takes too long is looked up by whoever comes next.
    const over = Promise.all([...this.inHand.values()].map((one) => one.over));
    let timer: NodeJS.Timeout | undefined;
    await Promise.race([over, new Promise<void>((resolve) => (timer = setTimeout(resolve, 10_000)))]);
    clearTimeout(timer);
    this.giveUp();
    await this.lease.stop();
  }

  private giveUp(): void {
    for (const { abort } of this.inHand.values()) abort.abort();
  }

  private problems(): string[] {
    const paused = Object.entries(this.paused()).map(
      ([name, one]) => `${name} is paused until ${one.until} (${one.code}). ${one.remedy}`,
    );
    return this.trouble === null ? paused : [this.trouble, ...paused];
  }

  private paused(): Record<string, { until: string; code: string; remedy: string }> {
    return Object.fromEntries(
      [...this.gates].flatMap(([name, gate]) => {
        const { pausedUntil, trouble } = gate;
        if (pausedUntil === null || trouble === null) return [];
        return [[name, { until: pausedUntil.toISOString(), code: trouble.code, remedy: trouble.remedy }]];
      }),
    );
  }

  private gateOf(partner: string, binding: string, failuresToPause?: number): PartnerGate {
    const name = `${partner} for ${binding}`;
    const gate = this.gates.get(name) ?? new PartnerGate({ ...this.delays, failuresToPause });
    this.gates.set(name, gate);
    return gate;
  }

  private executorOf(kind: string): AnyExecutor {
    const executor = this.executors.get(kind);
    if (executor !== undefined) return executor;
    throw new StudybridgeError(`Nothing carries out the kind of effect ${kind}.`, {
      code: 'UNKNOWN_KIND',
      errorClass: 'bug',
      remedy: 'Start the version of the service that planned it, or a later one.',
    });
  }

  private effectOf(row: EffectRow): Effect<unknown> {
    const { key, kind, binding, study, cause, attempts } = row;
    const body = this.context.sealer.open(study, bodyContext(key), JSON.parse(row.body));
    return {
      key,
      kind,
      participantId: row.participant_id,
      binding,
      study,
      cause,
      correlationId: row.correlation_id,
      body,
      attempts,
    };
  }

  private async round(): Promise<number> {
    try {
      const lease = this.lease.current();
      if (lease === null || this.executors.size === 0) return sweepMs;
      if (Date.now() - this.sweptAt >= sweepMs) {
        const { leases, dataSource } = this.context;
        const freed = await freeAbandoned(dataSource, lease, (name) => leases.acquire(name, OwnLease.termMs));
        if (freed > 0) this.logger.warn({ effects: freed }, 'effects of a process that is gone are taken over');
        this.sweptAt = Date.now();
      }
      while (!this.stopping && this.inHand.size < this.concurrency) {
        // Through a gate that was closed one goes first.
        const trying = [...this.gates.values()].some((gate) => gate.pausedUntil !== null);
        const { claimed, putOff } = await claimEffects(this.context.dataSource, lease, {
          kinds: [...this.executors.keys()],
          paused: this.pausedKinds(),
          closed: this.closedNow(),
          limit: trying ? 1 : this.concurrency - this.inHand.size,
          mayAct: this.mayAct,
          admit: (em, rows) => this.admit(em, rows),
        });
        const claimedAt = performance.now();
        for (const { pace, ms } of putOff) if (pace !== null) this.closedPaces.set(pace, claimedAt + ms);
        if (claimed.length === 0 && putOff.length === 0) break;
        for (const one of claimed) this.begin(one, lease, claimedAt + one.startMs);
      }
      this.failures = 0;
      this.trouble = null;
      const until = [...this.gates.values()].flatMap((gate) => gate.pausedUntil?.getTime() ?? []);
      const pauses = until.map((at) => at - Date.now());
      const paces = [...this.closedPaces.values()].map((at) => at - performance.now());
      return Math.max(1, Math.min(sweepMs, ...[...pauses, ...paces].filter((ms) => ms > 0)));
    } catch (error) {
      this.failures += 1;
      const known = error instanceof StudybridgeError ? `${error.message} ${error.remedy}` : null;
      this.trouble = known ?? 'The ledger of effects cannot be read.';
      const passing = isPassingDatabaseError(error) || known !== null;
      const level = passing ? (this.failures === 1 ? 'warn' : 'debug') : 'error';
      if (!this.stopping) this.logger[level]({ err: error }, 'effects cannot be taken in hand; trying again');
      const ms = backoffMs(this.failures, 100, 5_000);
      await new Promise((resolve) => setTimeout(resolve, Math.min(ms, 100)));
      return Math.max(1, ms - 100);
    }
  }

  /** The kinds whose doubts their own service tells of. */
  private told(): string[] {
    return [...this.executors].filter(([, executor]) => executor.tellsDoubts).map(([kind]) => kind);
  }

  private closedNow(): string[] {
    for (const [pace, until] of this.closedPaces) if (until <= performance.now()) this.closedPaces.delete(pace);
    return [...this.closedPaces.keys()];
  }

  private async admit(
    em: EntityManager,
    rows: EffectRow[],
  ): Promise<Map<string, { startMs: number } | { notBeforeMs: number }>> {
    const answers = new Map<string, { startMs: number } | { notBeforeMs: number }>();
    for (const [kind, executor] of this.executors) {
      const mine = rows.filter((row) => row.kind === kind);
      if (executor.admit === undefined || mine.length === 0) continue;
      const admissions = await executor.admit(
        em,
        mine.map((row) => this.effectOf(row)),
      );
      for (const [index, row] of mine.entries()) answers.set(row.key, admissions[index] ?? { startMs: 0 });
    }
    return answers;
  }

  private pausedKinds(): { kind: string; binding: string }[] {
    const paused: { kind: string; binding: string }[] = [];
    for (const [kind, { partner }] of this.executors) {
      for (const [name, gate] of this.gates) {
        const prefix = `${partner} for `;
        if (!gate.open && name.startsWith(prefix)) paused.push({ kind, binding: name.slice(prefix.length) });
      }
    }
    return paused;
  }

  private begin(row: Claimed, lease: Lease, startAt: number): void {
    const abort = new AbortController();
    const { partner, failuresToPause } = this.executorOf(row.kind);
    const gate = this.gateOf(partner, row.binding, failuresToPause);
    const leave = gate.enter();
    const over = runCorrelated(row.correlation_id, () => this.carryOut(row, lease, gate, abort, startAt))
      .catch((error: unknown) => {
        this.logger.error({ err: error, kind: row.kind }, 'an effect was left in the middle; it will be looked up');
        return this.letGo(row, lease);
      })
      .finally(() => {
        leave();
        this.inHand.delete(row.key);
        this.loop.wake();
      });
    this.inHand.set(row.key, { abort, over });
  }

  private async carryOut(
    row: Claimed,
    lease: Lease,
    gate: PartnerGate,
    abort: AbortController,
    startAt: number,
  ): Promise<void> {
    // From here on `unknown` tells whether the partner may have it although nothing is noted.
    let { unknown } = row;
    try {
      const executor = this.executorOf(row.kind);
      const effect = this.effectOf(row);
      await this.context.clock.refresh();
      if (row.state === 'answered') return await this.settle(row, lease, effect, this.notedResult(row));
      if (!this.faults.lookUpOff && (unknown || (executor.lookUpFirst && !this.isExpired(row)))) {
        const found = await gate.ask(() => this.timed(abort, row, 'look-up', () => executor.lookUp(effect)), row.stops);
        if (found.found) return await this.settle(row, lease, effect, { state: 'done', outcome: found.outcome });
        if (unknown && found.notCalled) {
          // Planned again, so that it is admitted like any other.
          return await this.release(row, lease, { unknown: false, delayMs: null, begun: false });
        }
        if (unknown && executor.proof === 'positive-only') {
          return await this.settle(row, lease, effect, { state: 'in-doubt' });
        }
        unknown = false;
      }
      if (this.isExpired(row)) return await this.settle(row, lease, effect, { state: 'expired' });
      if (startAt > performance.now() && !(await this.waitUntil(startAt, abort.signal))) {
        return await this.release(row, lease, { unknown, delayMs: null, begun: false });
      }
      await this.faults.at?.('attempting', row.kind);
      const late = row.startMs > 0 && performance.now() - startAt > lateMs;
      if (!this.isMine(lease, abort) || late) {
        // One that missed the moment it was admitted for asks for another.
        return await this.release(row, lease, { unknown, delayMs: null, begun: false });
      }
      const before = unknown;
      unknown = true;
      const hand: InHand = {
        signal: abort.signal,
        assertMayCall: () => {
          if (!this.isMine(lease, abort) || this.isExpired(row)) throw notMade(new NoLongerDue());
        },
      };
      const outcome = await gate
        .ask(() => this.timed(abort, row, 'call', () => executor.call(effect, hand)), row.stops)
        .catch((error: unknown) => {
          const notBegun = error instanceof PausedError || error instanceof WithdrawnError;
          if (notBegun || wasNotSent(error)) unknown = before;
          // The partner answered that it did not: with one that can prove it, the look-up says so again.
          if (classOf(error) === 'setting' && executor.proof === 'positive-only') unknown = before;
          throw error;
        });
      await this.faults.at?.('called', row.kind);
      await this.settle(row, lease, effect, { state: 'done', outcome });
    } catch (error) {
      await this.fail(row, lease, unknown, error);
    }
  }

  /** By study time; asked again after every wait. */
  private isExpired(row: Claimed): boolean {
    return row.expires_at !== null && row.expires_at.getTime() <= this.context.clock.now().getTime();
  }

  /** Frozen since the claim, or about to be succeeded: whoever is next must not meet a call of ours. */
  private isMine(lease: Lease, abort: AbortController): boolean {
    return this.lease.current() === lease && !abort.signal.aborted;
  }

  /** Gives a question to the partner its time, and notes how long it took. */
  private async timed<T>(abort: AbortController, row: EffectRow, what: string, ask: () => Promise<T>): Promise<T> {
    const end = this.metrics.asking.startTimer({ kind: row.kind, what });
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      const refuse = () =>
        reject(
          new StudybridgeError('The partner did not answer in time.', {
            code: 'CALL_TIMEOUT',
            errorClass: 'dependency',
            remedy: 'Nothing to do; it is looked up and tried again.',
          }),
        );
      abort.signal.addEventListener('abort', refuse, { once: true });
      timer = setTimeout(() => abort.abort(), this.callTimeoutMs);
    });
    late.catch(() => undefined);
    try {
      return await Promise.race([ask(), late]);
    } finally {
      clearTimeout(timer);
      end();
    }
  }

  private async fail(row: Claimed, lease: Lease, unknown: boolean, error: unknown): Promise<void> {
    if (error instanceof TakenOver) {
      this.logger.warn({ kind: row.kind }, 'an effect was taken over by another process; its outcome is noted there');
      return;
    }
    if (error instanceof WithdrawnError) {
      return this.settle(row, lease, this.effectOf(row), { state: 'withdrawn' }).catch((settling: unknown) => {
        if (!(settling instanceof TakenOver)) throw settling;
      });
    }
    if (error instanceof PausedError || error instanceof NoLongerDue) {
      return this.release(row, lease, { unknown, delayMs: null, begun: false });
    }
    const errorClass = classOf(error);
    this.metrics.failed.inc({ kind: row.kind, class: errorClass });
    const known = error instanceof StudybridgeError ? error : null;
    if (errorClass === 'dependency' || errorClass === 'setting') {
      this.logger.warn(
        { err: error, kind: row.kind, attempts: row.attempts + 1 },
        'an effect could not be carried out; it waits',
      );
      // The partner's gate makes everybody wait; what it does not govern waits by itself.
      const ownPace = row.stops || isPassingDatabaseError(error) || known?.code === 'CLOCK_UNREACHABLE';
      const { baseDelayMs, maxDelayMs } = this.delays;
      const delayMs = ownPace
        ? backoffMs(row.failures + 1, baseDelayMs, row.stops ? Math.min(maxDelayMs, 30_000) : maxDelayMs)
        : null;
      return this.release(row, lease, { unknown, delayMs, failed: ownPace, begun: true });
    }
    const refusal =
      known ??
      new StudybridgeError('An effect failed for a reason of ours.', {
        code: 'EFFECT_FAILED',
        errorClass: 'bug',
        remedy: 'Report it; the log says where.',
        cause: error,
      });
    if (errorClass === 'bug' && row.failures + 1 < bugAttempts) {
      this.logger.error({ err: error, kind: row.kind, failures: row.failures + 1 }, 'an effect failed; trying again');
      const delayMs = backoffMs(row.failures + 1, Math.min(this.delays.baseDelayMs, 1_000), 30_000);
      return this.release(row, lease, { unknown, delayMs, failed: true, begun: true });
    }
    const doubtful = errorClass === 'bug' && unknown;
    this.logger.error({ err: error, kind: row.kind }, `an effect ${doubtful ? 'is in doubt' : 'was refused'}`);
    try {
      const effect = this.effectOf(row);
      await this.settle(row, lease, effect, doubtful ? { state: 'in-doubt' } : { state: 'refused', error: refusal });
    } catch (settling) {
      if (settling instanceof TakenOver) return;
      await this.shelve(row, lease, refusal);
    }
  }

  private notedResult(row: EffectRow): EffectResult {
    if (row.result === 'refused') return { state: 'refused', error: notedError(row) };
    if (row.result === 'in-doubt' || row.result === 'expired' || row.result === 'withdrawn')
      return { state: row.result };
    const outcome: unknown =
      row.outcome === null
        ? null
        : this.context.sealer.open(row.study, outcomeContext(row.key), JSON.parse(row.outcome));
    return { state: 'done', outcome };
  }

  /**
   * Notes the result, in one transaction with what the service does about it. Throws {@link TakenOver} when another process
   * has the effect. When the service's part fails, the result itself is kept and the service's part tried again later.
   */
  private async settle(row: Claimed, lease: Lease, effect: Effect<unknown>, result: EffectResult): Promise<void> {
    for (let failures = 0; ; failures += 1) {
      try {
        await this.context.dataSource.transaction(async (em) => {
          await this.assertMine(em, row, lease);
          await this.executorOf(row.kind).settle(em, effect, result);
          await this.note(em, row, result, result.state === 'withdrawn' ? 'cancelled' : result.state);
          if (result.state === 'refused') await park(em, row, result.error);
        });
        break;
      } catch (error) {
        if (error instanceof TakenOver) throw error;
        if (isPassingDatabaseError(error) && !this.stopping && failures < 100) {
          await new Promise((resolve) => setTimeout(resolve, Math.min(2_000, 50 * 2 ** Math.min(failures, 6))));
          continue;
        }
        await this.keepAnswer(row, lease, result, error);
        return;
      }
    }
    this.metrics.settled.inc({ kind: row.kind, result: result.state });
    await this.faults.at?.('settled', row.kind);
  }

  /** The partner's answer is noted though the service could not take it in yet. */
  private async keepAnswer(row: Claimed, lease: Lease, result: EffectResult, error: unknown): Promise<void> {
    const errorClass = classOf(error);
    const failures = row.failures + 1;
    const stuck = errorClass === 'participant' || (errorClass === 'bug' && failures >= bugAttempts);
    const delayMs = backoffMs(failures, Math.min(this.delays.baseDelayMs, 1_000), 30_000);
    this.logger.error(
      { err: error, kind: row.kind, failures, stuck },
      'the outcome of an effect could not be taken in',
    );
    await this.context.dataSource.transaction(async (em) => {
      await this.assertMine(em, row, lease);
      await this.note(em, row, result, 'answered');
      await em.query(
        `UPDATE effect SET failures = $2, next_attempt_at = clock_timestamp() + $3 * interval '1 millisecond' WHERE key = $1`,
        [row.key, failures, delayMs],
      );
      if (stuck) await park(em, row, error instanceof StudybridgeError ? error : notTakenIn(error));
    });
    this.wakeIn(delayMs);
  }

  private async note(
    em: EntityManager,
    row: EffectRow,
    result: EffectResult,
    state: EffectRow['state'],
  ): Promise<void> {
    const outcome =
      result.state === 'done'
        ? JSON.stringify(this.context.sealer.seal(row.study, outcomeContext(row.key), result.outcome ?? null))
        : null;
    await em.query(
      `UPDATE effect SET state = $2, result = $3, outcome = $4, owner = NULL, unknown = false,
              error_code = $5, error_class = $6, error_message = $7, error_remedy = $8, settled_at = clock_timestamp()
        WHERE key = $1`,
      [row.key, state, result.state, outcome, ...errorColumns(result)],
    );
  }

  /** Puts the effect back; `unknown` decides whether it is looked up before the next call. */
  private async release(
    row: Claimed,
    lease: Lease,
    o: { unknown: boolean; delayMs: number | null; begun: boolean; failed?: boolean },
  ): Promise<void> {
    await this.context.dataSource.query(
      `UPDATE effect SET owner = NULL, unknown = $4, failures = failures + $6::int, attempts = attempts - $7::int,
              state = CASE WHEN state = 'answered' THEN state WHEN $4 THEN 'attempting' ELSE 'planned' END,
              next_attempt_at = CASE WHEN $5::int IS NULL THEN NULL ELSE clock_timestamp() + $5 * interval '1 millisecond' END
        WHERE key = $1 AND owner = $2 AND epoch = $3`,
      [row.key, lease.name, lease.epoch, o.unknown, o.delayMs, o.failed ? 1 : 0, o.begun ? 0 : 1],
    );
    if (o.delayMs !== null) this.wakeIn(o.delayMs);
  }

  /** Not even putting it back succeeded (a database that is away): tried until it does, else nobody takes it up while this process lives. */
  private async letGo(row: Claimed, lease: Lease): Promise<void> {
    for (let failures = 1; !this.stopping; failures += 1) {
      try {
        await this.context.dataSource.query(
          'UPDATE effect SET owner = NULL WHERE key = $1 AND owner = $2 AND epoch = $3',
          [row.key, lease.name, lease.epoch],
        );
        return;
      } catch (error) {
        this.logger.debug({ err: error, kind: row.kind }, 'an effect could not be let go');
        await new Promise((resolve) => setTimeout(resolve, backoffMs(failures, 100, 2_000)));
      }
    }
  }

  /** Not even the refusal could be taken in (the body does not open, nobody carries out the kind): a person must look. */
  private async shelve(row: Claimed, lease: Lease, error: StudybridgeError): Promise<void> {
    await this.context.dataSource.transaction(async (em) => {
      await this.assertMine(em, row, lease);
      await this.note(em, row, { state: 'refused', error }, 'refused');
      await park(em, row, error);
    });
  }

  private async assertMine(em: EntityManager, row: EffectRow, lease: Lease): Promise<void> {
    if (this.faults.epochCheckOff) return;
    const mine: unknown[] = await em.query(
      'SELECT 1 FROM effect WHERE key = $1 AND owner = $2 AND epoch = $3 FOR UPDATE',
      [row.key, lease.name, lease.epoch],
    );
    if (mine.length === 0) throw new TakenOver();
  }

  /** False when the right to act was lost, or the service stops, before that moment. */
  private async waitUntil(at: number, signal: AbortSignal): Promise<boolean> {
    while (!signal.aborted && !this.stopping) {
      const ms = at - performance.now();
      if (ms <= 0) return true;
      await new Promise((resolve) => setTimeout(resolve, Math.min(ms, 250)));
    }
    return false;
  }

  private wakeIn(ms: number): void {
    if (ms >= sweepMs || this.stopping) return;
    const timer = setTimeout(() => {
      this.retryTimers.delete(timer);
      this.wake();
    }, ms + 5);
    this.retryTimers.add(timer);
  }
}

async function park(em: EntityManager, row: EffectRow, error: StudybridgeError): Promise<void> {
  await em.query(
    `UPDATE effect_lane SET parked_at = clock_timestamp(), parked_by = $2, parked_code = $3, parked_remedy = $4
      WHERE participant_id = $1 AND parked_at IS NULL`,
    [row.participant_id, row.key, error.code, error.remedy],
  );
}

function notTakenIn(cause: unknown): StudybridgeError {
  return new StudybridgeError('The outcome of an effect could not be taken in.', {
    code: 'EFFECT_FAILED',
    errorClass: 'bug',
    remedy: 'Report it; then `ops effects.release`.',
    cause,
  });
}

/**
 * The service's ledger of effects. Registers itself with the context: start and stop, idle count, commands, figures, status.
 */
export function createEffects(context: ServiceContext, options: EffectsOptions = {}): Effects {
  return new Effects(context, options);
}
