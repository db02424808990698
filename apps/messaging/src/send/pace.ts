import { setTimeout as sleep } from 'node:timers/promises';
import type { Effect } from '@studybridge/effects';
import type { EntityManager } from 'typeorm';
import type { Room } from '../room';
import type { Sender } from '../senders/senders';
import { readSwitches, stoppedBy } from '../stops/switches';
import type { SendBody } from './plan-send';

/** Taken in hand so much before its moment, so that a slow round does not waste the moment. Real ms. */
const aheadMs = 400;
/** Spaced by a little more than the rate asks for, so that calls of a fifth of a second do not meet the bound below. */
const spacing = 1.02;
/** In no span of this length may more arrive than the rate allows. */
const spanMs = 10_000;
/** How soon a sender whose span is full is asked again. */
const fullMs = 25;
/** The last look begins so much before the moment. */
const leadMs = 40;

/** The moments (performance.now) of the sends that this process has in hand. */
const moments = new WeakMap<Room, Map<string, number>>();

function momentsOf(room: Room): Map<string, number> {
  const known = moments.get(room) ?? new Map<string, number>();
  moments.set(room, known);
  return known;
}

/** Waits for the moment that a send was admitted for. */
export async function waitForMoment(room: Room, key: string, signal: AbortSignal): Promise<void> {
  const at = momentsOf(room).get(key) ?? 0;
  momentsOf(room).delete(key);
  for (let ms = at - performance.now(); ms > 0 && !signal.aborted; ms = at - performance.now()) {
    await sleep(Math.min(ms, 200));
  }
}

/** A send came to its end: from now on it counts for a span more. `made`: false where surely nothing was handed over. */
export async function endTurn(em: EntityManager, room: Room, effect: Effect<SendBody>, made: boolean): Promise<void> {
  momentsOf(room).delete(effect.key);
  if (made) {
    await em.query('UPDATE turn SET answered_at = clock_timestamp() WHERE effect_key = $1 AND answered_at IS NULL', [
      effect.key,
    ]);
    return;
  }
  await em.query(
    `WITH gone AS (DELETE FROM turn WHERE effect_key = $1 RETURNING sender, cost_ms)
     UPDATE sender SET next_free_at = next_free_at - gone.cost_ms * $2::float8 * interval '1 millisecond'
       FROM gone WHERE sender.id = gone.sender`,
    [effect.key, spacing],
  );
}

/** How long a message keeps its sender: by its segments or as a message, whichever is longer. */
function costMs(pace: NonNullable<Sender['pace']>, { segments }: SendBody): number {
  return Math.max(pace.messageEveryMs, (segments * 1_000) / pace.segmentsPerSecond);
}

type Admission = { startMs: number } | { notBeforeMs: number };

/**
 * When each send of a batch may begin: one row per sender says when it is free next, and is moved in the transaction that takes
 * the sends in hand, whatever the number of replicas. Beside that bound of the beginning stands one of the end: a send counts from
 * its admission until a span after its answer, and what counts at a moment never exceeds the rate. An arrival lies between the two, so
 * no span of ten seconds can hold more than the rate allows, however long calls take or processes stand still. What a switch
 * stops takes no turn: the last look will hold it.
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
    const here = performance.now();
    let at = Math.max(now, free);
    let counting = at - now > aheadMs ? 0 : await countingAt(em, id, at);
    const admitted: { key: string; cost: number }[] = [];
    for (const { key, body } of mine) {
      const cost = costMs(pace, body);
      const startMs = at - now;
      if (startMs > aheadMs) {
        answers.set(key, { notBeforeMs: Math.ceil(startMs - aheadMs / 2) });
      } else if (counting > 0 && counting + cost > spanMs) {
        answers.set(key, { notBeforeMs: Math.ceil(startMs) + fullMs });
      } else {
        answers.set(key, { startMs: Math.max(0, startMs - leadMs) });
        momentsOf(room).set(key, here + startMs);
        admitted.push({ key, cost });
        counting += cost;
        at += spacing * cost;
      }
    }
    if (admitted.length > 0) await takeTurns(em, id, admitted, at);
  }
  return effects.map(({ key }) => answers.get(key) ?? { startMs: 0 });
}

/** What counts for a sender at a moment (epoch ms): everything that is under way, and what was answered within a span before it. */
async function countingAt(em: EntityManager, sender: string, at: number): Promise<number> {
  await em.query(`DELETE FROM turn WHERE sender = $1 AND answered_at < clock_timestamp() - interval '1 minute'`, [
    sender,
  ]);
  const [row]: { cost: number }[] = await em.query(
    `SELECT coalesce(sum(cost_ms), 0)::float8 AS cost FROM turn
      WHERE sender = $1 AND (answered_at IS NULL OR answered_at > to_timestamp(($2::float8 - $3) / 1000))`,
    [sender, at, spanMs],
  );
  return row?.cost ?? 0;
}

async function takeTurns(
  em: EntityManager,
  sender: string,
  turns: { key: string; cost: number }[],
  freeAt: number,
): Promise<void> {
  await em.query(
    `INSERT INTO turn (effect_key, sender, cost_ms) SELECT key, $1, cost FROM unnest($2::text[], $3::float8[]) AS t(key, cost)
     ON CONFLICT (effect_key) DO UPDATE SET answered_at = NULL, cost_ms = excluded.cost_ms`,
    [sender, turns.map(({ key }) => key), turns.map(({ cost }) => cost)],
  );
  await em.query('UPDATE sender SET next_free_at = to_timestamp($2::float8 / 1000) WHERE id = $1', [sender, freeAt]);
}

/** Locks the sender's row. Epoch ms with fractions, by the database's clock once the lock is held. */
async function lockSender(em: EntityManager, id: string): Promise<{ now: number; free: number }> {
  await em.query('INSERT INTO sender (id) VALUES ($1) ON CONFLICT DO NOTHING', [id]);
  await em.query('SELECT 1 FROM sender WHERE id = $1 FOR UPDATE', [id]);
  const [row]: { now: number; free: number | null }[] = await em.query(
    `SELECT (extract(epoch FROM clock_timestamp()) * 1000)::float8 AS now,
            CASE WHEN isfinite(next_free_at) THEN (extract(epoch FROM next_free_at) * 1000)::float8 END AS free
       FROM sender WHERE id = $1`,
    [id],
  );
  return { now: row?.now ?? 0, free: row?.free ?? 0 };
}
