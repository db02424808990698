import { StudybridgeError } from '@studybridge/contracts';
import { backoffMs, type Logger, Loop } from '@studybridge/service-kit';
import type { DataSource, EntityManager } from 'typeorm';
import { DatabaseUncheckedError } from './bus-errors';
import { type Carrier, marksTopic, type WireMessage } from './carrier';
import { countInbox } from './count-bus';
import { headOf } from './read-message';
import { readPhase, type RestorePhase, thisDatabase, thisServer, writeState, writtenHere } from './restore-state';

/** What a service does when its database was put back to an earlier copy. */
export interface RestoreSteps {
  /**
   * In the transaction that ends the reading back, before any message is worked: the service takes back what it had under
   * way. Rows of `bus_outbox` with a greater position than `basePosition` are what it had said since the copy.
   */
  prepare(em: EntityManager, o: { basePosition: number }): Promise<void>;
  /**
   * After the messages that were read back are worked: the service compares with its partners. Nothing goes out before it
   * resolves; tried again after an error, so it must bear being done twice.
   */
  reconcile(): Promise<void>;
  /**
   * How much was heard while it was going on and is not decided upon. Asked in the transaction that ends it all, which waits for
   * whoever was told by `mayAct` not to act yet; unless it is 0, `reconcile` is done once more. Without it: nothing ever is.
   */
  undecided?(em: EntityManager): Promise<number>;
}

/** The last thing a service published, as the carrier keeps it. */
interface Mark {
  position: string;
  id: string;
  topics: string[];
}

const lookEveryMs = 1_000;
/** Messages that wait for an earlier one, or for a dependency, do not hold up the comparison for ever. */
const drainPatienceMs = 30_000;

/**
 * Finds out whether the database was put back to an earlier copy while the world went on, and brings it back: what the service
 * had said since is read back from the carrier into its outbox, what it had heard is heard again, and the service's own steps
 * follow. The holder of the relay's lock does so, before it publishes anything.
 */
export class RestoreWatch {
  private readonly loop = new Loop(() => this.round());
  private readonly steps: RestoreSteps[] = [];
  private failures = 0;
  private trouble: string | null = null;
  private keeps = false;
  private shown: { phase: RestorePhase; at: number } = { phase: 'unchecked', at: 0 };

  constructor(
    private readonly dataSource: DataSource,
    private readonly carrier: Carrier,
    private readonly service: string,
    private readonly o: { heard(): string[]; store(batch: WireMessage[]): Promise<void>; wake(): void },
    private readonly logger: Logger,
  ) {}

  add(steps: RestoreSteps): void {
    this.steps.push(steps);
  }

  start(): void {
    this.loop.start();
  }

  async stop(): Promise<void> {
    await this.loop.stop();
  }

  problems(): string[] {
    if (this.trouble !== null) return [this.trouble];
    const { phase } = this.shown;
    return phase === 'restored' || phase === 'recovered'
      ? [
          'The database was put back to an earlier copy; nothing goes out until both sides were compared. It heals by itself.',
        ]
      : [];
  }

  /** Pieces of work, for `/idle`: a comparison that is still to be done. */
  countWork(phase: RestorePhase): number {
    this.shown = { phase, at: Date.now() };
    return phase === 'clear' ? 0 : 1;
  }

  /**
   * Asked by the holder of the relay's lock before it publishes. Throws when the carrier cannot be asked. Afterwards the
   * outbox holds everything that was ever said.
   */
  async check(): Promise<void> {
    this.keeps = true;
    const [row]: { state: RestorePhase; same_database: boolean; same_server: boolean }[] = await this.dataSource.query(
      `SELECT r.state, r.checked_database = ${thisDatabase} AND ${writtenHere} AS same_database,
              r.checked_server = ${thisServer} AS same_server FROM bus_restore r`,
    );
    if (row?.same_database && row.same_server && row.state !== 'restored') {
      if (row.state === 'recovered') this.loop.wake();
      return;
    }
    const mark = await this.readMark();
    const why = await this.whyRestored(row, mark);
    if (why === null) {
      await this.dataSource.query(writeState, [row?.state ?? 'clear', null]);
      this.loop.wake();
      this.o.wake();
      return;
    }
    await this.recover(why, mark);
  }

  /** The lock was lost: whoever has it now checks. */
  leave(): void {
    this.keeps = false;
  }

