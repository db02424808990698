import { StudybridgeError } from '@studybridge/contracts';
import { backoffMs, type Logger, Loop } from '@studybridge/service-kit';
import type { DataSource } from 'typeorm';
import type { BusMetrics } from './bus-metrics';
import { type Carrier, marksTopic, type WireMessage } from './carrier';
import type { BusFaults } from './faults';
import { envelopeOf } from './publish-events';
import type { RestoreWatch } from './restore-watch';
import { SessionLock } from './session-lock';

interface OutboxRow {
  position: string;
  topic: string;
  key: string;
  seq: string;
  id: string;
  version: number;
  correlation_id: string;
  envelope: string;
}

const sweepMs = 1_000;
const rowsPerBatch = 500;
/** Below Kafka's limit for a request to one partition, whatever partition the rows fall into. */
const bytesPerBatch = 600_000;
const lossCheckMs = 10_000;
/** `SB` and a number; see also the kit's own. */
const relayLock = 0x5342_0010;
const channel = 'studybridge_relay';

/** A held row holds back its key: later rows of the key wait behind it. */
const unpublished = `
  SELECT position, topic, key, seq, id, version, correlation_id, envelope FROM bus_outbox o
   WHERE published_at IS NULL
     AND NOT EXISTS (SELECT 1 FROM bus_outbox h WHERE h.topic = o.topic AND h.key = o.key AND h.held_code IS NOT NULL)
   ORDER BY position LIMIT ${rowsPerBatch}`;

/**
 * Publishes the outbox of one database in order. Of several replicas only the holder of the lock does so; each row is marked
 * after the carrier accepted it, so a crash between the two publishes it again, and the inbox drops it.
 */
export class Relay {
  private readonly loop = new Loop(() => this.round());
  private readonly lock: SessionLock;
  private readonly knownTopics = new Set<string>();
  /** Topics that this process published to. */
  private readonly said = new Set<string>();
  private checkedFor = 0;
  private databaseCheckedAt = 0;
  private failures = 0;
  private lossCheckedAt = 0;
  private trouble: string | null = null;
  private notifying = false;
  private stopping = false;

  constructor(
    private readonly dataSource: DataSource,
    private readonly carrier: Carrier,
    private readonly logger: Logger,
    private readonly metrics: BusMetrics,
    private readonly faults: BusFaults,
    private readonly restore: RestoreWatch,
    private readonly service: string,
  ) {
    this.lock = new SessionLock(dataSource, relayLock, channel, () => this.loop.wake());
  }

  start(): void {
    this.loop.start();
  }

  /** As much as can be found out at once about the database; what cannot, the first rounds find out. */
  async checkAtStart(): Promise<void> {
    try {
      if (await this.lock.take(this.faults.relayLockOff)) await this.checkDatabase();
    } catch (error) {
      this.logger.debug({ err: error }, 'the database could not be checked at the start');
    }
  }

  /** Something was committed to the outbox. Tells the holder of the lock when that is another process. */
  wake(): void {
    if (this.lock.held) return this.loop.wake();
    // A standby asks for the lock once a sweep only; the holder listens.
    if (this.notifying || this.stopping || !this.dataSource.isInitialized) return;
    this.notifying = true;
    this.dataSource
      .query(`NOTIFY ${channel}`)
      .catch(() => undefined)
      .finally(() => (this.notifying = false));
  }

  async stop(): Promise<void> {
    this.stopping = true;
    // A publish that hangs is given up: its rows stay unpublished, so they go out again after the next start.
    await this.loop.stop(8_000);
    this.lock.release();
  }

  problems(): string[] {
    return this.trouble === null ? [] : [this.trouble];
  }

  private async round(): Promise<number> {
    try {
      if (!(await this.lock.take(this.faults.relayLockOff))) {
        this.failures = 0;
        this.trouble = null;
        this.restore.leave();
        return sweepMs;
      }
      await this.checkDatabase();
      await this.noticeLoss();
      const rows = (await this.lock.query(unpublished)) as unknown as OutboxRow[];
      if (rows.length > 0) await this.faults.at?.('outbox.read');
      const heldSome = await this.publishInParts(rows);
      if (this.failures > 0) this.logger.info('the outbox is published again');
      this.failures = 0;
      this.trouble = null;
      return heldSome || rows.length === rowsPerBatch ? 0 : sweepMs;
    } catch (error) {
      this.failures += 1;
      this.knownTopics.clear();
      this.lossCheckedAt = 0;
      const known = error instanceof StudybridgeError;
      this.trouble = known ? `${error.message} ${error.remedy}` : 'The outbox cannot be read or marked.';
      if (!this.stopping) {
        const level = this.failures === 1 ? 'warn' : 'debug';
        this.logger[level]({ err: error, failures: this.failures }, 'the outbox could not be published; trying again');
      }
      // Whoever waits may be woken early, and the dependency must not be hammered for it.
      const ms = backoffMs(this.failures, 100, 5_000);
      await new Promise((resolve) => setTimeout(resolve, Math.min(ms, 100)));
      return Math.max(1, ms - 100);
    }
  }

  /** Once for each session that holds the lock: a database that is put back ends every session. And asked now and then. */
  private async checkDatabase(): Promise<void> {
    const due = this.checkedFor !== this.lock.session || Date.now() - this.databaseCheckedAt >= lossCheckMs;
    if (!due) return;
    await this.restore.check();
    this.checkedFor = this.lock.session;
    this.databaseCheckedAt = Date.now();
  }

  /** Somebody found that the database was not checked. */
  recheck(): void {
    this.databaseCheckedAt = 0;
    this.wake();
  }

