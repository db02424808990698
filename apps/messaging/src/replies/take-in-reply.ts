import { openPerson } from '@studybridge/service-kit';
import type { EntityManager } from 'typeorm';
import { lookAgainAtParticipant } from '../decide/look-at-message';
import { planMessage } from '../messages/plan-message';
import { lockParticipant } from '../participants/participant-store';
import { readParticipant } from '../participants/participant-store';
import type { Place, Room } from '../room';
import { liftOptOut, optOut } from '../stops/opt-outs';
import { classifyReply } from './classify-reply';
import { helpPurpose, referralPurpose, replyTemplate } from './reply-purposes';
import { openReply, readReplies, saveReply, type Reply, type ReplyAnswer } from './reply-store';

const dayMs = 86_400_000;

/** Works on one kept reply: what it is, whom it concerns, what it stops or starts, whether it is answered. True when there was one. */
export async function takeInNextReply(em: EntityManager, room: Room): Promise<boolean> {
  const [reply] = await readReplies(em, `WHERE state = 'new' ORDER BY sent_at, sid LIMIT 1 FOR UPDATE SKIP LOCKED`, []);
  if (!reply) return false;
  const place = room.places.get(reply.binding);
  if (!place) {
    await saveReply(em, { ...reply, state: 'open' });
    return true;
  }
  await takeIn(em, room, place, reply);
  return true;
}

async function takeIn(em: EntityManager, room: Room, place: Place, reply: Reply): Promise<void> {
  const { body } = openReply(room, reply);
  const sender = room.senders.byId(reply.sender);
  const known: { id: string }[] = await em.query(
    `SELECT participant_id AS id FROM participant WHERE binding = $1 AND mobile_print = $2 ORDER BY participant_id`,
    [reply.binding, reply.fromPrint],
  );
  reply.participantIds = known.map(({ id }) => id);
  for (const id of reply.participantIds) await lockParticipant(em, id);
  const kind = classifyReply(sender?.kind ?? 'long', body, room.context.config.REPLIES_STOP_PHRASES);
  reply.kind = kind === 'text' && reply.participantIds.length === 0 ? 'unknown-phone' : kind;
  await applyStops(em, reply);
  reply.answer = await answer(em, room, place, reply);
  const silent = reply.kind === 'stop' || reply.kind === 'start' || reply.kind === 'help' || reply.kind === 'machine';
  reply.state = silent ? 'closed' : 'open';
  await saveReply(em, reply);
  for (const id of reply.participantIds) await lookAgainAtParticipant(em, room, id);
}

/** A keyword counts for the number that it was sent to, and only the latest one counts, in whatever order they are found. */
async function applyStops(em: EntityManager, reply: Reply): Promise<void> {
  const { study, fromPrint: toPrint, sender, sentAt, kind } = reply;
  const at = { study, toPrint, since: sentAt };
  if (kind === 'asked-to-stop') {
    await optOut(em, { ...at, sender: '', source: 'free-text', reason: 'ASKED_TO_STOP' });
    return;
  }
  if (kind !== 'stop' && kind !== 'start') return;
  const [later]: unknown[] = await em.query(
    `SELECT 1 FROM reply WHERE study = $1 AND from_print = $2 AND sender = $3 AND sid <> $4
        AND ((kind = 'start' AND sent_at > $5) OR (kind = 'stop' AND (sent_at > $5 OR (sent_at = $5 AND $6)))) LIMIT 1`,
    [study, toPrint, sender, reply.sid, sentAt, kind === 'start'],
  );
  if (later !== undefined) return;
  if (kind === 'stop') {
    await optOut(em, { ...at, sender, source: 'keyword', reason: 'OPTED_OUT' });
    return;
  }
  await liftOptOut(em, { study, toPrint, sender, sources: ['keyword'], by: 'START', at: sentAt });
  // The provider's refusals are its own memory of a keyword, which START lifts there, too; not one that came after it.
  const [since]: unknown[] = await em.query(
    `SELECT 1 FROM opt_out WHERE study = $1 AND to_print = $2 AND sender = $3 AND source = 'provider' AND lifted_at IS NULL
        AND since > $4 LIMIT 1`,
    [study, toPrint, sender, sentAt],
  );
  if (since === undefined)
    await liftOptOut(em, { study, toPrint, sender, sources: ['provider'], by: 'START', at: sentAt });
}

/** At most one answer per reply, one a day per phone, and none to machines, strangers and those who want none (messaging.md §9.7). */
async function answer(em: EntityManager, room: Room, place: Place, reply: Reply): Promise<ReplyAnswer> {
  const { config, clock } = room.context;
  const { from } = openReply(room, reply);
  const sender = room.senders.byId(reply.sender);
  if (config.REPLIES_AUTO === 'off') return 'off';
  if (reply.kind === 'stop' || reply.kind === 'start') return 'keyword';
  // The provider answers HELP itself but for a short code, where it answers nothing (messaging.md §4).
  const isHelp = reply.kind === 'help';
  if (isHelp && sender?.kind !== 'short') return 'keyword';
  if (reply.kind === 'machine') return 'machine';
  if (reply.kind === 'asked-to-stop') return 'asked-to-stop';
  if (reply.kind === 'unknown-phone' || reply.participantIds.length === 0) return 'unknown-phone';
  if (/^\+?\d{1,6}$/.test(from)) return 'short-code';
  if (room.senders.byId(from) !== null) return 'own-number';
  if (clock.now().getTime() - reply.sentAt.getTime() > config.REPLIES_AUTO_WITHIN_MINUTES * 60_000) return 'too-late';
  const [before]: unknown[] = await em.query(
    `SELECT 1 FROM reply WHERE study = $1 AND from_print = $2 AND sid <> $3 AND answer = 'sent' AND sent_at > $4
     UNION ALL
     -- an echo of our own text, or a phone that repeats itself
     SELECT 1 FROM message WHERE study = $1 AND to_print = $2 AND body_print = $5 AND dispatched_at > $4
     UNION ALL
     SELECT 1 FROM reply WHERE study = $1 AND from_print = $2 AND sid <> $3 AND body_print = $5 AND sent_at > $4 AND answer IS NOT NULL
     LIMIT 1`,
    [reply.study, reply.fromPrint, reply.sid, new Date(reply.sentAt.getTime() - dayMs), reply.bodyPrint],
  );
  if (before !== undefined) return 'answered-today';
  const participantId = reply.participantIds.find(
    (id) => room.senders.forStudy(reply.binding, id)?.id === reply.sender,
  );
  if (participantId === undefined) return 'other-sender';
  const participant = await readParticipant(em, participantId);
  const person = participant && openPerson(room.context.sealer, participant);
  const language = (person && place.messaging.language(person)) ?? place.messaging.languages[0] ?? 'en';
  const texts = isHelp ? place.messaging.replies.help : referralOf(room, place);
  await planMessage(em, room, {
    requestId: `${reply.binding}|reply|${reply.sid}`,
    binding: reply.binding,
    study: reply.study,
    participantId,
    purpose: isHelp ? helpPurpose : referralPurpose,
    channel: 'sms',
    template: replyTemplate,
    data: { text: texts[language] },
    expiresAt: new Date(clock.now().getTime() + config.REPLIES_AUTO_WITHIN_MINUTES * 60_000),
    cause: 'live',
    correlationId: reply.sid,
  });
  return 'sent';
}

/** The referral text of a study, or the one that the settings put in its place. */
export function referralOf(room: Room, place: Place): Record<'en' | 'es', string> {
  return room.context.config.REPLIES_REFERRAL[place.study.id] ?? place.messaging.replies.referral;
}
