import type { MessagePurpose } from '@studybridge/studies';
import { DateTime } from 'luxon';
import type { EntityManager } from 'typeorm';
import type { Message } from '../messages/message';
import type { Place } from '../room';

const dayMs = 86_400_000;

/**
 * When the caps have room for a message: null = now, `never` = not by the passing of time (the cap per run). A day is the
 * participant's calendar day, a week the last seven times 24 hours; texts and mails count apart. What surely never left does not count.
 */
export async function readCaps(
  em: EntityManager,
  place: Place,
  message: Message,
  purpose: MessagePurpose | null,
  zone: string,
  now: Date,
): Promise<Date | 'never' | null> {
  const { caps } = place.messaging;
  if (message.runId !== null) {
    const [run]: { n: number }[] = await em.query(
      `SELECT count(*)::int AS n FROM message WHERE run_id = $1 AND id <> $2 AND (dispatched_at IS NOT NULL OR state = 'queued')`,
      [message.runId, message.id],
    );
    if ((run?.n ?? 0) >= caps.perRun) return 'never';
  }
  if (message.participantId === null || purpose?.audience !== 'participant') return null;
  const sent: { purpose: string; at: Date }[] = await em.query(
    `SELECT purpose, dispatched_at AS at FROM message
      WHERE participant_id = $1 AND channel = $2 AND dispatched_at > $3 AND id <> $4 AND state NOT IN ('failed', 'canceled')
      ORDER BY dispatched_at`,
    [message.participantId, message.channel, new Date(now.getTime() - 7 * dayMs), message.id],
  );
  if (sent.length === 0) return null;
  const today = DateTime.fromJSDate(now, { zone }).startOf('day');
  const own = sent.filter((one) => one.purpose === message.purpose);
  const room = [
    roomOf(sent, caps.perParticipantPerDay, caps.perParticipantPerWeek, today),
    purpose.cap ? roomOf(own, purpose.cap.perDay, purpose.cap.perWeek, today) : null,
  ].filter((at) => at !== null);
  return room.sort((a, b) => b.getTime() - a.getTime())[0] ?? null;
}

function roomOf(sent: readonly { at: Date }[], perDay: number, perWeek: number, today: DateTime): Date | null {
  const week = sent.at(-perWeek);
  if (sent.length >= perWeek) return week ? new Date(week.at.getTime() + 7 * dayMs) : null;
  const ofToday = sent.filter(({ at }) => at >= today.toJSDate());
  return ofToday.length >= perDay ? today.plus({ days: 1 }).toJSDate() : null;
}
