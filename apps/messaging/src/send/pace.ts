import { setTimeout as sleep } from 'node:timers/promises';
import type { Effect } from '@studybridge/effects';
import type { EntityManager } from 'typeorm';
import type { Room } from '../room';
import type { Sender } from '../senders/senders';
import { readSwitches, stoppedBy } from '../stops/switches';
import type { SendBody } from './plan-send';

/** Taken in hand so much before its moment, so that a slow round does not waste the moment. Real ms. */
const aheadMs = 800;
/** In no span of this length may more arrive than the rate allows. */
const spanMs = 10_000;
/** Sums of thirds of a second are not exact. */
const roundingMs = 0.01;
/** How soon a sender is asked again whose span is full of sends that nobody has answered yet. */
const fullMs = 25;
/** The last look begins as much before the moment as the latest ones took, within these bounds. Real ms. */
const lead = { least: 30, most: 400, margin: 15 };
/** What a fast sender missed while nobody took its moments may be made up for, so much of it at most. Real ms. */
const makeUpMs = 500;
/** One that sends slower than this keeps its pause whatever was missed: carriers filter what comes faster. Ms a message. */
const slowMs = 250;
/** Whoever had nothing to send for so long has missed nothing. */
const idleMs = 2_000;

/** No call takes so long. */
const staleMs = 600_000;

/** A send that this process has in hand: its moment, and when its call was over (performance.now). */
interface Turn {
  at: number;
  overAt: number | null;
}

const turns = new WeakMap<Room, Map<string, Turn>>();

function turnsOf(room: Room): Map<string, Turn> {
  const known = turns.get(room) ?? new Map<string, Turn>();
  turns.set(room, known);
  return known;
}

/** How long the latest last looks took, the longest of them weighing most. */
const looks = new WeakMap<Room, number>();

/** A last look took so long: the next ones begin as early. */
export function noteLook(room: Room, tookMs: number): void {
  const before = looks.get(room) ?? tookMs;
  looks.set(room, tookMs > before ? tookMs : before * 0.9 + tookMs * 0.1);
}

function leadMsOf(room: Room): number {
  return Math.min(lead.most, Math.max(lead.least, (looks.get(room) ?? 0) + lead.margin));
}

/** Waits for the moment that a send was admitted for. */
export async function waitForMoment(room: Room, key: string, signal: AbortSignal): Promise<void> {
  const at = turnsOf(room).get(key)?.at ?? 0;
  for (let ms = at - performance.now(); ms > 0 && !signal.aborted; ms = at - performance.now()) {
    await sleep(Math.min(ms, 200));
  }
}

/** A call was answered: nothing of it can arrive any more. One of unknown outcome counts as under way until it is settled. */
export function noteCallOver(room: Room, key: string): void {
  const turn = turnsOf(room).get(key);
  if (turn) turn.overAt = performance.now();
}

/** A send came to its end: it counts for a span after its call was over. `made`: false where surely nothing was handed over. */
export async function endTurn(em: EntityManager, room: Room, effect: Effect<SendBody>, made: boolean): Promise<void> {
  const overAt = turnsOf(room).get(effect.key)?.overAt ?? null;
  turnsOf(room).delete(effect.key);
  if (made) {
    // Measured here and taken off there, so that a slow transaction does not make the span longer.
    await em.query(
      `UPDATE turn SET answered_at = clock_timestamp() - $2::float8 * interval '1 millisecond'
        WHERE effect_key = $1 AND answered_at IS NULL`,
      [effect.key, overAt === null ? 0 : performance.now() - overAt],
    );
    return;
  }
  await em.query(
    `WITH gone AS (DELETE FROM turn WHERE effect_key = $1 RETURNING sender, cost_ms)
     UPDATE sender SET next_free_at = next_free_at - gone.cost_ms * interval '1 millisecond'
       FROM gone WHERE sender.id = gone.sender`,
    [effect.key],
  );
}

/** How long a message keeps its sender: by its segments or as a message, whichever is longer. */
function costMs(pace: NonNullable<Sender['pace']>, { segments }: SendBody): number {
  return Math.max(pace.messageEveryMs, (segments * 1_000) / pace.segmentsPerSecond);
}

