import {
  commandGiven,
  type Envelope,
  type EventDefinition,
  type JobEnded,
  jobEnded,
  StudybridgeError,
} from '@studybridge/contracts';
import { backoffMs, type EndedRun, type Logger, Loop, type ServiceContext } from '@studybridge/service-kit';
import type { DataSource, EntityManager, QueryRunner } from 'typeorm';
import { addBusOperations } from './bus-operations';
import { CarrierUnavailableError } from './bus-errors';
import { type BusMetrics, createBusMetrics } from './bus-metrics';
import type { Carrier } from './carrier';
import { countAttention, countForIdle, countInbox, countOutbox, countParkedAndDead } from './count-bus';
import { type BusFaults, faultsOfProof } from './faults';
import { GapWatch } from './gap-watch';
import { type EventMeta, publishEvents } from './publish-events';
import { Relay } from './relay';
import { holdPhase, readPhase, type RestorePhase } from './restore-state';
import { refuseUnchecked, type RestoreSteps, RestoreWatch } from './restore-watch';
import { InboxStore } from './store-in-inbox';
import { type Consumer, InboxWorkers } from './work-inbox';

/** How many buses use a carrier: the last one to stop closes it. */
const users = new WeakMap<Carrier, number>();

/**
 * What a service says to the others and hears from them: an outbox written in the caller's transaction, an inbox worked in
 * order per key, a carrier in between (travel steps 2 and 3). Made by {@link createEventBus}.
 */
export class EventBus {
  private readonly consumers = new Map<string, Consumer>();
  private readonly publishers = new WeakSet<QueryRunner>();
  private readonly logger: Logger;
  private readonly metrics: BusMetrics;
  private readonly relay: Relay;
  private readonly workers: InboxWorkers;
  private readonly inbox: InboxStore;
  private readonly gaps: GapWatch;
  private readonly restore: RestoreWatch;
  private readonly connecting = new Loop(() => this.connect());
  private unsubscribe: (() => Promise<void>) | null = null;
  private connectFailures = 0;
  private connectTrouble: string | null = 'The message carrier was not reached yet.';
  private started = false;
  private stopping = false;

  constructor(
    private readonly context: ServiceContext,
    private readonly carrier: Carrier,
    private readonly faults: BusFaults,
  ) {
    const { dataSource } = context;
    this.logger = context.logger.child({ room: 'event-bus' });
    this.metrics = createBusMetrics(context.registry, async () => ({
      outbox: await countOutbox(dataSource),
      inbox: await countInbox(dataSource),
      ...(await countParkedAndDead(dataSource)),
    }));
    this.workers = new InboxWorkers(dataSource, this.consumers, context.clock, this.logger, this.metrics, faults);
    const events = { get: (topic: string) => this.consumers.get(topic)?.event };
    this.inbox = new InboxStore(dataSource, events, this.logger, this.metrics, faults);
    const inbox = this.inbox;
    this.restore = new RestoreWatch(
      dataSource,
      carrier,
      context.name,
      { heard: () => [...this.consumers.keys()], store: (batch) => inbox.store(batch), wake: () => this.wakeAll() },
      this.logger,
    );
    this.relay = new Relay(dataSource, carrier, this.logger, this.metrics, faults, this.restore, context.name);
    this.gaps = new GapWatch(dataSource, carrier, context.name, this.logger);
    this.register();
  }

  /**
   * What the service does about an event type; to be said before the start, once per type. The handler runs inside the
   * transaction that marks the message done and never calls the outside: what it throws takes everything back. `participant`
   * errors park the message's key, `dependency` and `setting` errors are tried again, anything else five times.
   */
  consume<P>(event: EventDefinition<P>, handler: (em: EntityManager, envelope: Envelope<P>) => Promise<void>): void {
    this.hear(event, async (em, [envelope]) => handler(em, envelope as Envelope<P>), false);
  }

  /**
   * As {@link consume}, for a handler that stores what many messages ask for in one statement: it is given all that are worked in
   * one transaction, each key's in order. When it throws, all of it is taken back and it is given them one by one.
   */
  consumeTogether<P>(
    event: EventDefinition<P>,
    handler: (em: EntityManager, envelopes: Envelope<P>[]) => Promise<void>,
  ): void {
    this.hear(event, handler as Consumer['handler'], true);
  }

