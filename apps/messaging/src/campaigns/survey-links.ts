import { surveyLinkRequested, type Envelope, type SurveyLinkFound } from '@studybridge/contracts';
import type { EntityManager } from 'typeorm';
import type { Message } from '../messages/message';
import { lockMessage, readMessages, saveMessage } from '../messages/message-store';
import { giveData } from '../messages/plan-message';
import { lockParticipant } from '../participants/participant-store';
import type { Room } from '../room';

/** How long a refused question is left alone, study time: a person may have opened the survey meanwhile. */
const askAgainAfterMs = 20 * 3_600_000;

/**
 * Asks redcap-gateway for the link that a message waits for, where nothing else stands in its way. Asked once; once more when it
 * was refused a good while ago.
 */
export async function askForLink(em: EntityManager, room: Room, message: Message): Promise<boolean> {
  const { participantId, due } = message;
  const place = room.places.get(message.binding);
  if (message.waitsFor !== 'link' || participantId === null || !due?.link || !place) return false;
  if (message.state !== 'planned' && message.reason !== 'SURVEY_LINK_MISSING') return false;
  const now = room.context.clock.now();
  const asked: unknown[] = await em.query(
    `INSERT INTO link_request AS l (request_id, message_id, asked_at) VALUES ($1, $2, $3)
     ON CONFLICT (request_id) DO UPDATE SET asked_at = $3, answered_at = NULL, reason = NULL
       WHERE l.reason IS NOT NULL AND l.answered_at <= $4
     RETURNING request_id`,
    [message.requestId, message.id, now, new Date(now.getTime() - askAgainAfterMs)],
  );
  if (asked.length === 0) return false;
  const { event, instrument, instance } = due.link;
  await room.bus.publish(
    em,
    surveyLinkRequested,
    { requestId: message.requestId, participantId, project: place.messaging.project, event, instrument, instance },
    { binding: message.binding, study: message.study, cause: message.cause, correlationId: message.correlationId },
  );
  return true;
}

/** Asks for the links of all that a participant's messages wait for. */
export async function askForLinksOf(em: EntityManager, room: Room, participantId: string): Promise<number> {
  const waiting = await readMessages(
    em,
    `WHERE participant_id = $1 AND waits_for = 'link' AND state IN ('planned', 'held') ORDER BY position`,
    [participantId],
  );
  let asked = 0;
  for (const message of waiting) if (await askForLink(em, room, message)) asked += 1;
  return asked;
}

/** The gateway answered: the message goes on with its link, or is held because there is none. */
export async function hearLink(em: EntityManager, room: Room, envelope: Envelope<SurveyLinkFound>): Promise<void> {
  const { requestId, participantId, link, reason } = envelope.payload;
  const { sealer, clock } = room.context;
  await lockParticipant(em, participantId);
  const [asked]: { message_id: string }[] = await em.query(
    'SELECT message_id FROM link_request WHERE request_id = $1 AND answered_at IS NULL FOR UPDATE',
    [requestId],
  );
  if (!asked) return;
  await em.query('UPDATE link_request SET answered_at = $2, reason = $3 WHERE request_id = $1', [
    requestId,
    clock.now(),
    link === null ? (reason ?? 'SURVEY_LINK_MISSING') : null,
  ]);
  if (link !== null) {
    const url = sealer.open<string>(envelope.study, `survey-link:${requestId}`, link);
    await giveData(em, room, asked.message_id, { link: url });
    return;
  }
  const message = await lockMessage(em, asked.message_id);
  if (message?.waitsFor !== 'link' || (message.state !== 'planned' && message.state !== 'held')) return;
  message.state = 'held';
  message.reason = 'SURVEY_LINK_MISSING';
  await saveMessage(em, message, ['state', 'reason']);
}
