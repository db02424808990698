import { randomUUID } from 'node:crypto';
import type { EntityManager } from 'typeorm';
import { lookAtMessage } from '../decide/look-at-message';
import { type ErrorRule, ruleOf } from '../errors/error-table';
import type { Room } from '../room';
import { flagNumber } from '../stops/number-flags';
import { optOut } from '../stops/opt-outs';
import { switchOff } from '../stops/switches';
import { tripForFailures } from '../stops/trips';
import { blank } from './blank';
import type { Message } from './message';
import { insertMessage, readMessages, saveMessage } from './message-store';
import { sayEnd } from './say-end';

/**
 * Does about a failed message what the error table says (messaging.md §3). `handedOver`: the provider had it; otherwise it said no to
 * taking it, and the same message may go once that is put right. The row is locked and saved as failed.
 */
export async function reactToFailure(
  em: EntityManager,
  room: Room,
  message: Message,
  o: { handedOver: boolean },
): Promise<void> {
  const { context } = room;
  const now = context.clock.now();
  const sender = room.senders.byId(message.sender ?? '');
  const rule = ruleOf(message.errorCode, sender?.kind ?? null);
  const { study, toPrint } = message;
  if (rule.suspicious) await tripForFailures(em, room, message);
  if (rule.action === 'opt-out' && toPrint !== null) {
    const source = message.errorCode === '30004' ? 'carrier' : 'provider';
    await optOut(em, { study, toPrint, sender: message.sender ?? '', source, reason: 'OPTED_OUT', since: now });
  }
  if (rule.action === 'flag' && toPrint !== null) {
    await flagNumber(em, { study, toPrint, reason: rule.reason, errorCode: message.errorCode, line: null, since: now });
  }
  if (rule.action === 'stop-sender' && message.sender !== null) {
    const off = { scope: 'sender', name: message.sender, reason: 'SENDER_NOT_READY' } as const;
    const note = `error ${message.errorCode ?? 'without a code'}`;
    const tripped = await switchOff(em, { ...off, by: 'itself', note, since: now });
    if (tripped) context.logger.error({ errorCode: message.errorCode }, 'a sender is stopped: a person has to look');
  }
  if (!o.handedOver && (rule.action === 'stop-sender' || rule.action === 'retry')) {
    return backToWaiting(em, room, message, rule, now);
  }
  const retried = isRetried(rule, message) && (await planRetry(em, room, message, rule, now));
  message.reason = rule.reason;
  const nobodys = rule.action === 'close' || rule.action === 'opt-out' || rule.reason === 'OUTSIDE_WINDOW';
  message.attention = retried || nobodys ? null : rule.reason;
  await saveMessage(em, message, ['reason', 'attention']);
  await sayEnd(em, room, message, { retried });
}

/** Whether another message takes the place of this one: never the same text that was filtered (30007). */
function isRetried(rule: ErrorRule, message: Message): boolean {
  if (rule.action === 'stop-sender') return message.attempt <= 3;
  return rule.action === 'retry' && message.attempt <= (rule.times ?? 1);
}

/** The provider took nothing: the message itself waits again, no earlier than the rule says. */
async function backToWaiting(
  em: EntityManager,
  room: Room,
  message: Message,
  rule: ErrorRule,
  now: Date,
): Promise<void> {
  const tries = message.effectNo;
  if (rule.action === 'retry' && tries > (rule.times ?? 1)) {
    Object.assign(message, { reason: rule.reason, attention: rule.reason });
    await saveMessage(em, message, ['reason', 'attention']);
    return sayEnd(em, room, message);
  }
  const later = new Date(now.getTime() + (rule.afterMinutes ?? 0) * 60_000);
  Object.assign(message, {
    state: 'planned',
    letter: null,
    dispatchedAt: null,
    realDispatchedAt: null,
    settledAt: null,
  });
  message.notBefore = message.notBefore !== null && message.notBefore > later ? message.notBefore : later;
  await saveMessage(em, message, ['state', 'letter', 'dispatchedAt', 'realDispatchedAt', 'settledAt', 'notBefore']);
  await lookAtMessage(em, room, message);
}

/** A retry is a message of its own, so that both stay to be seen. False when there is one already, or no time left. */
async function planRetry(em: EntityManager, room: Room, failed: Message, rule: ErrorRule, now: Date): Promise<boolean> {
  const notBefore = new Date(now.getTime() + (rule.afterMinutes ?? 0) * 60_000);
  if (notBefore >= failed.expiresAt) return false;
  const retry: Message = {
    ...failed,
    ...blank,
    id: randomUUID(),
    attempt: failed.attempt + 1,
    retryOf: failed.id,
    released: failed.released,
    notBefore,
    plannedAt: now,
  };
  if (!(await insertMessage(em, retry))) return false;
  await lookAtMessage(em, room, retry);
  return retry.state !== 'expired' && retry.state !== 'suppressed';
}

/** A receipt came after all: what would have repeated the message is not needed. */
export async function dropRetries(em: EntityManager, room: Room, message: Message): Promise<void> {
  const retries = await readMessages(
    em,
    `WHERE retry_of = $1 AND state IN ('planned', 'held', 'queued') ORDER BY attempt FOR UPDATE`,
    [message.id],
  );
  for (const retry of retries) {
    Object.assign(retry, { state: 'suppressed', reason: null, lookAt: null, settledAt: room.context.clock.now() });
    await saveMessage(em, retry, ['state', 'reason', 'lookAt', 'settledAt']);
    for (const hook of room.hooks.changed) await hook(em, retry);
  }
}