  private hear<P>(event: EventDefinition<P>, handler: Consumer['handler'], together: boolean): void {
    if (this.started || this.consumers.has(event.topic)) {
      throw new StudybridgeError(`The event ${event.type} is consumed twice, or after the start.`, {
        code: 'CONSUMED_TWICE',
        errorClass: 'bug',
        remedy: 'Consume each event once, while the module is built.',
      });
    }
    this.consumers.set(event.topic, { event: event as EventDefinition<unknown>, handler, together });
  }

  /** Says one event inside the caller's transaction. Throws INVALID_EVENT (bug). */
  async publish<P>(em: EntityManager, event: EventDefinition<P>, payload: P, meta: EventMeta): Promise<void> {
    await this.publishMany(em, event, [{ payload, meta }]);
  }

  /** Says many events, a thousand at a time; those of one key keep their order. What makes them one by one is held one by one. */
  async publishMany<P>(
    em: EntityManager,
    event: EventDefinition<P>,
    items: Iterable<{ payload: P; meta: EventMeta }>,
  ): Promise<void> {
    const now = () => this.context.clock.now();
    if (this.faults.outboxTransactionOff) {
      // For the proof: committed some time after the caller's transaction, on its own, or never when the process dies.
      const all = [...items];
      setTimeout(() => {
        void publishEvents(this.context.dataSource.manager, event, all, now).then(
          () => this.wake(),
          (error: unknown) => this.logger.error({ err: error }, 'an event was lost'),
        );
      }, 150);
      return;
    }
    await publishEvents(em, event, items, now);
    if (em.queryRunner?.isTransactionActive) this.publishers.add(em.queryRunner);
    else this.wake();
  }

  /** What the service does when its database was put back to an earlier copy; to be said before the start. */
  onRestored(steps: RestoreSteps): void {
    this.restore.add(steps);
  }

  /**
   * Whether something may go out, or be decided, from what the database holds: false while both sides are compared after it was
   * put back. Throws DATABASE_UNCHECKED (dependency) while not even that is known. Asked in a transaction, a no holds until that
   * commits; see {@link RestoreSteps.undecided}.
   */
  async mayAct(db: EntityManager | DataSource): Promise<boolean> {
    const inTransaction = 'queryRunner' in db && db.queryRunner?.isTransactionActive === true;
    const phase = await (inTransaction ? holdPhase(db) : readPhase(db));
    if (phase === 'unchecked') this.relay.recheck();
    refuseUnchecked(phase);
    return phase === 'clear';
  }

  /** See {@link RestorePhase}. */
  phase(): Promise<RestorePhase> {
    return readPhase(this.context.dataSource);
  }

  /** After a commit: what was said goes out now. (Transactions of the service's own DataSource do so by themselves.) */
  wake(): void {
    this.relay.wake();
  }

  private wakeAll(): void {
    this.relay.wake();
    this.workers.wake();
  }

  private register(): void {
    const { context } = this;
    const { dataSource, idle, ops } = context;
    context.onStart(() => this.start());
    context.onStop(() => this.stop());
    const counts = askedTogether(() => countForIdle(dataSource));
    idle.addWork('outbox', async () => (await counts()).outbox);
    idle.addWork('inbox', async () => (await counts()).inbox);
    idle.addWork('restore', async () => this.restore.countWork((await counts()).phase));
    idle.addTopics(async () => (await counts()).topics);
    idle.addProblems(() => Promise.resolve(this.problems()));
    idle.addWaker(() => this.wakeAll());
    context.health.add('bus', () => {
      const [problem] = this.problems();
      return problem === undefined ? Promise.resolve() : Promise.reject(new CarrierUnavailableError(problem));
    });
    ops.addStatus('bus', async () => ({
      bus: {
        carrier: this.carrier.kind,
        outbox: await countOutbox(dataSource),
        inbox: await countInbox(dataSource),
        ...(await countParkedAndDead(dataSource)),
      },
      attention: await countAttention(dataSource),
    }));
    addBusOperations(context, {
      wake: () => this.wakeAll(),
      declareRestored: async () => {
        await this.restore.declare();
        this.relay.recheck();
      },
    });
    context.jobs.onEnded((em, run) => this.sayEnded(em, run));
    dataSource.subscribers.push({
      afterTransactionCommit: ({ queryRunner }) => {
        if (queryRunner.isTransactionActive || !this.publishers.delete(queryRunner)) return;
        this.wake();
      },
    });
    this.consume(commandGiven, async (_em, { payload }) => {
      if (payload.service !== context.name) return;
      try {
        await ops.dispatch(payload.command, payload.arguments);
        this.logger.info({ command: payload.command, commandId: payload.commandId }, 'command carried out');
      } catch (error) {
        // A command that cannot be carried out must not hold back the next one.
        this.logger.error({ err: error, command: payload.command, commandId: payload.commandId }, 'command refused');
      }
    });
  }

