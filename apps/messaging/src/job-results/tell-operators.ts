import { randomUUID } from 'node:crypto';
import type { EntityManager } from 'typeorm';
import { waitingStates } from '../messages/message';
import { dataContext, openData } from '../messages/message-data';
import { lockMessage, readRequest, saveMessage } from '../messages/message-store';
import { planMessage } from '../messages/plan-message';
import { printOf } from '../messages/prints';
import type { Place, Room } from '../room';
import { operatorText, type MailText } from './job-mail';
import { alertPurpose, alertTemplate, mailPurpose, mailTemplate } from './operator-purposes';

const dayMs = 86_400_000;

/** Mails every operator, once per `key`. */
export async function mailOperators(
  em: EntityManager,
  room: Room,
  place: Place,
  mail: MailText & { key: string; correlationId: string },
): Promise<void> {
  const { config, clock } = room.context;
  for (const to of config.OPERATOR_EMAIL) {
    await planMessage(em, room, {
      requestId: `operator|${mail.key}|${printOf(room.context, place.study.id, 'email', to) ?? ''}`,
      binding: place.binding.id,
      study: place.study.id,
      participantId: null,
      purpose: mailPurpose,
      channel: 'email',
      template: mailTemplate,
      data: { to, language: 'en', subject: mail.subject, text: mail.text },
      expiresAt: new Date(clock.now().getTime() + 3 * dayMs),
      cause: 'live',
      correlationId: mail.correlationId,
    });
  }
}

/**
 * Texts every operator one line: at once, or together with others in the next text that may go. Over the limit of a day it is left
 * out: the mails still tell of it.
 */
export async function textOperators(em: EntityManager, room: Room, place: Place, line: string): Promise<void> {
  const { config, clock, logger } = room.context;
  const now = clock.now();
  for (const to of config.OPERATOR_PHONE) {
    const print = printOf(room.context, place.study.id, 'sms', to) ?? '';
    await em.query('SELECT pg_advisory_xact_lock(hashtextextended($1, 20180906))', [print]);
    const [last]: { request_id: string; goes_at: Date }[] = await em.query(
      'SELECT request_id, goes_at FROM operator_text WHERE phone_print = $1 ORDER BY goes_at DESC LIMIT 1',
      [print],
    );
    if (last && (await addLine(em, room, last.request_id, line))) continue;
    const [today]: { n: number }[] = await em.query(
      'SELECT count(*)::int AS n FROM operator_text WHERE phone_print = $1 AND goes_at > $2',
      [print, new Date(now.getTime() - dayMs)],
    );
    if ((today?.n ?? 0) >= config.OPERATOR_TEXTS_PER_DAY) {
      logger.warn('an operator is not texted: the limit of a day is reached');
      continue;
    }
    const soonest = last ? last.goes_at.getTime() + config.OPERATOR_TEXT_EVERY_MINUTES * 60_000 : 0;
    const goesAt = new Date(Math.max(now.getTime(), soonest));
    const requestId = `operator|${randomUUID()}|${print}`;
    await em.query('INSERT INTO operator_text (request_id, phone_print, goes_at) VALUES ($1, $2, $3)', [
      requestId,
      print,
      goesAt,
    ]);
    await planMessage(em, room, {
      requestId,
      binding: place.binding.id,
      study: place.study.id,
      participantId: null,
      purpose: alertPurpose,
      channel: 'sms',
      template: alertTemplate,
      data: { to, language: 'en', lines: JSON.stringify([line]), text: operatorText([line]) },
      notBefore: goesAt > now ? goesAt : null,
      expiresAt: new Date(goesAt.getTime() + dayMs),
      cause: 'live',
      correlationId: requestId,
    });
  }
}

/** Puts a line into a text that has not left; false when it has, or never will. */
async function addLine(em: EntityManager, room: Room, requestId: string, line: string): Promise<boolean> {
  const found = await readRequest(em, requestId);
  const message = found && (await lockMessage(em, found.id));
  if (!message || !waitingStates.includes(message.state)) return false;
  const data = openData(room.context, message);
  const lines = [...(JSON.parse(data['lines'] ?? '[]') as string[]), line];
  const more = { lines: JSON.stringify(lines), text: operatorText(lines) };
  message.data = room.context.sealer.seal(message.study, dataContext(requestId), { ...data, ...more });
  await saveMessage(em, message, ['data']);
  await em.query('UPDATE operator_text SET lines = lines + 1 WHERE request_id = $1', [requestId]);
  return true;
}
