import type { Effect } from '@studybridge/effects';
import type { EntityManager } from 'typeorm';
import type { Room } from '../room';
import { readSwitches, stoppedBy } from '../stops/switches';
import type { SendBody } from './plan-send';

/** Taken in hand so much before its moment, so that a slow round does not waste the moment. Real ms. */
const aheadMs = 400;
/** Calls take longer at one time than at another: spaced by a little more, no 10 s hold more than the rate allows. */
const spacing = 1.02;

type Admission = { startMs: number } | { notBeforeMs: number };

/**
 * When each send of a batch may begin: one row per sender says when it is free next, and is moved in the transaction that takes
 * the sends in hand, so the pace is exact whatever the number of replicas. Segments and messages both count; the longer wins.
 * What a switch stops takes no turn: the last look will hold it.
 */
export async function admitSends(em: EntityManager, room: Room, effects: Effect<SendBody>[]): Promise<Admission[]> {
  const switches = await readSwitches(em);
  const answers = new Map<string, Admission>();
  const ids = [...new Set(effects.map(({ body }) => body.sender))].sort();
  for (const id of ids) {
    const pace = room.senders.byId(id)?.pace ?? null;
    const mine = effects.filter(
      ({ body, study }) =>
        body.sender === id && stoppedBy(switches, { study, sender: id, purpose: body.purpose }) === null,
    );
    if (pace === null || mine.length === 0) continue;
    const { now, free } = await lockSender(em, id);
    let at = Math.max(now, free);
    for (const { key, body } of mine) {
      const startMs = at - now;
      if (startMs > aheadMs) {
        answers.set(key, { notBeforeMs: Math.ceil(startMs - aheadMs / 2) });
        continue;
      }
      answers.set(key, { startMs });
      at += spacing * Math.max(pace.messageEveryMs, (body.segments * 1_000) / pace.segmentsPerSecond);
    }
    if (at > free)
      await em.query('UPDATE sender SET next_free_at = to_timestamp($2::float8 / 1000) WHERE id = $1', [id, at]);
  }
  return effects.map(({ key }) => answers.get(key) ?? { startMs: 0 });
}

/** Epoch ms with fractions, by the database's clock. */
async function lockSender(em: EntityManager, id: string): Promise<{ now: number; free: number }> {
  const read = (): Promise<{ now: number; free: number | null }[]> =>
    em.query(
      `SELECT (extract(epoch FROM clock_timestamp()) * 1000)::float8 AS now,
              CASE WHEN isfinite(next_free_at) THEN (extract(epoch FROM next_free_at) * 1000)::float8 END AS free
         FROM sender WHERE id = $1 FOR UPDATE`,
      [id],
    );
  let [row] = await read();
  if (row === undefined) {
    await em.query('INSERT INTO sender (id) VALUES ($1) ON CONFLICT DO NOTHING', [id]);
    [row] = await read();
  }
  return { now: row?.now ?? 0, free: row?.free ?? 0 };
}