  /** Whoever runs this Studybridge is told how each job went, by whichever service does that. */
  private async sayEnded(em: EntityManager, run: EndedRun): Promise<void> {
    const { context } = this;
    const study = run.binding.split('.')[0]!;
    const payload: JobEnded = {
      service: context.name,
      job: run.name,
      binding: run.binding,
      runId: run.id,
      kind: run.kind,
      outcome: run.state,
      sentence: run.outcome,
      errorCode: run.errorCode,
      dueAt: run.dueAt.toISOString(),
      startedAt: run.startedAt.toISOString(),
      endedAt: run.finishedAt.toISOString(),
      late: run.late,
      dryRun: run.dryRun,
      counts: Object.fromEntries(Object.entries(run.counts).filter(([, count]) => Number.isFinite(count))),
      log: [...run.log],
      nextDueAt: run.nextDueAt?.toISOString() ?? null,
    };
    await this.publish(em, jobEnded, payload, { binding: run.binding, study, cause: 'live', correlationId: run.id });
  }

  private async start(): Promise<void> {
    this.started = true;
    users.set(this.carrier, (users.get(this.carrier) ?? 0) + 1);
    const revived = await this.inbox.revive();
    if (revived > 0)
      this.logger.info({ revived }, 'messages that an earlier version did not understand are worked now');
    // Before anything is decided; where the carrier cannot be asked now, the relay asks as soon as it can.
    await this.relay.checkAtStart();
    this.relay.start();
    this.restore.start();
    this.workers.start();
    if (this.carrier.kind === 'in-process') await this.connect();
    this.connecting.start();
    this.gaps.start();
  }

  /** Keeps trying until the carrier is there; a service starts without it. */
  private async connect(): Promise<number> {
    if (this.unsubscribe !== null) return 60_000;
    try {
      const topics = [...this.consumers.keys()];
      await this.carrier.ensureTopics(topics);
      this.unsubscribe = await this.carrier.subscribe(this.context.name, topics, async (batch) => {
        await this.inbox.store(batch);
        this.workers.wake();
      });
      if (this.connectFailures > 0) this.logger.info('the message carrier is there');
      this.connectTrouble = null;
      this.connectFailures = 0;
      return 60_000;
    } catch (error) {
      this.connectFailures += 1;
      const known = error instanceof StudybridgeError;
      this.connectTrouble = known ? `${error.message} ${error.remedy}` : 'The message carrier cannot be reached.';
      if (!this.stopping) {
        this.logger[this.connectFailures === 1 ? 'warn' : 'debug']({ err: error }, 'no message carrier; trying again');
      }
      return backoffMs(this.connectFailures, 250, 5_000);
    }
  }

  private async stop(): Promise<void> {
    this.stopping = true;
    await Promise.all([this.connecting.stop(), this.gaps.stop()]);
    await this.unsubscribe?.();
    this.unsubscribe = null;
    await Promise.all([this.workers.stop(), this.restore.stop()]);
    await this.relay.stop();
    const left = (users.get(this.carrier) ?? 1) - 1;
    users.set(this.carrier, left);
    if (left === 0) await this.carrier.close();
  }

  private problems(): string[] {
    const own = this.connectTrouble === null || !this.started ? [] : [this.connectTrouble];
    const all = [...own, ...(this.carrier.problems?.() ?? []), ...this.relay.problems(), ...this.workers.problems()];
    return [...new Set([...all, ...this.gaps.problems(), ...this.restore.problems()])];
  }
}

/** One question for all who ask in the same breath; the next breath asks anew. */
function askedTogether<T>(ask: () => Promise<T>): () => Promise<T> {
  let asking: Promise<T> | null = null;
  return () => {
    if (asking === null) {
      asking = ask();
      queueMicrotask(() => (asking = null));
    }
    return asking;
  };
}

/**
 * The service's bus over a carrier. Registers itself with the context: start and stop, idle counts, commands, health and
 * figures. `faults` is for proofs only.
 */
export function createEventBus(
  context: ServiceContext,
  carrier: Carrier,
  faults: BusFaults = faultsOfProof(),
): EventBus {
  return new EventBus(context, carrier, faults);
}
