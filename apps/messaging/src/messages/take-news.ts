import type { EntityManager } from 'typeorm';
import { jobNames } from '../follow-up/job-names';
import type { Room } from '../room';
import type { Posted } from '../send/channel';
import { type Message, waitingStates } from './message';
import { lockMessage, saveMessage } from './message-store';
import { isOpen, mergeNews } from './merge-news';
import type { News } from './news';
import { dropRetries, reactToFailure } from './react-to-failure';
import { sayEnd } from './say-end';

/** The message that a provider's SID names; null when it is none of ours. */
export async function messageOfSid(em: EntityManager, sid: string): Promise<string | null> {
  const found: { id: string }[] = await em.query('SELECT id FROM message WHERE sid = $1', [sid]);
  return found[0]?.id ?? null;
}

/**
 * Takes in what a provider said of a message, by whichever way, in whichever order, however often. `unknown`: there is no such
 * message, or the SID is another's; `known`: heard before.
 */
export async function takeNews(
  em: EntityManager,
  room: Room,
  messageId: string,
  news: News,
): Promise<'taken' | 'known' | 'unknown'> {
  const message = await lockMessage(em, messageId);
  if (!message || (message.sid !== null && message.sid !== news.sid)) return 'unknown';
  // Nothing was handed over, so nothing can be told of it.
  if (message.sid === null && message.dispatchedAt === null) return 'unknown';
  const isNew = await keepNews(em, room, message, news);
  await follow(em, room, message, news);
  return isNew ? 'taken' : 'known';
}

/** The provider has the message: its SID, and what it said with it. The row is locked. */
export async function takeAccepted(
  em: EntityManager,
  room: Room,
  message: Message,
  { news }: Extract<Posted, { state: 'accepted' }>,
): Promise<void> {
  if (message.sid !== null && message.sid !== news.sid) return;
  await keepNews(em, room, message, news);
  await follow(em, room, message, news);
}

/** The provider said no to the handing over; a code of the error table. The row is locked. */
export async function takeRefusal(em: EntityManager, room: Room, message: Message, code: string): Promise<void> {
  if (message.sid !== null) return;
  const { clock } = room.context;
  await insertNews(em, message.id, {
    dedup: `refused:${message.effectNo}:${code}`,
    source: 'create',
    status: 'refused',
    errorCode: code,
    heardAt: clock.now(),
    raw: {},
  });
  Object.assign(message, { state: 'failed', errorCode: code, settledAt: clock.now(), checkAt: null });
  await saveMessage(em, message, ['state', 'errorCode', 'settledAt', 'checkAt']);
  await reactToFailure(em, room, message, { handedOver: false });
  await tellChanged(em, room, message);
}

/** The bookkeeping of time has told of a message: `no-receipt`. The row is locked. */
export async function takeSilence(em: EntityManager, room: Room, message: Message): Promise<void> {
  if (!isOpen(message.state)) return;
  Object.assign(message, { state: 'no-receipt', reason: 'NO_RECEIPT', checkAt: null });
  message.settledAt = room.context.clock.now();
  await saveMessage(em, message, ['state', 'reason', 'checkAt', 'settledAt']);
  await sayEnd(em, room, message);
  await tellChanged(em, room, message);
}

async function keepNews(em: EntityManager, room: Room, message: Message, news: News): Promise<boolean> {
  return insertNews(em, message.id, {
    dedup: news.dedup ?? `${news.sid}:${news.status}:${news.errorCode ?? ''}`,
    source: news.source,
    status: news.status,
    errorCode: news.errorCode,
    heardAt: room.context.clock.now(),
    raw: news.raw,
  });
}

async function insertNews(
  em: EntityManager,
  messageId: string,
  row: {
    dedup: string;
    source: string;
    status: string;
    errorCode: string | null;
    heardAt: Date;
    raw: Record<string, unknown>;
  },
): Promise<boolean> {
  const rows: unknown[] = await em.query(
    `INSERT INTO message_news (message_id, dedup, source, status, error_code, heard_at, raw)
     VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (message_id, dedup) DO NOTHING RETURNING position`,
    [messageId, row.dedup, row.source, row.status, row.errorCode, row.heardAt, JSON.stringify(row.raw)],
  );
  return rows.length > 0;
}

/** What follows from news: the row moves as they say, its re-checks are announced, an end is said and reacted to. */
async function follow(em: EntityManager, room: Room, message: Message, news: News): Promise<void> {
  const now = room.context.clock.now();
  const before = { ...message };
  const wasWaiting =
    message.state === 'in-doubt' || message.state === 'dispatching' || waitingStates.includes(message.state);
  Object.assign(message, mergeNews(message, news));
  message.sid = news.sid;
  message.acceptedAt ??= now;
  if (wasWaiting) Object.assign(message, { reason: null, attention: null, checks: 0 });
  if (message.state !== before.state && !isOpen(message.state)) message.settledAt = now;
  if (!isOpen(message.state)) message.checkAt = null;
  else if (message.checkAt === null || wasWaiting) await announceCheck(em, room, message);
  if (message.state === 'delivered') Object.assign(message, { reason: null, attention: null });
  await saveMessage(em, message, followed);
  if (message.state !== before.state) {
    if (room.channels.get(message.channel)?.ask === null) await takeSilence(em, room, message);
    if (message.state === 'delivered') await dropRetries(em, room, message);
    const failedBefore = before.state === 'failed' || before.state === 'undelivered' || before.state === 'canceled';
    if (
      (message.state === 'failed' || message.state === 'undelivered' || message.state === 'canceled') &&
      !failedBefore
    ) {
      await reactToFailure(em, room, message, { handedOver: true });
    } else if (!isOpen(message.state)) await sayEnd(em, room, message);
  }
  if (followed.some((property) => String(before[property]) !== String(message[property]))) {
    await tellChanged(em, room, message);
  }
}

const followed = [
  'state',
  'providerStatus',
  'errorCode',
  'segments',
  'price',
  'providerCreatedAt',
  'providerUpdatedAt',
  'sid',
  'acceptedAt',
  'settledAt',
  'reason',
  'attention',
  'checks',
  'checkAt',
] as const;

/** Sets when a message is asked after next, by the study time since it was handed over, and announces the run. */
async function announceCheck(em: EntityManager, room: Room, message: Message): Promise<void> {
  if (room.channels.get(message.channel)?.ask === null) return;
  message.checkAt = nextCheck(message, room.context.config.FOLLOW_UP_AFTER_S);
  if (message.checkAt === null) return;
  await room.context.jobs.announce(em, jobNames.followUp, message.checkAt, {
    binding: message.binding,
    within: 60_000,
  });
}

/** The instant of the next check by the number of those made; null when all were made. */
export function nextCheck(message: Pick<Message, 'dispatchedAt' | 'checks'>, afterS: readonly number[]): Date | null {
  const seconds = afterS[message.checks];
  if (seconds === undefined || message.dispatchedAt === null) return null;
  return new Date(message.dispatchedAt.getTime() + seconds * 1_000);
}

async function tellChanged(em: EntityManager, room: Room, message: Message): Promise<void> {
  for (const hook of room.hooks.changed) await hook(em, message);
}
