import { messageSettled, type MessageSettled, type MessageState } from '@studybridge/contracts';
import type { EntityManager } from 'typeorm';
import type { Room } from '../room';
import type { Message, MessageRowState } from './message';
import { saveMessage } from './message-store';

/** What a row's state is to the others; null while it has not come to an end. */
const ends: Partial<Record<MessageRowState, MessageState>> = {
  delivered: 'delivered',
  'no-receipt': 'no-receipt',
  undelivered: 'undelivered',
  failed: 'failed',
  canceled: 'failed',
  expired: 'expired',
  suppressed: 'suppressed',
  'in-doubt': 'in-doubt',
};

/**
 * Says a message's end when it differs from what was said last, and tells the hooks. A failure that is tried again is no end of
 * the request (`retried`): only the hooks hear of it. Whoever calls has saved the message.
 */
export async function sayEnd(
  em: EntityManager,
  room: Room,
  message: Message,
  o: { retried?: boolean } = {},
): Promise<void> {
  const state = ends[message.state];
  if (state === undefined) return;
  const now = room.context.clock.now();
  const payload: MessageSettled = {
    requestId: message.requestId,
    messageId: message.id,
    participantId: message.participantId,
    purpose: message.purpose,
    channel: message.channel,
    state,
    reason: message.reason ?? message.attention,
    settledAt: (message.settledAt ?? now).toISOString(),
  };
  const { said } = message;
  if (!o.retried && (said?.state !== payload.state || said.reason !== payload.reason)) {
    message.said = payload;
    await saveMessage(em, message, ['said']);
    const { binding, study, cause, correlationId } = message;
    await room.bus.publish(em, messageSettled, payload, { binding, study, cause, correlationId });
  }
  for (const hook of room.hooks.settled) await hook(em, message);
}
