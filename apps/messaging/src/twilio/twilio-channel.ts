import type { EntityManager } from 'typeorm';
import type { Channel } from '../send/channel';
import type { Senders } from '../senders/senders';
import { TwilioRefusal } from './twilio-errors';
import type { TwilioClient } from './twilio-client';

/** How far Twilio's clock may be behind ours. */
const skewMs = 120_000;
/** Twilio takes 1 to 36000 s, and loses what is shorter than a moment (messaging.md §1). */
const validity = { least: 10, most: 36_000 };

/** Texts leave by Twilio. `callbackFor` is where its news of a message are wanted; null where nobody listens. */
export function twilioChannel(o: {
  client: TwilioClient;
  senders: Senders;
  em: EntityManager;
  callbackFor(messageId: string): string | null;
}): Channel {
  return {
    partner: 'twilio',
    senderOf: ({ participantId, binding }) =>
      participantId === null ? o.senders.forOperator(binding) : o.senders.forStudy(binding, participantId),
    async post({ message, letter, sender, validForS }) {
      try {
        const news = await o.client.send({
          to: letter.to,
          from: sender.id,
          body: letter.body,
          validityPeriod: Math.min(validity.most, Math.max(validity.least, Math.floor(validForS))),
          statusCallback: o.callbackFor(message.id),
        });
        return { state: 'accepted', sid: news.sid, news };
      } catch (error) {
        if (error instanceof TwilioRefusal) return { state: 'refused', code: error.twilioCode };
        throw error;
      }
    },
    async find({ message, letter, sender }) {
      if (message.dispatchedAt === null) return null;
      const since = new Date(message.dispatchedAt.getTime() - skewMs);
      const found = await o.client.sentTo({ to: letter.to, from: sender.id, body: letter.body, since });
      // The oldest that no other message of ours is.
      for (const news of found.reverse()) {
        const owners: { id: string }[] = await o.em.query('SELECT id FROM message WHERE sid = $1', [news.sid]);
        if (owners.every(({ id }) => id === message.id)) return { state: 'accepted', sid: news.sid, news };
      }
      return null;
    },
    ask: (sid) => o.client.fetch(sid),
  };
}
