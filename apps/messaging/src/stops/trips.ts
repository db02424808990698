import type { EntityManager } from 'typeorm';
import type { Message } from '../messages/message';
import type { Room } from '../room';
import { switchOff, type SwitchScope } from './switches';

/** How often the rules that add up many rows are asked, per process. Real ms. */
const everyMs = 1_000;
const asked = new WeakMap<Room, Map<string, number>>();

/**
 * The rules that switch sending off by themselves (messaging.md §9.5), asked with each message that is handed over: faster than the
 * sender's pace allows, dearer than a day may be. Called outside of any transaction.
 */
export async function checkTrips(room: Room, message: Message): Promise<void> {
  if (!isTime(room, `${message.sender ?? ''} ${message.study}`)) return;
  const { config, dataSource, clock } = room.context;
  const pace = room.senders.byId(message.sender ?? '')?.pace;
  await dataSource.transaction(async (em) => {
    if (pace) {
      const perMinute = Math.min(60 * pace.segmentsPerSecond, 60_000 / Math.max(1, pace.messageEveryMs));
      const [sent]: { n: number }[] = await em.query(
        `SELECT count(*)::int AS n FROM message
          WHERE sender = $1 AND dispatched_at > $2 AND real_dispatched_at > clock_timestamp() - interval '1 minute'`,
        [message.sender, new Date(clock.now().getTime() - 86_400_000)],
      );
      if ((sent?.n ?? 0) > Math.max(5, perMinute * config.TRIP_PACE_FACTOR)) {
        await trip(em, room, 'sender', message.sender ?? '', 'more messages in a minute than its pace allows');
      }
    }
    const [spent]: { segments: number }[] = await em.query(
      `SELECT coalesce(sum(segments), 0)::int AS segments FROM message
        WHERE study = $1 AND channel = 'sms' AND dispatched_at > $2`,
      [message.study, new Date(clock.now().getTime() - 86_400_000)],
    );
    if ((spent?.segments ?? 0) * config.PRICE_PER_SEGMENT > config.TRIP_COST_PER_DAY) {
      await trip(em, room, 'study', message.study, 'more than a day may cost');
    }
  });
}

/** The same text was about to go to the same number again; when that happens often, the purpose is switched off. */
export async function tripForSameText(em: EntityManager, room: Room, message: Message): Promise<void> {
  const { config, clock } = room.context;
  const [row]: { n: number }[] = await em.query(
    `SELECT count(*)::int AS n FROM message
      WHERE study = $1 AND purpose = $2 AND state = 'suppressed' AND reason = 'CAP_REACHED' AND settled_at > $3`,
    [message.study, message.purpose, new Date(clock.now().getTime() - 86_400_000)],
  );
  // The one in hand is not saved yet.
  if ((row?.n ?? 0) + 1 < config.TRIP_SAME_TEXT) return;
  await trip(
    em,
    room,
    'purpose',
    `${message.study}/${message.purpose}`,
    'the same text to the same number, again and again',
  );
}

/** A carrier or the account refused a message as such; when that is a large share of a sender's ends, it is stopped. */
export async function tripForFailures(em: EntityManager, room: Room, message: Message): Promise<void> {
  const { config } = room.context;
  if (message.sender === null) return;
  const [ends]: { n: number; refused: number }[] = await em.query(
    `SELECT count(*)::int AS n, count(*) FILTER (WHERE state IN ('failed', 'undelivered'))::int AS refused
       FROM (SELECT state FROM message WHERE sender = $1 AND settled_at IS NOT NULL AND dispatched_at IS NOT NULL
              ORDER BY settled_at DESC LIMIT 50) AS latest`,
    [message.sender],
  );
  const { n, refused } = ends ?? { n: 0, refused: 0 };
  if (n < config.TRIP_FAILED_AT_LEAST || refused / n <= config.TRIP_FAILED_SHARE) return;
  await trip(em, room, 'sender', message.sender, `${refused} of the last ${n} messages were refused`);
}

async function trip(em: EntityManager, room: Room, scope: SwitchScope, name: string, note: string): Promise<void> {
  const since = room.context.clock.now();
  if (!(await switchOff(em, { scope, name, reason: 'KILL_SWITCH', by: 'itself', note, since }))) return;
  room.context.logger.error({ scope, note }, 'sending was switched off by a rule: a person has to look');
}

function isTime(room: Room, what: string): boolean {
  const times = asked.get(room) ?? new Map<string, number>();
  asked.set(room, times);
  const last = times.get(what);
  if (last !== undefined && performance.now() - last < everyMs) return false;
  times.set(what, performance.now());
  return true;
}
