import { messageSettled, type MessageSettled, type MessageState } from '@studybridge/contracts';
import type { RestoreSteps } from '@studybridge/event-bus';
import type { DataSource, EntityManager } from 'typeorm';
import { lookAtMessage } from '../decide/look-at-message';
import { readSituation } from '../decide/read-situation';
import { jobNames } from '../follow-up/job-names';
import type { Message, MessageRowState } from '../messages/message';
import { lockMessage, readMessages, saveMessage } from '../messages/message-store';
import { takeAccepted } from '../messages/take-news';
import type { Room } from '../room';
import { letterContext } from '../send/letter-context';

/** What an end that was said means for the row; one in doubt stays so. */
const statesOf: Record<MessageState, MessageRowState> = {
  delivered: 'delivered',
  'no-receipt': 'no-receipt',
  undelivered: 'undelivered',
  failed: 'failed',
  expired: 'expired',
  suppressed: 'suppressed',
  'in-doubt': 'in-doubt',
};

/**
 * What this service does when its database was put back (laws 1 and 7): what waits in the copy may have gone out since, so nothing of
 * it goes by itself. What we said since, and the provider's list, show what did; the rest waits for a person.
 */
export function restoreSteps(room: Room): RestoreSteps {
  const { dataSource, clock, logger, jobs } = room.context;
  let base = 0;
  return {
    async prepare(em, { basePosition }) {
      base = basePosition;
      await clock.refresh();
      await room.effects.distrust(em);
      const now = clock.now();
      await em.query(
        `UPDATE message SET cause = 'restore', released = false, state = 'planned', reason = NULL, look_at = NULL
          WHERE state IN ('planned', 'held', 'queued')`,
      );
      await em.query(
        `UPDATE message SET state = 'in-doubt', reason = 'SEND_IN_DOUBT', checks = 0, check_at = $1 WHERE state = 'dispatching'`,
        [now],
      );
      await em.query('INSERT INTO restored (at, base_position) VALUES ($1, $2)', [now, basePosition]);
      for (const binding of room.places.keys()) await jobs.announce(em, jobNames.followUp, now, { binding });
    },
    async reconcile() {
      await clock.refresh();
      const [latest]: { base: string }[] = await dataSource.query(
        'SELECT base_position AS base FROM restored ORDER BY position DESC LIMIT 1',
      );
      const said = await readSaid(dataSource, Number(latest?.base ?? base));
      const waiting: { id: string }[] = await dataSource.query(
        `SELECT id FROM message WHERE cause = 'restore' AND NOT released AND state IN ('planned', 'held') ORDER BY position`,
      );
      const counts = { messages: waiting.length, ended: 0, found: 0 };
      for (const { id } of waiting) {
        const became = await reconcileOne(room, id, said);
        if (became !== 'waits') counts[became] += 1;
      }
      logger.warn(counts, 'what waited in the copy was compared with what was said and sent since');
    },
  };
}

/** Whether a message of a campaign may have been sent by what a restored database has forgotten. `firstDay`: `YYYY-MM-DD`. */
export async function mayBeForgotten(em: EntityManager, firstDay: string): Promise<boolean> {
  const found: unknown[] = await em.query('SELECT 1 FROM restored WHERE at::date >= $1::date - 1 LIMIT 1', [firstDay]);
  return found.length > 0;
}

async function readSaid(dataSource: DataSource, basePosition: number): Promise<Map<string, MessageSettled>> {
  const rows: { payload: unknown }[] = await dataSource.query(
    `SELECT envelope::jsonb -> 'payload' AS payload FROM bus_outbox WHERE topic = $1 AND position > $2 ORDER BY position`,
    [messageSettled.topic, basePosition],
  );
  const said = new Map<string, MessageSettled>();
  for (const { payload } of rows) {
    const parsed = messageSettled.schema.safeParse(payload);
    if (parsed.success) said.set(parsed.data.requestId, parsed.data);
  }
  return said;
}

async function reconcileOne(
  room: Room,
  id: string,
  said: Map<string, MessageSettled>,
): Promise<'ended' | 'found' | 'waits'> {
  const { dataSource } = room.context;
  const [message] = await readMessages(dataSource.manager, 'WHERE id = $1', [id]);
  if (!message) return 'waits';
  const end = said.get(message.requestId);
  if (end) {
    await dataSource.transaction(async (em) => {
      const locked = await lockMessage(em, id);
      if (!locked) return;
      const settledAt = new Date(end.settledAt);
      Object.assign(locked, { state: statesOf[end.state], reason: end.reason, said: end, settledAt, lookAt: null });
      // When it left is not known any more; that it counts under the caps of its day matters.
      if (end.state !== 'expired' && end.state !== 'suppressed') locked.dispatchedAt = settledAt;
      await saveMessage(em, locked);
    });
    return 'ended';
  }
  return (await adoptFound(room, message)) ? 'found' : waitForPerson(room, id);
}

/** Looks in the provider's list for the text as it would be today; found, it was sent by what the copy has forgotten. */
async function adoptFound(room: Room, message: Message): Promise<boolean> {
  const { dataSource, sealer } = room.context;
  const place = room.places.get(message.binding);
  const channel = room.channels.get(message.channel);
  if (!place || !channel) return false;
  const read = await readSituation(dataSource.manager, room, place, message);
  if (!('letter' in read.composed) || read.sender === null) return false;
  const { letter } = read.composed;
  const asSent = { ...message, dispatchedAt: message.plannedAt };
  const found = await channel.find({ message: asSent, letter, sender: read.sender });
  if (found?.state !== 'accepted') return false;
  await dataSource.transaction(async (em) => {
    const locked = await lockMessage(em, message.id);
    if (!locked) return;
    Object.assign(locked, {
      letter: sealer.seal(message.study, letterContext(message.id), letter),
      toPrint: read.toPrint,
      bodyPrint: read.bodyPrint,
      sender: read.sender?.id ?? null,
      dispatchedAt: found.news.createdAt ?? message.plannedAt,
      state: 'dispatching',
      lookAt: null,
    });
    await saveMessage(em, locked);
    await takeAccepted(em, room, locked, found);
  });
  return true;
}

async function waitForPerson(room: Room, id: string): Promise<'waits'> {
  await room.context.dataSource.transaction(async (em) => {
    const locked = await lockMessage(em, id);
    if (locked) await lookAtMessage(em, room, locked);
  });
  return 'waits';
}
