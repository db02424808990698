import type { TopicCounts } from '@studybridge/service-kit';
import type { DataSource } from 'typeorm';
import { phaseNow, type RestorePhase } from './restore-state';

/** Rows that the relay will publish by itself: not those behind a held row of their key. */
const open = `
  published_at IS NULL
  AND NOT EXISTS (SELECT 1 FROM bus_outbox h WHERE h.topic = o.topic AND h.key = o.key AND h.held_code IS NOT NULL)`;

/** Unpublished rows that will still go out by themselves. */
export async function countOutbox(dataSource: DataSource): Promise<number> {
  return one(dataSource, `SELECT count(*)::int AS n FROM bus_outbox o WHERE ${open}`);
}

/** Those that wait on a gap included; parked keys are a person's affair. */
const pendingInbox = `
  SELECT count(*)::int AS n FROM bus_inbox i JOIN bus_inbox_key k USING (topic, key)
   WHERE i.done_at IS NULL AND k.parked_at IS NULL`;

/** Messages that will still be worked by themselves. */
export async function countInbox(dataSource: DataSource): Promise<number> {
  return one(dataSource, pendingInbox);
}

/**
 * Messages ever said and ever heard, per topic. What a held row keeps from going out was not said yet; what waits beyond a
 * gap was heard already.
 */
const topicCounts = `
    SELECT 'said' AS kind, topic, sum(n) AS n FROM (
      SELECT topic, sum(last_seq) AS n FROM bus_counter GROUP BY topic
      UNION ALL
      SELECT o.topic, -count(*) FROM bus_outbox o JOIN (
        SELECT topic, key FROM bus_outbox WHERE held_code IS NOT NULL GROUP BY topic, key
      ) h USING (topic, key) WHERE o.published_at IS NULL GROUP BY o.topic
    ) said GROUP BY topic
    UNION ALL
    SELECT 'heard', topic, sum(n) FROM (
      SELECT topic, sum(last_seq) AS n FROM bus_inbox_key GROUP BY topic
      UNION ALL
      SELECT i.topic, count(*) FROM bus_inbox i JOIN bus_inbox_key k USING (topic, key)
       WHERE i.done_at IS NULL AND i.seq > k.last_seq GROUP BY i.topic
    ) heard GROUP BY topic`;

/** All that `/idle` asks of the bus, in one statement; `phase`: whether the database is the newest. */
export async function countForIdle(
  dataSource: DataSource,
): Promise<{ outbox: number; inbox: number; phase: RestorePhase; topics: TopicCounts }> {
  const rows: { kind: 'said' | 'heard' | 'outbox' | 'inbox' | 'phase'; topic: string; n: string }[] =
    await dataSource.query(
      `${topicCounts}
    UNION ALL SELECT 'outbox', '', (SELECT count(*) FROM bus_outbox o WHERE ${open})
    UNION ALL SELECT 'inbox', '', (${pendingInbox})
    UNION ALL SELECT 'phase', phase, 0 FROM (${phaseNow}) p`,
    );
  const counts = {
    outbox: 0,
    inbox: 0,
    phase: 'unchecked' as RestorePhase,
    topics: { said: {}, heard: {} } as TopicCounts,
  };
  for (const { kind, topic, n } of rows) {
    if (kind === 'outbox' || kind === 'inbox') counts[kind] = Number(n);
    else if (kind === 'phase') counts.phase = topic as RestorePhase;
    else counts.topics[kind][topic] = Number(n);
  }
  return counts;
}

/** What a person should know of: parked keys by code, dead letters by reason, held rows by code. */
export async function countAttention(dataSource: DataSource): Promise<Record<string, number>> {
  const rows: { code: string; n: number }[] = await dataSource.query(`
    SELECT parked_code AS code, count(*)::int AS n FROM bus_inbox_key WHERE parked_at IS NOT NULL GROUP BY parked_code
    UNION ALL SELECT reason, count(*)::int FROM bus_dead_letter GROUP BY reason
    UNION ALL SELECT held_code, count(*)::int FROM bus_outbox WHERE held_code IS NOT NULL GROUP BY held_code`);
  const attention: Record<string, number> = {};
  for (const { code, n } of rows) attention[code] = (attention[code] ?? 0) + n;
  return attention;
}

/** For the metrics. */
export async function countParkedAndDead(dataSource: DataSource): Promise<{ parked: number; deadLetters: number }> {
  const [row]: { parked: number; dead: number }[] = await dataSource.query(`
    SELECT (SELECT count(*)::int FROM bus_inbox_key WHERE parked_at IS NOT NULL) AS parked,
           (SELECT count(*)::int FROM bus_dead_letter) AS dead`);
  return { parked: row?.parked ?? 0, deadLetters: row?.dead ?? 0 };
}

async function one(dataSource: DataSource, sql: string): Promise<number> {
  const [row]: { n: number }[] = await dataSource.query(sql);
  return row?.n ?? 0;
}