type Admission = { startMs: number } | { notBeforeMs: number };

/**
 * When each send of a batch may begin: one row per sender says when it is free next, and is moved in the transaction that takes
 * the sends in hand, whatever the number of replicas. Beside that bound of the beginning stands one of the end, which alone keeps the
 * rate: a send counts from its admission until a span after its call was over, and what counts at a moment never exceeds the rate. An
 * arrival lies between the two, so no span of ten seconds can hold more than the rate allows, however long calls take or processes
 * stand still. Moments are given out a little ahead, each to the millisecond, so that no round of this process wastes one. What a
 * switch stops takes no turn: the last look will hold it.
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
    const span = free - now > aheadMs ? null : await readSpan(em, id, now, mine.length);
    forgetStale(turnsOf(room), here);
    let next = free < now - idleMs ? now : free;
    const admitted: { key: string; cost: number }[] = [];
    for (const { key, body } of mine) {
      const cost = costMs(pace, body);
      const behindMs = cost < slowMs ? makeUpMs : 0;
      next = Math.max(next, now - behindMs);
      const free = span === null ? Math.max(next, now) : span.freeFrom(Math.max(next, now), cost);
      const startMs = (free ?? now) - now;
      if (free === null) {
        answers.set(key, { notBeforeMs: fullMs });
      } else if (startMs > aheadMs) {
        answers.set(key, { notBeforeMs: Math.ceil(startMs - aheadMs / 2) });
      } else {
        answers.set(key, { startMs: Math.max(0, startMs - leadMsOf(room)) });
        turnsOf(room).delete(key);
        turnsOf(room).set(key, { at: here + startMs, overAt: null });
        admitted.push({ key, cost });
        span?.take(cost);
        next = Math.max(next, free - behindMs) + cost;
      }
    }
    if (admitted.length > 0) await takeTurns(em, id, admitted, next);
  }
  return effects.map(({ key }) => answers.get(key) ?? { startMs: 0 });
}

/** What counts for a sender: everything that is under way, and what was over within a span. */
class Span {
  private moment = 0;

  constructor(
    private counting: number,
    /** The oldest of those that are over, the oldest first; epoch ms. */
    private readonly over: { at: number; cost: number }[],
  ) {}

  /** The first moment, never before the one given out last, at which so much more has room; null: once what is under way is over. */
  freeFrom(at: number, cost: number): number | null {
    this.moment = Math.max(this.moment, at);
    for (;;) {
      const [first] = this.over;
      if (first !== undefined && first.at + spanMs <= this.moment) this.forget(first.cost);
      else if (this.counting === 0 || this.counting + cost <= spanMs + roundingMs) return this.moment;
      else if (first === undefined) return null;
      else this.moment = first.at + spanMs;
    }
  }

  take(cost: number): void {
    this.counting += cost;
  }

  private forget(cost: number): void {
    this.over.shift();
    this.counting -= cost;
  }
}

/** What counts at a moment (epoch ms) and later, with as many of the oldest as a batch may have to wait for. */
async function readSpan(em: EntityManager, sender: string, now: number, batch: number): Promise<Span> {
  await em.query(`DELETE FROM turn WHERE sender = $1 AND answered_at < clock_timestamp() - interval '1 minute'`, [
    sender,
  ]);
  const since = now - spanMs;
  const [row]: { cost: number }[] = await em.query(
    `SELECT coalesce(sum(cost_ms), 0)::float8 AS cost FROM turn
      WHERE sender = $1 AND (answered_at IS NULL OR answered_at > to_timestamp($2::float8 / 1000))`,
    [sender, since],
  );
  const over: { at: number; cost: number }[] = await em.query(
    `SELECT (extract(epoch FROM answered_at) * 1000)::float8 AS at, cost_ms AS cost FROM turn
      WHERE sender = $1 AND answered_at > to_timestamp($2::float8 / 1000) ORDER BY answered_at LIMIT $3`,
    [sender, since, batch * 4 + 20],
  );
  return new Span(row?.cost ?? 0, over);
}

/** What was taken over by another process is over there. */
function forgetStale(mine: Map<string, Turn>, now: number): void {
  for (const [key, { at }] of mine) {
    if (at > now - staleMs) break;
    mine.delete(key);
  }
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