  /** A person says that it was put back. */
  async declare(): Promise<void> {
    await this.dataSource.query(writeState, ['restored', 'a person said so']);
    this.o.wake();
  }

  private async whyRestored(
    row: { state: RestorePhase; same_database: boolean } | undefined,
    mark: Mark | null,
  ): Promise<string | null> {
    if (row?.state === 'restored') return 'found out before';
    if (mark !== null) {
      const there: unknown[] = await this.dataSource.query('SELECT 1 FROM bus_outbox WHERE position = $1 AND id = $2', [
        mark.position,
        mark.id,
      ]);
      if (there.length === 0) return 'the carrier holds messages of this service that it does not know';
    }
    return row !== undefined && !row.same_database ? 'the database is a copy' : null;
  }

  private async readMark(): Promise<Mark | null> {
    let last: string | null = null;
    await this.carrier.readAll?.([marksTopic], (batch) => {
      for (const { key, value } of batch) if (key === this.service) last = value;
      return Promise.resolve();
    });
    return last === null ? null : (JSON.parse(last) as Mark);
  }

  private async recover(why: string, mark: Mark | null): Promise<void> {
    this.logger.warn(
      { why },
      'the database was put back to an earlier copy; what was said and heard since is read back',
    );
    await this.dataSource.query(writeState, ['restored', why]);
    this.shown = { phase: 'restored', at: Date.now() };
    const known: { topic: string }[] = await this.dataSource.query('SELECT DISTINCT topic FROM bus_counter');
    const heard = new Set(this.o.heard());
    const said = new Set([...known.map((one) => one.topic), ...(mark?.topics ?? [])]);
    await this.carrier.readAll?.([...new Set([...heard, ...said])], async (batch) => {
      const own = batch.filter(({ topic, headers }) =>
        headers['service'] === undefined ? said.has(topic) && !heard.has(topic) : headers['service'] === this.service,
      );
      await this.keepOwn(own);
      const foreign = batch.filter(({ topic }) => heard.has(topic));
      if (foreign.length > 0) await this.o.store(foreign);
    });
    await this.dataSource.transaction((em) => this.bringBack(em));
    this.logger.warn(
      'what was said and heard since the copy is there again; both sides are compared before anything goes out',
    );
    this.loop.wake();
    this.o.wake();
  }

  private async keepOwn(batch: WireMessage[]): Promise<void> {
    const rows = batch.flatMap(({ topic, value }) => {
      const head = headOf(value);
      // `envelopeOf` puts the number first, and the outbox keeps the rest.
      return head === null ? [] : [{ topic, ...head, envelope: `{${value.slice(value.indexOf(',') + 1)}` }];
    });
    if (rows.length === 0) return;
    await this.dataSource.query(
      `INSERT INTO bus_recovered (topic, key, seq, id, version, correlation_id, envelope)
       SELECT * FROM unnest($1::text[], $2::text[], $3::bigint[], $4::uuid[], $5::int[], $6::text[], $7::text[])
       ON CONFLICT DO NOTHING`,
      [
        rows.map((row) => row.topic),
        rows.map((row) => row.key),
        rows.map((row) => row.seq),
        rows.map((row) => row.id),
        rows.map((row) => row.version),
        rows.map((row) => row.correlationId),
        rows.map((row) => row.envelope),
      ],
    );
  }

  /** One transaction: the outbox holds what was said since, the numbers go on after it, and the service takes its steps. */
  private async bringBack(em: EntityManager): Promise<void> {
    await em.query('LOCK TABLE bus_counter IN EXCLUSIVE MODE');
    const [row]: { state: RestorePhase; base: string }[] = await em.query(
      'SELECT state, base_position AS base FROM bus_restore FOR UPDATE',
    );
    if (row?.state !== 'restored') return;
    for (const sql of bringBackSql) await em.query(sql);
    await em.query(writeState, [this.steps.length > 0 ? 'recovered' : 'clear', null]);
    for (const step of this.steps) await step.prepare(em, { basePosition: Number(row.base) });
  }

