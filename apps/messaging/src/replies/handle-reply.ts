import { StudybridgeError } from '@studybridge/contracts';
import type { EntityManager } from 'typeorm';
import { lookAgainAtParticipant } from '../decide/look-at-message';
import { lockParticipant } from '../participants/participant-store';
import type { Room } from '../room';
import { liftOptOut, optOut } from '../stops/opt-outs';
import { readReplies, type ReplyDecision } from './reply-store';

/**
 * A person decided about a reply: `stop` makes a wish to stop (or any other reply) a stop by staff, `continue` lifts the pause
 * that a wish had brought, `noted` changes nothing. Throws UNKNOWN_REPLY (participant).
 */
export async function handleReply(
  room: Room,
  o: { sid: string; as: ReplyDecision; by: string; note?: string },
): Promise<{ sid: string; participants: number }> {
  return room.context.dataSource.transaction(async (em) => {
    const [reply] = await readReplies(em, 'WHERE sid = $1 FOR UPDATE', [o.sid]);
    if (!reply) throw unknownReply();
    const now = room.context.clock.now();
    for (const id of reply.participantIds) await lockParticipant(em, id);
    const at = { study: reply.study, toPrint: reply.fromPrint };
    if (o.as === 'stop') {
      await optOut(em, { ...at, sender: '', source: 'staff', reason: 'OPTED_OUT', since: now });
    }
    if (o.as !== 'noted') await liftOptOut(em, { ...at, sources: ['free-text'], by: o.by, at: now });
    await em.query(
      `UPDATE reply SET state = 'closed', handled_by = $2, handled_at = $3, handled_as = $4, note = $5 WHERE sid = $1`,
      [o.sid, o.by, now, o.as, o.note ?? null],
    );
    if (o.as !== 'noted') await closeSameWish(em, reply.study, reply.fromPrint, { by: o.by, at: now, as: o.as });
    for (const id of reply.participantIds) await lookAgainAtParticipant(em, room, id);
    return { sid: o.sid, participants: reply.participantIds.length };
  });
}

/** What the same phone wished before is decided with it. */
async function closeSameWish(
  em: EntityManager,
  study: string,
  fromPrint: string,
  o: { by: string; at: Date; as: ReplyDecision },
): Promise<void> {
  await em.query(
    `UPDATE reply SET state = 'closed', handled_by = $3, handled_at = $4, handled_as = $5
      WHERE study = $1 AND from_print = $2 AND state = 'open' AND kind = 'asked-to-stop'`,
    [study, fromPrint, o.by, o.at, o.as],
  );
}

/** There is no reply of that SID. */
export function unknownReply(): StudybridgeError {
  return new StudybridgeError('There is no such reply.', {
    code: 'UNKNOWN_REPLY',
    errorClass: 'participant',
    remedy: 'replies.list names them.',
  });
}
