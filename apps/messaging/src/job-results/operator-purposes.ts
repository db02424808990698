import type { MessagePurpose, MessageTemplate } from '@studybridge/studies';
import type { Room } from '../room';

/** A job's result, by mail. */
export const mailPurpose = 'job-result';
/** Its template. */
export const mailTemplate = 'job-result';
/** Something went wrong, by text. */
export const alertPurpose = 'job-alert';
/** Its template. */
export const alertTemplate = 'job-alert';

const purpose = (title: string, channel: MessagePurpose['channel']): MessagePurpose => ({
  title,
  channel,
  audience: 'operator',
  atClosedWindow: 'hold',
  inDoubt: 'close',
  cap: null,
});

const text = ({ text: body }: Record<string, string>): string => body ?? '';
const subject = ({ subject: line }: Record<string, string>): string => line ?? '';

const mail: MessageTemplate = {
  channel: 'email',
  subject: { en: subject, es: subject },
  body: { en: text, es: text },
  longest: { subject: 'W'.repeat(120), text: 'W'.repeat(10_000) },
};
const alert: MessageTemplate = {
  channel: 'sms',
  body: { en: text, es: text },
  longest: { text: 'W'.repeat(300) },
  maxSegments: 2,
};

/** What operators get: no participant data is in any of it. */
export function addOperatorPurposes(room: Room): void {
  room.ownPurposes.set(mailPurpose, purpose('Result of a job', 'email'));
  room.ownPurposes.set(alertPurpose, purpose('Something went wrong', 'sms'));
  room.ownTemplates.set(mailTemplate, mail);
  room.ownTemplates.set(alertTemplate, alert);
}
