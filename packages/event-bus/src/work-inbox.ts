import {
  type Clock,
  type Envelope,
  type EventDefinition,
  type ErrorClass,
  StudybridgeError,
} from '@studybridge/contracts';
import { backoffMs, classOf, isPassingDatabaseError, type Logger, Loop, runCorrelated } from '@studybridge/service-kit';
import type { DataSource, EntityManager } from 'typeorm';
import type { BusMetrics } from './bus-metrics';
import type { BusFaults } from './faults';
import { readMessage } from './read-message';
import { readPhase, type RestorePhase } from './restore-state';

/** An event type that a service hears, and what it does about some of them: one, unless they may come together. */
export interface Consumer {
  event: EventDefinition<unknown>;
  handler: (em: EntityManager, envelopes: Envelope<unknown>[]) => Promise<void>;
  /** Whether the handler takes many keys' messages at once. */
  together: boolean;
}

interface ClaimedRow {
  topic: string;
  key: string;
  last_seq: string;
  seq: string;
  value: string;
}

/** The next messages of one key, in order, without a gap. */
interface Run {
  topic: string;
  key: string;
  messages: { seq: number; value: string }[];
}

interface Heard {
  key: string;
  seq: number;
  value: string;
}

const sweepMs = 1_000;
const workers = 3;
const keysAtOnce = 64;
const messagesPerKey = 8;
const bugAttempts = 5;

/** What a handler threw, with the message it was given. */
class HandlerFailed extends Error {
  constructor(
    readonly reason: unknown,
    readonly topic: string,
    /** Null where messages were worked together, and nobody knows whose it was. */
    readonly key: string | null,
    readonly seq: number,
  ) {
    super('a handler failed');
  }
}

/**
 * Whether the error surely is that of the run's first message, so that its key alone has to wait. A transaction that an
 * earlier handler spoilt (25P02) says nothing about the one that noticed.
 */
function failedFirst(run: Run, error: unknown, runs: number): boolean {
  const [first, second] = run.messages;
  if (!(error instanceof HandlerFailed)) return runs === 1 && second === undefined;
  const spoilt = (error.reason as { code?: unknown } | null)?.code === '25P02';
  return !spoilt && error.topic === run.topic && error.key === run.key && error.seq === first?.seq;
}

/**
 * Works the inbox of one database, key by key: a message is worked when it is the next of its key, and the handler's rows,
 * its outbox rows and "done" commit together. The lock on the key's row keeps replicas apart.
 *
 * Many keys share one transaction as long as nothing fails; when a handler throws, all of it is taken back and each message
 * gets a transaction of its own, so that the one at fault waits alone.
 */
export class InboxWorkers {
  private readonly loops: Loop[];
  private failures = 0;
  private trouble: string | null = null;
  private stopping = false;
  private retryTimer: NodeJS.Timeout | undefined;

  constructor(
    private readonly dataSource: DataSource,
    private readonly consumers: ReadonlyMap<string, Consumer>,
    private readonly clock: Clock,
    private readonly logger: Logger,
    private readonly metrics: BusMetrics,
    private readonly faults: BusFaults,
  ) {
    this.loops = Array.from({ length: workers }, () => new Loop(() => this.round()));
  }

  start(): void {
    for (const loop of this.loops) loop.start();
  }

  /** There is something new in the inbox: one idle worker looks; it calls the next when there is more than it can take. */
  wake(): void {
    (this.loops.find((loop) => loop.waiting) ?? this.loops[0])?.wake();
  }

  async stop(): Promise<void> {
    this.stopping = true;
    clearTimeout(this.retryTimer);
    await Promise.all(this.loops.map((loop) => loop.stop()));
  }

  problems(): string[] {
    return this.trouble === null ? [] : [this.trouble];
  }

  private async round(): Promise<number> {
    if (this.consumers.size === 0) return sweepMs;
    try {
      const worked = await this.workMany();
      this.failures = 0;
      this.trouble = null;
      return worked > 0 ? 0 : sweepMs;
    } catch (error) {
      if (this.stopping) return 0;
      this.failures += 1;
      const known = error instanceof StudybridgeError;
      this.trouble = known ? `${error.message} ${error.remedy}` : 'The inbox cannot be worked.';
      const level = isPassingDatabaseError(error) || known ? (this.failures === 1 ? 'warn' : 'debug') : 'error';
      this.logger[level]({ err: error, failures: this.failures }, 'the inbox could not be worked; trying again');
      const ms = backoffMs(this.failures, 100, 5_000);
      await new Promise((resolve) => setTimeout(resolve, Math.min(ms, 100)));
      return Math.max(1, ms - 100);
    }
  }

