import type { Clock } from '@studybridge/contracts';
import type { Channel } from '../send/channel';
import type { Sender } from '../senders/senders';
import { postMail, type MailAccess } from './post-mail';

/**
 * Mails leave by a mail server. What it takes is sent, and nobody can say more; what it may have taken without an answer can
 * be found nowhere, so it stays in doubt.
 */
export function mailChannel(o: { access: MailAccess; from: string; clock: Clock }): Channel {
  const address = /<([^<>]+)>/.exec(o.from)?.[1] ?? o.from;
  const domain = address.split('@')[1] ?? 'localhost';
  const sender = (purpose: Sender['purpose']): Sender => ({
    id: address,
    kind: 'mail',
    purpose,
    binding: null,
    pace: null,
  });
  return {
    partner: 'smtp',
    senderOf: ({ participantId }) => sender(participantId === null ? 'operator' : 'study'),
    async post({ message, letter }, signal) {
      // Made of the message, so that a receiver can tell a second copy.
      const messageId = `${message.id}@${domain}`;
      const now = o.clock.now();
      const answer = await postMail(
        o.access,
        {
          from: { address, shown: o.from },
          to: letter.to,
          subject: letter.subject ?? '',
          text: letter.body,
          messageId,
          date: now,
        },
        signal,
      );
      if (answer === 'refused') return { state: 'refused', code: 'mail-refused' };
      return {
        state: 'accepted',
        sid: messageId,
        news: {
          source: 'create',
          sid: messageId,
          status: 'sent',
          errorCode: null,
          segments: null,
          price: null,
          createdAt: now,
          updatedAt: now,
          dedup: null,
          raw: {},
        },
      };
    },
    find: () => Promise.resolve(null),
    ask: null,
  };
}
