import type { Row } from '@studybridge/contracts';
import type { SmsLogFields } from './define-messaging';

/** The instrument in which the studies log their texts; the same one in each of their projects (messaging.md §0). */
export const smsLogInstrument = 'sms_survey_log';

/** Its fields. A study shows by its codebook's types that its project has them. */
export const smsLogFields = {
  message: 'txt_message',
  lastTimestamp: 'txt_last_timestamp',
  mobileNumber: 'txt_mobile_number',
  sid: 'txt_twilio_sid',
  status: 'txt_twilio_status',
  dateCreated: 'txt_date_created',
  dateUpdated: 'txt_date_updated',
  errorCode: 'txt_twilio_error_code',
  errorMessage: 'txt_twilio_error_msg',
  manualDate: 'txt_manual_date',
  complete: 'sms_survey_log_complete',
} as const satisfies SmsLogFields;

/** Whether a field is messaging's: all of the log but the date that staff enter by hand. */
export function messagingOwns(field: string): boolean {
  return field === smsLogFields.complete || (field.startsWith('txt_') && field !== smsLogFields.manualDate);
}

/** A person's log in one event: the rows that hold anything. */
export function logRows(person: readonly Row[], event: string): Row[] {
  return person.filter(
    (row) =>
      row.event === event &&
      row.instrument === smsLogInstrument &&
      Object.values(row.values).some((value) => value !== ''),
  );
}
