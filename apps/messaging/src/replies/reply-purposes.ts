import type { MessagePurpose, MessageTemplate } from '@studybridge/studies';
import type { Room } from '../room';

/** The answer to a reply that nobody expects. */
export const referralPurpose = 'reply-referral';
/** The answer to HELP where the provider gives none. */
export const helpPurpose = 'reply-help';
/** A text as it stands. */
export const replyTemplate = 'reply-text';

const purpose = (title: string): MessagePurpose => ({
  title,
  channel: 'sms',
  audience: 'participant',
  // An answer hours later answers nothing.
  atClosedWindow: 'drop',
  inDoubt: 'close',
  cap: { perDay: 1, perWeek: 5 },
});

const template: MessageTemplate = {
  channel: 'sms',
  body: { en: ({ text }) => text ?? '', es: ({ text }) => text ?? '' },
  longest: { text: 'W'.repeat(320) },
  maxSegments: 3,
};

/** The purposes and the template of automatic answers; the texts themselves are the study's. */
export function addReplyPurposes(room: Room): void {
  room.ownPurposes.set(referralPurpose, purpose('Automatic answer to a reply'));
  room.ownPurposes.set(helpPurpose, purpose('Automatic answer to HELP'));
  room.ownTemplates.set(replyTemplate, template);
}