  /** Works what can be worked now; returns how many messages it took in hand. */
  private async workMany(): Promise<number> {
    let runs: Run[] = [];
    // Most looks find nothing: not worth a transaction.
    const pending: unknown[] = await this.dataSource.query('SELECT 1 FROM bus_inbox WHERE done_at IS NULL LIMIT 1');
    if (pending.length === 0 || !(await this.mayWork())) return 0;
    try {
      runs = await this.dataSource.transaction(async (em) => {
        runs = await this.claim(em, keysAtOnce);
        if (runs.length === keysAtOnce) this.wake();
        if (runs.length > 0) await this.handleAll(em, runs);
        return runs;
      });
    } catch (error) {
      if (!(error instanceof HandlerFailed) && !isPassingDatabaseError(error)) throw error;
      if (runs.length === 0) throw error instanceof HandlerFailed ? error.reason : error;
      // Taken back. The one at fault has had its attempt; the others go one by one from here on.
      const guilty = runs.find((run) => failedFirst(run, error, runs.length));
      if (guilty !== undefined) await this.noteFailure(guilty, error);
      for (const run of runs) if (run !== guilty && !this.stopping) await this.workOne(run);
      return runs.length;
    }
    const worked = runs.reduce((sum, run) => sum + run.messages.length, 0);
    if (worked > 0) {
      await this.faults.at?.('work.committed');
      for (const run of runs) this.metrics.handled.inc({ topic: run.topic }, run.messages.length);
    }
    return worked;
  }

  /** What is decided from a database that may not be the newest would have to be taken back. */
  private async mayWork(): Promise<boolean> {
    const phase: RestorePhase = await readPhase(this.dataSource);
    return phase === 'clear' || phase === 'recovered';
  }

  /** Works one key's messages, each in a transaction of its own, until one fails. */
  private async workOne(run: Run): Promise<void> {
    for (const message of run.messages) {
      const single: Run = { ...run, messages: [message] };
      try {
        const mine = await this.dataSource.transaction(async (em) => {
          const [still] = await this.claim(em, 1, single);
          if (still?.messages[0]?.seq !== message.seq) return false;
          await this.handleAll(em, [single]);
          return true;
        });
        if (!mine) return;
        await this.faults.at?.('work.committed');
        this.metrics.handled.inc({ topic: run.topic });
      } catch (error) {
        await this.noteFailure(single, error);
        return;
      }
    }
  }

  /** Locks keys whose next message is there and reads what follows in each, as far as there is no gap. */
  private async claim(em: EntityManager, limit: number, only?: Run): Promise<Run[]> {
    const again = this.faults.inboxDropOff ? '<=' : '=';
    const rows: ClaimedRow[] = await em.query(
      `WITH ready AS (
         SELECT k.topic, k.key, k.last_seq
           FROM bus_inbox i JOIN bus_inbox_key k ON k.topic = i.topic AND k.key = i.key AND i.seq ${again} k.last_seq + 1
          WHERE i.done_at IS NULL AND k.parked_at IS NULL
            AND (k.next_attempt_at IS NULL OR k.next_attempt_at <= clock_timestamp())
            AND i.topic = ANY($3::text[]) AND ($4::text IS NULL OR i.key = $4)
          ORDER BY i.position LIMIT $1 FOR UPDATE OF k SKIP LOCKED
       )
       SELECT r.topic, r.key, r.last_seq, m.seq, m.value
         FROM (SELECT DISTINCT * FROM ready) r CROSS JOIN LATERAL (
           SELECT seq, value FROM bus_inbox b
            WHERE b.topic = r.topic AND b.key = r.key AND b.done_at IS NULL ORDER BY seq LIMIT $2
         ) m
        ORDER BY r.topic, r.key, m.seq`,
      [
        limit,
        only === undefined ? messagesPerKey : 1,
        only === undefined ? [...this.consumers.keys()] : [only.topic],
        only?.key ?? null,
      ],
    );
    const runs: Run[] = [];
    let run: Run | undefined;
    let next = 0;
    for (const row of rows) {
      if (run === undefined || run.topic !== row.topic || run.key !== row.key) {
        run = { topic: row.topic, key: row.key, messages: [] };
        runs.push(run);
        next = Number(row.last_seq) + 1;
      }
      const seq = Number(row.seq);
      if (seq > next) continue;
      run.messages.push({ seq, value: row.value });
      if (seq === next) next += 1;
    }
    return runs;
  }

  private async handleAll(em: EntityManager, runs: Run[]): Promise<void> {
    await this.clock.refresh();
    for (const group of this.grouped(runs)) await this.handle(em, group);
    const done = runs.flatMap((run) => run.messages.map((message) => ({ ...run, seq: message.seq })));
    await em.query(
      `WITH item AS (SELECT * FROM unnest($1::text[], $2::text[], $3::bigint[]) AS t(topic, key, seq)),
       worked AS (
         UPDATE bus_inbox b SET done_at = clock_timestamp(), value = ''
           FROM item WHERE b.topic = item.topic AND b.key = item.key AND b.seq = item.seq
       )
       UPDATE bus_inbox_key k SET last_seq = greatest(k.last_seq, latest.seq), attempts = 0, next_attempt_at = NULL
         FROM (SELECT topic, key, max(seq) AS seq FROM item GROUP BY topic, key) latest
        WHERE k.topic = latest.topic AND k.key = latest.key`,
      [done.map((one) => one.topic), done.map((one) => one.key), done.map((one) => one.seq)],
    );
    await this.faults.at?.('work.handled');
  }

