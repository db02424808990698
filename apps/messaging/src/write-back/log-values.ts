import { reasons } from '@studybridge/contracts';
import type { SmsLogFields } from '@studybridge/studies';
import { DateTime } from 'luxon';
import type { Letter, Message } from '../messages/message';

/** What the log says of a message, by the meaning of its fields. */
export type LogValues = Record<Exclude<keyof SmsLogFields, 'manualDate' | 'lastTimestamp'>, string>;

/**
 * The cells of a message that has come to an end; null when nothing of it is to be logged, because nothing was handed over. The
 * form is complete once nothing more is expected; instants are wall time of the study's zone.
 */
export function logValues(message: Message, letter: Letter | null, zone: string): LogValues | null {
  const status = statusOf(message);
  if (status === null || letter === null) return null;
  const failed = message.state === 'failed' || message.state === 'undelivered';
  return {
    message: letter.body,
    mobileNumber: letter.to,
    sid: message.sid ?? '',
    status,
    dateCreated: wallTime(zone, message.providerCreatedAt ?? message.dispatchedAt),
    dateUpdated: wallTime(zone, message.providerUpdatedAt ?? message.settledAt),
    errorCode: failed ? (message.errorCode ?? '') : '',
    errorMessage: failed && message.reason !== null ? reasons[message.reason].sentence : '',
    complete: message.state === 'in-doubt' ? '0' : '2',
  };
}

/** The provider's own word; `attempting` while nobody knows. */
function statusOf(message: Message): string | null {
  switch (message.state) {
    case 'delivered':
    case 'undelivered':
    case 'failed':
    case 'canceled':
      return message.state;
    case 'no-receipt':
      return message.providerStatus ?? 'sent';
    case 'in-doubt':
      return 'attempting';
    default:
      return null;
  }
}

/** An instant as REDCap holds it: `YYYY-MM-DD HH:MM:SS`, `''` for none. */
export function wallTime(zone: string, at: Date | null): string {
  return at === null ? '' : DateTime.fromJSDate(at, { zone }).toFormat('yyyy-MM-dd HH:mm:ss');
}