  /**
   * Each part is marked through the lock's session before the next one goes out, as between two rounds. True when the carrier refused
   * a row: its key is held from now on, and what was read of it must not go out.
   */
  private async publishInParts(rows: OutboxRow[]): Promise<boolean> {
    for (let from = 0; from < rows.length && !this.stopping;) {
      const part = withinBytes(rows, from);
      if (await this.publish(part)) return true;
      from += part.length;
    }
    return false;
  }

  private async publish(rows: OutboxRow[]): Promise<boolean> {
    const marks = this.carrier.readAll === undefined ? [] : [this.markOf(rows)];
    const missing = [...rows, ...marks].map((row) => row.topic).filter((topic) => !this.knownTopics.has(topic));
    if (missing.length > 0) {
      await this.carrier.ensureTopics([...new Set(missing)]);
      for (const topic of missing) this.knownTopics.add(topic);
    }
    try {
      await this.carrier.publish([...rows.map((row) => toMessage(row, this.service)), ...marks]);
    } catch (error) {
      if (!(error instanceof StudybridgeError) || error.errorClass !== 'participant') throw error;
      await this.bisect(rows, error);
      return true;
    }
    await this.faults.at?.('relay.published');
    await this.lock.query('UPDATE bus_outbox SET published_at = clock_timestamp() WHERE position = ANY($1::bigint[])', [
      rows.map((row) => row.position),
    ]);
    for (const row of rows) this.metrics.published.inc({ topic: row.topic });
    return false;
  }

  /** Goes out with the rows: when this stands at the carrier and not in the outbox, the database was put back. */
  private markOf(rows: OutboxRow[]): WireMessage {
    for (const row of rows) this.said.add(row.topic);
    const last = rows.reduce((one, other) => (BigInt(other.position) > BigInt(one.position) ? other : one));
    const mark = { position: last.position, id: last.id, topics: [...this.said] };
    return { topic: marksTopic, key: this.service, headers: {}, value: JSON.stringify(mark) };
  }

  /** Finds the row that the carrier refuses and holds it; what came before it and other keys go out. */
  private async bisect(rows: OutboxRow[], error: StudybridgeError): Promise<void> {
    const [first] = rows;
    if (first === undefined) return;
    if (rows.length === 1) {
      await this.lock.query('UPDATE bus_outbox SET held_code = $2 WHERE position = $1', [first.position, error.code]);
      this.logger.error(
        { err: error, topic: first.topic, seq: first.seq, messageId: first.id },
        'a message cannot be published; its key is held',
      );
      return;
    }
    const middle = Math.ceil(rows.length / 2);
    await this.publish(rows.slice(0, middle));
    const held = (await this.lock.query(
      'SELECT DISTINCT topic, key FROM bus_outbox WHERE held_code IS NOT NULL',
    )) as unknown as OutboxRow[];
    const heldKeys = new Set(held.map((row) => JSON.stringify([row.topic, row.key])));
    const rest = rows.slice(middle).filter((row) => !heldKeys.has(JSON.stringify([row.topic, row.key])));
    if (rest.length > 0) await this.publish(rest);
  }

  /** A topic that holds less than it once did was lost with its broker: everything of it is published again. */
  private async noticeLoss(): Promise<void> {
    if (this.carrier.held === undefined || Date.now() - this.lossCheckedAt < lossCheckMs) return;
    const topics = (await this.lock.query('SELECT DISTINCT topic FROM bus_counter')).map((row) => String(row['topic']));
    if (topics.length > 0) {
      await this.carrier.ensureTopics(topics);
      const now = await this.carrier.held(topics);
      const before = new Map((await this.lock.query(leastHeld)).map((row) => [row['topic'], Number(row['held'])]));
      for (const topic of topics) {
        const held = now[topic] ?? 0;
        const lost = held < (before.get(topic) ?? 0);
        if (lost) {
          await this.lock.query(republish, [[topic]]);
          this.logger.warn({ topic }, 'the topic was lost; everything of it is published again');
        }
        // Also when nothing is left: else the next look would find it lost once more.
        if (held > 0 || lost) {
          await this.lock.query(
            'INSERT INTO bus_topic (topic, held) VALUES ($1, $2) ON CONFLICT (topic) DO UPDATE SET held = excluded.held',
            [topic, held],
          );
        }
      }
    }
    this.lossCheckedAt = Date.now();
  }
}

/** What each topic must hold at least: what it once did, and what it accepted from us. */
const leastHeld = `
  SELECT topic, max(held) AS held FROM (
    SELECT topic, held FROM bus_topic
    UNION ALL
    SELECT topic, sum(n) FROM (
      SELECT topic, sum(last_seq) AS n FROM bus_counter GROUP BY topic
      UNION ALL
      SELECT topic, -count(*) FROM bus_outbox WHERE published_at IS NULL GROUP BY topic
    ) accepted GROUP BY topic
  ) least GROUP BY topic`;

/** Everything of these topics goes out again; whoever knows it drops it. */
export const republish =
  'UPDATE bus_outbox SET published_at = NULL WHERE topic = ANY($1::text[]) AND published_at IS NOT NULL';

/** As many rows as one request to the carrier may hold, at least one. */
function withinBytes(rows: OutboxRow[], from: number): OutboxRow[] {
  let bytes = 0;
  let until = from;
  while (until < rows.length && (bytes += Buffer.byteLength(rows[until]!.envelope) + 200) <= bytesPerBatch) until += 1;
  return rows.slice(from, Math.max(from + 1, until));
}

function toMessage(row: OutboxRow, service: string): WireMessage {
  return {
    topic: row.topic,
    key: row.key,
    headers: { id: row.id, type: row.topic, version: String(row.version), correlation: row.correlation_id, service },
    value: envelopeOf(row),
  };
}