  /** In the order of the runs: one message at a time, or all of a topic whose handler takes them together. */
  private grouped(runs: Run[]): { topic: string; consumer: Consumer; messages: Heard[] }[] {
    const groups: { topic: string; consumer: Consumer; messages: Heard[] }[] = [];
    for (const { topic, key, messages } of runs) {
      const consumer = this.consumers.get(topic);
      if (consumer === undefined) continue;
      for (const message of messages) {
        const last = groups.at(-1);
        if (consumer.together && last?.topic === topic) last.messages.push({ key, ...message });
        else groups.push({ topic, consumer, messages: [{ key, ...message }] });
      }
    }
    return groups;
  }

  private async handle(
    em: EntityManager,
    { topic, consumer, messages }: { topic: string; consumer: Consumer; messages: Heard[] },
  ): Promise<void> {
    const envelopes = messages.map(({ key, seq, value }) => {
      const read = readMessage({ topic, key, value }, consumer.event);
      if (!read.ok) throw new HandlerFailed(notUnderstood(topic, read.reason), topic, key, seq);
      const { id, cause } = read.envelope;
      this.logger.debug({ topic, seq: read.envelope.seq, messageId: id, cause }, 'working');
      return read.envelope;
    });
    const [first] = messages;
    const [envelope] = envelopes;
    if (first === undefined || envelope === undefined) return;
    const end = this.metrics.handling.startTimer({ topic });
    try {
      const work = () => consumer.handler(em, envelopes);
      await (envelopes.length === 1 ? runCorrelated(envelope.correlationId, work) : work());
    } catch (error) {
      throw new HandlerFailed(error, topic, messages.length === 1 ? first.key : null, first.seq);
    }
    end();
  }

  /** A participant's own error parks its key; a dependency's is tried again; ours a few times, then it parks the key, too. */
  private async noteFailure(run: Run, failed: unknown): Promise<void> {
    const error = failed instanceof HandlerFailed ? failed.reason : failed;
    const seq = run.messages[0]?.seq ?? 0;
    const errorClass = classOf(error);
    this.metrics.failed.inc({ topic: run.topic, class: errorClass });
    const known = error instanceof StudybridgeError ? error : null;
    const [row]: { attempts: number }[] = (
      await this.dataSource.query(
        `UPDATE bus_inbox_key SET attempts = attempts + 1
          WHERE topic = $1 AND key = $2 AND last_seq = $3 - 1 AND parked_at IS NULL RETURNING attempts`,
        [run.topic, run.key, seq],
      )
    )[0] as { attempts: number }[];
    // Another replica was faster, or a redelivered message of a proof failed.
    if (row === undefined) return;
    const { attempts } = row;
    const park = errorClass === 'participant' || (errorClass === 'bug' && attempts >= bugAttempts);
    const context = { err: error, topic: run.topic, seq, attempts, class: errorClass };
    if (park) {
      await this.park(
        run,
        known?.code ?? 'HANDLER_FAILED',
        errorClass,
        known?.remedy ?? 'Report it; the log says where.',
      );
      this.logger.error(context, 'a message could not be worked; its key is parked');
      return;
    }
    const ms = known?.retryAfterSeconds ? known.retryAfterSeconds * 1_000 : backoffMs(attempts, 200, 30_000);
    await this.dataSource.query(
      `UPDATE bus_inbox_key SET next_attempt_at = clock_timestamp() + $3 * interval '1 millisecond'
        WHERE topic = $1 AND key = $2 AND parked_at IS NULL`,
      [run.topic, run.key, ms],
    );
    this.logger.warn({ ...context, retryInMs: ms }, 'a message could not be worked; trying again');
    if (ms < sweepMs && !this.stopping) {
      clearTimeout(this.retryTimer);
      this.retryTimer = setTimeout(() => this.wake(), ms + 5);
    }
  }

  private async park(run: Run, code: string, errorClass: ErrorClass, remedy: string): Promise<void> {
    await this.dataSource.query(
      `UPDATE bus_inbox_key SET parked_at = clock_timestamp(), parked_code = $3, parked_class = $4, parked_remedy = $5,
              next_attempt_at = NULL
        WHERE topic = $1 AND key = $2`,
      [run.topic, run.key, code, errorClass, remedy],
    );
  }
}

function notUnderstood(topic: string, reason: string): StudybridgeError {
  return new StudybridgeError(`A stored message of ${topic} is not understood (${reason}).`, {
    code: reason,
    errorClass: 'bug',
    remedy: 'Start the version of the service that stored it, or a later one.',
  });
}
