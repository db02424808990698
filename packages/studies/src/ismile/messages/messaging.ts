import type { ReasonCode, Row } from '@studybridge/contracts';
import type { MessagePurpose, MessagingDefinition, SmsLogFields } from '../../define-messaging';
import { usMobile, usPhone } from '../../us-phone';
import type { codebook } from '../codebook';
import { settings } from '../settings';
import { from, read } from '../words';
import { surveyInvitations } from './survey-invitations';
import { numberTest, replies, surveyInvitation, surveyReminder } from './templates';

type IsmileField = keyof typeof codebook.fields;

const fields = {
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
} as const satisfies Record<keyof SmsLogFields, IsmileField>;

const instrument: (typeof codebook.fields)['txt_message']['instrument'] = 'sms_survey_log';

const invitation = (title: string): MessagePurpose => ({
  title,
  channel: 'sms',
  audience: 'participant',
  atClosedWindow: 'hold',
  inDoubt: 'person',
  cap: { perDay: 1, perWeek: 3 },
});

const languageSource = from.optional(from.coded('baseline_arm_1', 'part_lang', { '1': 'en', '2': 'es' }));
const mobileText = (person: readonly Row[]): string => read(person, 'baseline_arm_1', 'part_mobile_number').trim();
const email = (person: readonly Row[]): string | null => read(person, 'baseline_arm_1', 'part_email').trim() || null;

/** iSMILE's own texts (studies.md §1.5): apart from the texting partner's programme, from another number, with a consent of their own. */
export const messaging: MessagingDefinition = {
  project: 'main',
  languages: ['en', 'es'],
  // REDCap does not ask where a family lives: all of them are patients of Boston's clinics
  zoneOf: () => settings.zone,
  sendWindow: settings.invitations.sendWindow,
  mobile: (person) => usMobile(mobileText(person), 'part_mobile_number'),
  email,
  language: (person) => languageSource.decode(person) ?? null,
  mayReceive(person, channel) {
    // each from its own field: an unknown code elsewhere must not hide a withdrawal (law 2)
    if (read(person, 'baseline_arm_1', 'part_withdrawn') === '1') return 'WITHDRAWN';
    if (read(person, 'baseline_arm_1', 'part_consent_date').trim() === '') return 'CONSENT_MISSING';
    const reason = channel === 'sms' ? reasonAgainstTexts(person) : reasonAgainstMail(person);
    if (reason !== null) return reason;
    return read(person, 'baseline_arm_1', 'part_lang').trim() === '' ? 'LANGUAGE_MISSING' : null;
  },
  purposes: {
    'survey-2m': invitation('Invitation to the 2-month survey'),
    'survey-4m': invitation('Invitation to the 4-month survey'),
    'number-test': {
      title: 'Test of a participant’s number',
      channel: 'sms',
      audience: 'participant',
      atClosedWindow: 'drop',
      inDoubt: 'close',
      cap: { perDay: 1, perWeek: 2 },
    },
  },
  templates: {
    'survey-invitation': surveyInvitation,
    'survey-reminder': surveyReminder,
    'number-test': numberTest,
  },
  campaigns: [surveyInvitations],
  caps: settings.invitations.caps,
  log: { instrument, fields },
  replies,
};

function reasonAgainstTexts(person: readonly Row[]): ReasonCode | null {
  const text = mobileText(person);
  if (text === '') return 'PHONE_MISSING';
  if (usPhone(text) === null) return 'PHONE_INVALID';
  return read(person, 'baseline_arm_1', 'part_mobile_ok_to_text') === '1' ? null : 'TEXTING_NOT_ALLOWED';
}

function reasonAgainstMail(person: readonly Row[]): ReasonCode | null {
  const address = email(person);
  if (address === null) return 'EMAIL_MISSING';
  return /^[^\s@]+@[^\s@]+\.[^\s@]+$/.test(address) ? null : 'EMAIL_INVALID';
}
