import { setTimeout as sleep } from 'node:timers/promises';
import type { Effect } from '@studybridge/effects';
import type { EntityManager } from 'typeorm';
import type { Room } from '../room';
import type { Sender } from '../senders/senders';
import { readSwitches, stoppedBy } from '../stops/switches';
import type { SendBody } from './plan-send';

/** Taken in hand so much before its moment, so that a slow round does not waste the moment. Real ms. */
const aheadMs = 400;
/** Calls take longer at one time than at another: spaced by a little more, no 10 s hold more than the rate allows. */
const spacing = 1.02;
/** The last look begins so much before the moment. */
const leadMs = 40;
/** What would leave so much after its moment asks for another one, a few times; on a machine that is always late it goes. */
const lateMs = 120;
const missedAtMost = 3;

/** The moments (performance.now) of the sends that this process has in hand, and how often each missed one. */
const moments = new WeakMap<Room, Map<string, { at: number; missed: number }>>();

function momentsOf(room: Room): Map<string, { at: number; missed: number }> {
  const known = moments.get(room) ?? new Map<string, { at: number; missed: number }>();
  moments.set(room, known);
  return known;
}

/** Waits for the moment that a send was admitted for. False when that has passed by too much: it is to be admitted again. */
export async function waitForMoment(room: Room, key: string, signal: AbortSignal): Promise<boolean> {
  const moment = momentsOf(room).get(key);
  if (moment === undefined) return true;
  for (let ms = moment.at - performance.now(); ms > 0 && !signal.aborted; ms = moment.at - performance.now()) {
    await sleep(Math.min(ms, 200));
  }
  if (performance.now() - moment.at > lateMs && moment.missed < missedAtMost) {
    moment.missed += 1;
    return false;
  }
  momentsOf(room).delete(key);
  return true;
}

/** A send that will not be made needs no moment: somebody else may have it. */
export async function giveBackMoment(room: Room, effect: Effect<SendBody>): Promise<void> {
  if (momentsOf(room).delete(effect.key)) await giveBackTurn(room, effect);
}

/** What was not handed over counts for nothing: the sender is free so much earlier. */
export async function giveBackTurn(room: Room, { body }: Effect<SendBody>): Promise<void> {
  const pace = room.senders.byId(body.sender)?.pace;
  if (!pace) return;
  await room.context.dataSource.query(
    `UPDATE sender SET next_free_at = next_free_at - $2::float8 * interval '1 millisecond' WHERE id = $1`,
    [body.sender, turnMs(pace, body)],
  );
}

/** How long a message keeps its sender. */
function turnMs(pace: NonNullable<Sender['pace']>, { segments }: SendBody): number {
  return spacing * Math.max(pace.messageEveryMs, (segments * 1_000) / pace.segmentsPerSecond);
}

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
    const here = performance.now();
    let at = Math.max(now, free);
    for (const { key, body } of mine) {
      const startMs = at - now;
      if (startMs > aheadMs) {
        answers.set(key, { notBeforeMs: Math.ceil(startMs - aheadMs / 2) });
        continue;
      }
      answers.set(key, { startMs: Math.max(0, startMs - leadMs) });
      momentsOf(room).set(key, { at: here + startMs, missed: momentsOf(room).get(key)?.missed ?? 0 });
      at += turnMs(pace, body);
    }
    if (at > free)
      await em.query('UPDATE sender SET next_free_at = to_timestamp($2::float8 / 1000) WHERE id = $1', [id, at]);
  }
  return effects.map(({ key }) => answers.get(key) ?? { startMs: 0 });
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
