import { createHash } from 'node:crypto';
import type { EventDefinition } from '@studybridge/contracts';
import type { Logger } from '@studybridge/service-kit';
import type { DataSource, EntityManager } from 'typeorm';
import type { BusMetrics } from './bus-metrics';
import type { WireMessage } from './carrier';
import type { BusFaults } from './faults';
import { type DeadReason, readMessage, type ReadMessage } from './read-message';

interface Item {
  topic: string;
  key: string;
  seq: number;
  id: string;
  value: string;
}

/** A topic that nobody here listens to: the carrier is set up wrongly, and nothing may vanish for it. */
const notOurs: ReadMessage = { ok: false, reason: 'FOREIGN', key: null, seq: null, id: null };

interface Dead {
  topic: string;
  key: string | null;
  seq: number | null;
  id: string | null;
  reason: DeadReason;
  value: string;
}

const insert = (conflict: string) => `
  WITH item AS (
    SELECT * FROM json_to_recordset($1::json) AS t(topic text, key text, seq bigint, id uuid, value text)
  ), new_key AS (
    INSERT INTO bus_inbox_key (topic, key)
      SELECT DISTINCT topic, key FROM item
       WHERE NOT EXISTS (SELECT 1 FROM bus_inbox_key k WHERE k.topic = item.topic AND k.key = item.key)
       ORDER BY 1, 2
      ON CONFLICT DO NOTHING
  ), stored AS (
    INSERT INTO bus_inbox (topic, key, seq, id, value)
      SELECT topic, key, seq, id, value FROM item ORDER BY topic, key, seq
      ON CONFLICT ${conflict}
      RETURNING 1
  )
  SELECT count(*)::int AS stored FROM stored`;
const insertNew = insert('DO NOTHING');
const insertAgain = insert('(topic, key, seq) DO UPDATE SET done_at = NULL, value = excluded.value');

/** The same place in a key's order, another message: its producer was put back to an earlier state. */
const conflicts = `
  SELECT item.topic, item.key, item.seq::int AS seq, item.id, item.value
    FROM json_to_recordset($1::json) AS item(topic text, key text, seq bigint, id uuid, value text)
    JOIN bus_inbox b ON b.topic = item.topic AND b.key = item.key AND b.seq = item.seq
   WHERE b.id <> item.id`;

/**
 * Stores a batch as the carrier brought it: one statement for all of it, duplicates dropped, what cannot be understood put
 * aside. Resolves after the commit; only then may the carrier forget the batch.
 */
export class InboxStore {
  constructor(
    private readonly dataSource: DataSource,
    private readonly events: { get(topic: string): EventDefinition<unknown> | undefined },
    private readonly logger: Logger,
    private readonly metrics: BusMetrics,
    private readonly faults: BusFaults,
  ) {}

  async store(batch: WireMessage[]): Promise<void> {
    const { items, dead } = this.sort(batch);
    if (dead.length === 0) await this.insert(this.dataSource.manager, items);
    else {
      await this.dataSource.transaction(async (em) => {
        await this.bury(em, dead);
        await this.insert(em, items);
      });
    }
    await this.faults.at?.('inbox.stored');
  }

  /** After an upgrade: letters that were dead for their version, and are understood now, come to life. Returns how many. */
  async revive(): Promise<number> {
    return this.dataSource.transaction(async (em) => {
      const letters: { position: string; topic: string; key: string; value: string }[] = await em.query(
        `SELECT position, topic, key, value FROM bus_dead_letter
          WHERE reason IN ('UNKNOWN_VERSION', 'INVALID_PAYLOAD') AND key IS NOT NULL
          ORDER BY position LIMIT 10000 FOR UPDATE SKIP LOCKED`,
      );
      const understood = letters.filter((letter) => {
        const event = this.events.get(letter.topic);
        return event !== undefined && readMessage(letter, event).ok;
      });
      if (understood.length === 0) return 0;
      await this.insert(em, this.sort(understood.map((letter) => ({ ...letter, headers: {} }))).items);
      await em.query('DELETE FROM bus_dead_letter WHERE position = ANY($1::bigint[])', [
        understood.map((letter) => letter.position),
      ]);
      return understood.length;
    });
  }

  private sort(batch: WireMessage[]): { items: Item[]; dead: Dead[] } {
    const items: Item[] = [];
    const dead: Dead[] = [];
    for (const message of batch) {
      const event = this.events.get(message.topic);
      const read = event === undefined ? notOurs : readMessage(message, event);
      const { topic, value } = message;
      if (read.ok) items.push({ topic, key: message.key, seq: read.envelope.seq, id: read.envelope.id, value });
      else dead.push({ topic, key: read.key, seq: read.seq, id: read.id, reason: read.reason, value });
    }
    return { items, dead };
  }

  private async insert(em: EntityManager, items: Item[]): Promise<void> {
    if (items.length === 0) return;
    // A message that comes twice in one batch must not meet itself in an upsert.
    const unique = [...new Map(items.map((item) => [JSON.stringify([item.topic, item.key, item.seq]), item])).values()];
    // One JSON text: the text of an array of texts would be quoted value by value, at many times the cost.
    const asked = [JSON.stringify(unique)];
    const [result]: { stored: number }[] = await em.query(this.faults.inboxDropOff ? insertAgain : insertNew, asked);
    const stored = result?.stored ?? 0;
    this.metrics.received.inc(stored);
    if (stored === items.length) return;
    this.metrics.dropped.inc(items.length - stored);
    const strangers: Item[] = await em.query(conflicts, asked);
    if (strangers.length > 0)
      await this.bury(
        em,
        strangers.map((item) => ({ ...item, reason: 'SEQ_CONFLICT' as const })),
      );
  }

  private async bury(em: EntityManager, dead: Dead[]): Promise<void> {
    for (const letter of dead) {
      const digest = createHash('sha256')
        .update(JSON.stringify([letter.key, letter.value]))
        .digest('base64');
      const rows: unknown[] = await em.query(
        `INSERT INTO bus_dead_letter (topic, key, seq, message_id, reason, digest, value)
           VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (topic, digest) DO NOTHING RETURNING 1`,
        [letter.topic, withoutNul(letter.key), letter.seq, letter.id, letter.reason, digest, withoutNul(letter.value)],
      );
      if (rows.length === 0) continue;
      this.logger.error(
        { topic: letter.topic, seq: letter.seq, messageId: letter.id, reason: letter.reason },
        'a message cannot be worked and was put aside; others go on',
      );
    }
  }
}

/** PostgreSQL's text holds no NUL; a foreign message may. */
function withoutNul<T extends string | null>(text: T): T {
  return (text?.replaceAll('\u0000', '\uFFFD') ?? null) as T;
}