  private async round(): Promise<number> {
    if (!this.keeps) return lookEveryMs;
    try {
      if ((await readPhase(this.dataSource)) !== 'recovered') {
        this.failures = 0;
        this.trouble = null;
        return lookEveryMs;
      }
      this.shown = { phase: 'recovered', at: Date.now() };
      const [begun]: { at: string }[] = await this.dataSource.query('SELECT recovered_at::text AS at FROM bus_restore');
      if (!(await this.isDrained())) return 100;
      for (const step of this.steps) await step.reconcile();
      if (!(await this.dataSource.transaction((em) => this.end(em, begun?.at ?? '')))) return 100;
      this.shown = { phase: 'clear', at: Date.now() };
      this.failures = 0;
      this.trouble = null;
      this.logger.warn('both sides were compared after the database was put back; effects go out again');
      this.o.wake();
    } catch (error) {
      this.failures += 1;
      const known = error instanceof StudybridgeError ? `${error.message} ${error.remedy}` : 'It failed.';
      this.trouble = `After the database was put back, both sides could not be compared yet. ${known}`;
      this.logger[this.failures === 1 ? 'warn' : 'debug'](
        { err: error, failures: this.failures },
        'after the database was put back, both sides could not be compared; trying again',
      );
      return backoffMs(this.failures, 250, 15_000);
    }
    return lookEveryMs;
  }

  /** False when something is left to be decided upon, or it is not the one of that instant any more: it was put back once more. */
  private async end(em: EntityManager, recoveredAt: string): Promise<boolean> {
    const still: unknown[] = await em.query(
      `SELECT 1 FROM bus_restore WHERE state = 'recovered' AND recovered_at::text = $1 FOR UPDATE`,
      [recoveredAt],
    );
    if (still.length === 0) return false;
    for (const step of this.steps) if (((await step.undecided?.(em)) ?? 0) > 0) return false;
    await em.query(writeState, ['clear', null]);
    return true;
  }

  private async isDrained(): Promise<boolean> {
    if ((await countInbox(this.dataSource)) === 0) return true;
    const [row]: { late: boolean }[] = await this.dataSource.query(
      `SELECT clock_timestamp() - recovered_at > $1 * interval '1 millisecond' AS late FROM bus_restore`,
      [drainPatienceMs],
    );
    return row?.late ?? false;
  }
}

/** Throws {@link DatabaseUncheckedError} while it is not known whether the database is the newest, or what was said is read back. */
export function refuseUnchecked(phase: RestorePhase): void {
  if (phase === 'unchecked' || phase === 'restored') throw new DatabaseUncheckedError();
}

/**
 * In this order: what is in the outbox already was published after all; what was not yet gets numbers after what was said
 * since; the numbers go on from there. A key whose missing messages the carrier no longer holds goes on with the next one
 * there is: each carries a whole state.
 */
const bringBackSql = [
  `UPDATE bus_outbox o SET published_at = coalesce(o.published_at, clock_timestamp()) FROM bus_recovered r WHERE r.id = o.id`,
  'DELETE FROM bus_recovered r USING bus_outbox o WHERE o.id = r.id',
  `UPDATE bus_outbox o SET seq = -o.position WHERE o.published_at IS NULL
      AND EXISTS (SELECT 1 FROM bus_recovered r WHERE r.topic = o.topic AND r.key = o.key)`,
  `INSERT INTO bus_outbox (topic, key, seq, id, version, correlation_id, envelope, published_at)
     SELECT topic, key, seq, id, version, correlation_id, envelope, clock_timestamp() FROM bus_recovered ORDER BY position
     ON CONFLICT (topic, key, seq) DO NOTHING`,
  'DELETE FROM bus_recovered',
  `UPDATE bus_outbox o SET seq = fresh.seq
     FROM (SELECT n.position, coalesce((SELECT max(s.seq) FROM bus_outbox s WHERE s.topic = n.topic AND s.key = n.key), 0)
                  + row_number() OVER (PARTITION BY n.topic, n.key ORDER BY n.position) AS seq
             FROM bus_outbox n WHERE n.seq < 0) fresh
    WHERE o.position = fresh.position`,
  `INSERT INTO bus_counter AS c (topic, key, last_seq) SELECT topic, key, max(seq) FROM bus_outbox GROUP BY topic, key
     ON CONFLICT (topic, key) DO UPDATE SET last_seq = greatest(c.last_seq, excluded.last_seq)`,
  `UPDATE bus_inbox_key k SET last_seq = first.seq - 1
     FROM (SELECT topic, key, min(seq) AS seq FROM bus_inbox WHERE done_at IS NULL GROUP BY topic, key) first
    WHERE k.topic = first.topic AND k.key = first.key AND k.parked_at IS NULL AND first.seq > k.last_seq + 1`,
];
