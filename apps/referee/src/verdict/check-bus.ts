import type { System } from '../system/start-system';
import type { Difference } from './verdict';

interface Counter {
  topic: string;
  key: string;
  last: string;
}

/**
 * Laws 1 and 2 in the databases: in every outbox the numbers of a key run from 1 without a gap and all are published; every
 * consumer has worked exactly what was said. What waits for a person is told apart.
 */
export async function checkBus(system: System): Promise<{ differences: Difference[]; messages: number }> {
  const differences: Difference[] = [];
  const gap = (sentence: string): void => void differences.push({ kind: 'sequenceGaps', record: null, sentence });
  const said = new Map<string, number>();
  let messages = 0;
  for (const service of system.services) {
    const ask = <T>(sql: string): Promise<T[]> => system.ground.ask<T>(system.databaseOf(service), sql);
    for (const row of await ask<Counter & { n: string; first: string; unsent: string }>(
      `SELECT c.topic, c.key, c.last_seq AS last, count(o.seq) AS n, min(o.seq) AS first,
              count(*) FILTER (WHERE o.published_at IS NULL) AS unsent
         FROM bus_counter c LEFT JOIN bus_outbox o USING (topic, key) GROUP BY c.topic, c.key, c.last_seq`,
    )) {
      messages += Number(row.last);
      said.set(
        JSON.stringify([row.topic, row.key]),
        (said.get(JSON.stringify([row.topic, row.key])) ?? 0) + Number(row.last),
      );
      if (row.n !== row.last || row.first !== '1')
        gap(`${service} gave ${row.last} numbers for ${row.topic} ${row.key} and keeps ${row.n}`);
      if (row.unsent !== '0') gap(`${service} has not published ${row.unsent} of ${row.topic} ${row.key}`);
    }
  }
  for (const service of system.services) {
    const ask = <T>(sql: string): Promise<T[]> => system.ground.ask<T>(system.databaseOf(service), sql);
    const topics = new Set<string>();
    const heard = new Set<string>();
    for (const row of await ask<Counter & { n: string; open: string }>(
      `SELECT k.topic, k.key, k.last_seq AS last, count(i.seq) AS n, count(i.seq) FILTER (WHERE i.done_at IS NULL) AS open
         FROM bus_inbox_key k LEFT JOIN bus_inbox i USING (topic, key) GROUP BY k.topic, k.key, k.last_seq`,
    )) {
      const key = JSON.stringify([row.topic, row.key]);
      topics.add(row.topic);
      heard.add(key);
      const all = said.get(key) ?? 0;
      if (Number(row.last) !== all || Number(row.n) !== all || row.open !== '0') {
        gap(
          `${service} worked up to ${row.last} of ${all} of ${row.topic} ${row.key} and holds ${row.n}, ${row.open} of them open`,
        );
      }
    }
    for (const key of said.keys()) {
      const [topic, name] = JSON.parse(key) as [string, string];
      if (topics.has(topic) && !heard.has(key)) gap(`${service} never heard of ${topic} ${name}`);
    }
    for (const row of await ask<{ what: string; n: string }>(
      `SELECT 'key parked: ' || parked_code AS what, count(*) AS n FROM bus_inbox_key WHERE parked_at IS NOT NULL GROUP BY 1
       UNION ALL SELECT 'message put aside: ' || reason, count(*) FROM bus_dead_letter GROUP BY 1
       UNION ALL SELECT 'message held: ' || held_code, count(*) FROM bus_outbox WHERE held_code IS NOT NULL GROUP BY 1`,
    )) {
      differences.push({ kind: 'parked', record: null, sentence: `${service}: ${row.what} (${row.n})` });
    }
  }
  return { differences, messages };
}
