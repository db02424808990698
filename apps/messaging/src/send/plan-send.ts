import type { EntityManager } from 'typeorm';
import type { Message } from '../messages/message';
import type { Room } from '../room';

/** The kind of effect of each channel. */
export const effectKinds = { sms: 'message.sms', email: 'message.email' } as const;

/** What the ledger keeps of a send: enough for its turn; everything else is decided right before the call. */
export interface SendBody {
  messageId: string;
  sender: string;
  purpose: string;
  segments: number;
}

/** The permanent key of one handing over; a number is appended because a window may close before its turn comes. */
export function effectKey(message: Pick<Message, 'id' | 'effectNo'>): string {
  return `message/${message.id}/${message.effectNo}`;
}

/** Hands a message to the ledger. `until`: study time at which its window closes; then it comes back unsent. */
export async function planSend(em: EntityManager, room: Room, message: Message, until: Date): Promise<void> {
  const sender = message.sender ?? '';
  const paced = room.channels.get(message.channel)?.senderOf(message)?.pace != null;
  await room.effects.plan(em, {
    key: effectKey(message),
    kind: effectKinds[message.channel],
    // A message without participant waits behind none: its own id is its lane.
    participantId: message.participantId ?? message.id,
    binding: message.binding,
    study: message.study,
    pace: paced ? sender : undefined,
    cause: message.cause,
    correlationId: message.correlationId,
    expiresAt: until,
    body: {
      messageId: message.id,
      sender,
      purpose: message.purpose,
      segments: message.segments ?? 1,
    } satisfies SendBody,
  });
}
