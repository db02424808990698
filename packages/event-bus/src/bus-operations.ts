import type { ServiceContext } from '@studybridge/service-kit';
import { z } from 'zod';
import { republish } from './relay';

/** The operator's commands for the bus. They name keys (our own ids), never what a message holds. */
export function addBusOperations(
  context: ServiceContext,
  bus: { wake(): void; declareRestored(): Promise<void> },
): void {
  const { dataSource, ops, logger } = context;
  const { wake } = bus;

  ops.add(
    'restore.status',
    z.object({}),
    async () => {
      const [row]: object[] = await dataSource.query(
        `SELECT state, why, restored_at AS "restoredAt", recovered_at AS "recoveredAt", cleared_at AS "clearedAt",
                (SELECT count(*)::int FROM bus_outbox o WHERE o.position > r.base_position AND r.restored_at IS NOT NULL)
                  AS "saidSinceCopy" FROM bus_restore r`,
      );
      return row ?? { state: 'unchecked' };
    },
    'Shows whether the database was put back to an earlier copy, and how far bringing it back has come.',
  );

  ops.add(
    'restore.declare',
    z.object({}),
    async () => {
      await bus.declareRestored();
      logger.warn('a person said that the database was put back to an earlier copy');
      return { declared: true };
    },
    'Says that the database was put back, where the service cannot know: effects are held and both sides compared.',
  );

  ops.add(
    'bus.rebuild',
    z.object({ topic: z.string().optional() }),
    async ({ topic }) => {
      const known: { topic: string }[] = await dataSource.query('SELECT DISTINCT topic FROM bus_counter');
      const topics = known.map((row) => row.topic).filter((name) => topic === undefined || name === topic);
      const messages = changed(await dataSource.query(republish, [topics]));
      logger.warn({ topics, messages }, 'everything said before is published again');
      wake();
      return { topics, messages };
    },
    'Publishes everything that this service ever said again (one topic or all); whoever knows it drops it.',
  );

  ops.add(
    'bus.trace',
    z.object({ key: z.string().min(1) }),
    async ({ key }) => ({
      said: await dataSource.query(
        `SELECT topic, seq, id AS "messageId", correlation_id AS "correlationId", envelope::jsonb->>'cause' AS cause,
                envelope::jsonb->>'occurredAt' AS "occurredAt", published_at AS "publishedAt"
           FROM bus_outbox WHERE key = $1 OR starts_with(key, $1 || '/') ORDER BY position LIMIT 10000`,
        [key],
      ),
      heard: await dataSource.query(
        `SELECT topic, seq, id AS "messageId", received_at AS "receivedAt", done_at AS "doneAt"
           FROM bus_inbox WHERE key = $1 OR starts_with(key, $1 || '/') ORDER BY position LIMIT 10000`,
        [key],
      ),
    }),
    'Shows what this service has said and heard of one key (a participant id), in order, without what the messages hold.',
  );

  ops.add(
    'bus.dead-letters',
    z.object({ limit: z.coerce.number().int().min(1).max(1_000).default(100) }),
    ({ limit }) =>
      dataSource.query(
        `SELECT position, topic, key, seq, message_id AS "messageId", reason, received_at AS "receivedAt"
           FROM bus_dead_letter ORDER BY position DESC LIMIT $1`,
        [limit],
      ),
    'Lists messages that could not be worked, without what they hold.',
  );

  ops.add(
    'bus.discard-dead-letters',
    z.object({ position: z.coerce.number().int() }),
    async ({ position }) => ({
      discarded: changed(await dataSource.query('DELETE FROM bus_dead_letter WHERE position = $1', [position])),
    }),
    'Forgets one dead letter, by the position that bus.dead-letters shows.',
  );

  ops.add(
    'bus.held',
    z.object({}),
    () =>
      dataSource.query(
        `SELECT topic, key, seq, id AS "messageId", held_code AS code, length(envelope) AS "length", created_at AS "createdAt"
           FROM bus_outbox WHERE held_code IS NOT NULL ORDER BY position LIMIT 1000`,
      ),
    'Lists messages that the carrier refused, each of which holds back its key.',
  );

  ops.add(
    'bus.release',
    z.object({ topic: z.string(), key: z.string() }),
    async ({ topic, key }) => {
      const sql =
        'UPDATE bus_outbox SET held_code = NULL WHERE topic = $1 AND key = $2 AND held_code IS NOT NULL AND published_at IS NULL';
      const released = changed(await dataSource.query(sql, [topic, key]));
      wake();
      return { released };
    },
    'Tries to publish a held message, and what waits behind it, again.',
  );

  ops.add(
    'parked.list',
    z.object({}),
    () =>
      dataSource.query(
        `SELECT k.topic, k.key, k.parked_code AS code, k.parked_class AS class, k.parked_remedy AS remedy,
                k.parked_at AS "parkedAt", k.last_seq + 1 AS seq,
                (SELECT count(*)::int FROM bus_inbox i WHERE i.topic = k.topic AND i.key = k.key AND i.done_at IS NULL) AS waiting
           FROM bus_inbox_key k WHERE k.parked_at IS NOT NULL ORDER BY k.parked_at LIMIT 1000`,
      ),
    'Lists parked keys (participants): messages of theirs that could not be worked, and why.',
  );

  ops.add(
    'parked.release',
    z.object({ key: z.string().optional(), topic: z.string().optional() }),
    async ({ key, topic }) => {
      const released = changed(
        await dataSource.query(
          `UPDATE bus_inbox_key SET parked_at = NULL, parked_code = NULL, parked_class = NULL, parked_remedy = NULL,
                  attempts = 0, next_attempt_at = NULL
            WHERE parked_at IS NOT NULL AND ($1::text IS NULL OR key = $1) AND ($2::text IS NULL OR topic = $2)`,
          [key ?? null, topic ?? null],
        ),
      );
      wake();
      return { released };
    },
    'Works the messages of a parked key again; without a key, those of all.',
  );
}

/** Rows that an UPDATE or DELETE touched, as TypeORM tells it. */
function changed(result: unknown): number {
  return Array.isArray(result) && typeof result[1] === 'number' ? result[1] : 0;
}
