import type { MessagePurpose, MessagingDefinition, SmsLogFields } from '../../define-messaging';
import { smsLogFields, smsLogInstrument } from '../../sms-log';
import { usMobile } from '../../us-phone';
import type { codebook } from '../codebook';
import { settings } from '../settings';
import { from } from '../words';
import { email, mayReceive, mobileText } from './may-receive';
import { surveyInvitations } from './survey-invitations';
import { numberTest, replies, surveyInvitation, surveyReminder } from './templates';

type IsmileField = keyof typeof codebook.fields;

const fields: Record<keyof SmsLogFields, IsmileField> = smsLogFields;

const instrument: (typeof codebook.fields)['txt_message']['instrument'] = smsLogInstrument;

const invitation = (title: string): MessagePurpose => ({
  title,
  channel: 'sms',
  audience: 'participant',
  atClosedWindow: 'hold',
  inDoubt: 'person',
  cap: { perDay: 1, perWeek: 3 },
});

const languageSource = from.optional(from.coded('baseline_arm_1', 'part_lang', { '1': 'en', '2': 'es' }));
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
  mayReceive,
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
