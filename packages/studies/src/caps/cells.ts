import { messagingOwns, smsLogFields } from '../sms-log';
import type { codebook } from './codebook';

type CapsField = keyof typeof codebook.fields;

/** Who may change a field. */
export function ownerOf(field: string): string {
  return messagingOwns(field) ? 'messaging' : 'staff';
}

/** Moves only together with another cell of the same row. */
export const timestampFields: readonly CapsField[] = ['txt_last_timestamp'];

/** The project file marks no field as an identifier; these are. */
export const identifying: readonly CapsField[] = [
  'part_first_name',
  'part_last_name',
  'part_mobile_number',
  'txt_message',
  'txt_mobile_number',
  'txt_twilio_error_msg',
];

/** What the services need; the gateway reads nothing else. */
export const declaredFields: readonly CapsField[] = [
  'part_first_name',
  'part_mobile_number',
  'part_consent_date',
  'participant_info_complete',
  'rand_color',
  'rand_date',
  'randomization_complete',
  'exam_visit_date',
  'exam_complete',
  ...Object.values(smsLogFields),
];
