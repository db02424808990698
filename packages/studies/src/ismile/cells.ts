import { messagingOwns, smsLogFields } from '../sms-log';
import type { codebook } from './codebook';

type IsmileField = keyof typeof codebook.fields;

/** studies.md §1.3: who may change a field. */
export function ownerOf(field: string): string {
  if (field.startsWith('ag_')) return 'agile-health';
  if (field.startsWith('vt_')) return 'visit-tracking';
  return messagingOwns(field) ? 'messaging' : 'staff';
}

/** studies.md §1.3: these move only together with another cell of the same row. */
export const timestampFields: readonly IsmileField[] = ['ag_last_timestamp', 'vt_last_timestamp', 'txt_last_timestamp'];

/** What the services need; the gateway reads nothing else. */
export const declaredFields: readonly IsmileField[] = [
  // eligibility and consent
  'eligible',
  'eligibility_complete',
  'part_consent_date',
  'part_withdrawn',
  'part_withdrawn_date',
  // the family
  'part_first_name',
  'part_last_name',
  'part_gender',
  'part_lang',
  'part_mobile_number',
  'part_mobile_ok_to_text',
  'part_email',
  'child_first_name',
  'child_gender',
  'child_dob',
  'site_id',
  'participant_info_complete',
  // what tailors the texts
  'bs_date',
  'bs_brush_freq',
  'bs_last_dental_visit',
  'bs_bottle_bed',
  'bs_topic_choice',
  'baseline_survey_complete',
  // the arm
  'rand_arm',
  'rand_date',
  'randomization_complete',
  // what agile-health keeps
  'ag_member_id',
  'ag_enroll_status',
  'ag_status',
  'ag_status_label',
  'ag_status_date',
  'ag_optin_date',
  'ag_optout_date',
  'ag_arm_sent',
  'ag_arm_sent_ts',
  'ag_last_sent_hash',
  'ag_last_error',
  'ag_last_timestamp',
  'ag_needs_attention',
  'ag_attention_reason',
  // the surveys to which messaging invites, and its log
  'survey_2m_complete',
  'survey_4m_complete',
  ...Object.values(smsLogFields),
];
