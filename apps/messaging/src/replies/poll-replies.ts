import type { JobRun } from '@studybridge/service-kit';
import type { Place, Room } from '../room';
import type { Sender } from '../senders/senders';
import type { InboundMessage, TwilioClient } from '../twilio/twilio-client';
import { keepReply } from './reply-store';
import { takeInNextReply } from './take-in-reply';

const hourMs = 3_600_000;
/** More than this in one look back is not a study's traffic. */
const mostPerLook = 20_000;

/**
 * Fetches what came in for the numbers of a binding, keeps it, and only then works on it. The provider's list is the truth; it
 * lags, so every look reaches far behind the one before, and what is known is passed over.
 */
export async function pollReplies(room: Room, place: Place, run: JobRun): Promise<Record<string, number>> {
  const counts = { found: 0, new: 0, handled: 0 };
  const { twilio } = room;
  // What a webhook brought must not wait for a list that cannot be had.
  counts.handled = await takeInReplies(room, run.signal);
  if (twilio !== null) {
    for (const sender of sendersOf(room, place)) {
      run.signal.throwIfAborted();
      const since = await sinceOf(room, sender);
      const found: InboundMessage[] = [];
      for (const to of await numbersBehind(twilio, sender)) {
        const list = await twilio.listInbound({ to, since, limit: mostPerLook });
        if (list.length >= mostPerLook) run.log('More texts came in than one look takes; the oldest are left out.');
        found.push(...list);
      }
      counts.found += found.length;
      await room.context.dataSource.transaction(async (em) => {
        await run.lease.assert(em);
        for (const { sid, from, body, media, sentAt } of found) {
          const kept = await keepReply(em, room, place, {
            sid,
            sender: sender.id,
            from,
            body,
            media,
            sentAt,
            source: 'poll',
          });
          if (kept) counts.new += 1;
        }
        await em.query(
          `INSERT INTO reply_cursor AS c (sender, seen_until) VALUES ($1, $2)
           ON CONFLICT (sender) DO UPDATE SET seen_until = greatest(c.seen_until, excluded.seen_until)`,
          [sender.id, run.startedAt],
        );
      });
    }
  }
  counts.handled += await takeInReplies(room, run.signal);
  return counts;
}

/** Works on everything that was kept, the oldest first, each in a transaction of its own. */
async function takeInReplies(room: Room, signal?: AbortSignal): Promise<number> {
  const { dataSource } = room.context;
  for (let handled = 0; ; handled += 1) {
    signal?.throwIfAborted();
    if (!(await dataSource.transaction((em) => takeInNextReply(em, room)))) return handled;
  }
}

/** What phones reply to: the number, or those of a Messaging Service, asked anew because one may be added at any time. */
function numbersBehind(twilio: TwilioClient, { id, kind }: Sender): Promise<string[]> {
  return kind === 'service' ? twilio.numbersOfService(id) : Promise.resolve([id]);
}

/** The senders to which participants of a binding reply. A STOP to any number of a service counts for the service. */
function sendersOf(room: Room, place: Place): Sender[] {
  return room.senders.all.filter((sender) => sender.purpose === 'study' && sender.binding === place.binding.id);
}

async function sinceOf(room: Room, sender: Sender): Promise<Date> {
  const { dataSource, config, clock } = room.context;
  const [cursor] = await dataSource.query<{ seen_until: Date }[]>(
    'SELECT seen_until FROM reply_cursor WHERE sender = $1',
    [sender.id],
  );
  if (!cursor) return new Date(clock.now().getTime() - config.REPLIES_LOOK_BACK_DAYS * 24 * hourMs);
  return new Date(cursor.seen_until.getTime() - config.REPLIES_OVERLAP_HOURS * hourMs);
}
