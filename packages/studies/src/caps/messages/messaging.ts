import type { MessagingDefinition, SmsLogFields } from '../../define-messaging';
import { smsLogFields, smsLogInstrument } from '../../sms-log';
import { usMobile } from '../../us-phone';
import type { codebook } from '../codebook';
import { settings } from '../settings';
import { followUpCampaign } from './follow-up';
import { mayReceive, mobileText } from './may-receive';
import { followUp, numberTest, replies } from './templates';

type CapsField = keyof typeof codebook.fields;

const fields: Record<keyof SmsLogFields, CapsField> = smsLogFields;

const instrument: (typeof codebook.fields)['txt_message']['instrument'] = smsLogInstrument;
/** The demo project's texts (studies.md §5b). It records no address, language, withdrawal or wish about texts. */
export const messaging: MessagingDefinition = {
  project: 'main',
  languages: ['en', 'es'],
  zoneOf: () => settings.zone,
  sendWindow: settings.followUp.sendWindow,
  mobile: (person) => usMobile(mobileText(person), 'part_mobile_number'),
  email: () => null,
  language: () => settings.followUp.language,
  mayReceive,
  purposes: {
    'follow-up': {
      title: 'Thanks for the 6-month exam',
      channel: 'sms',
      audience: 'participant',
      atClosedWindow: 'hold',
      inDoubt: 'close',
      cap: { perDay: 1, perWeek: 1 },
    },
    'number-test': {
      title: 'Test of a participant’s number',
      channel: 'sms',
      audience: 'participant',
      atClosedWindow: 'drop',
      inDoubt: 'close',
      cap: { perDay: 1, perWeek: 2 },
    },
  },
  templates: { 'follow-up': followUp, 'number-test': numberTest },
  campaigns: [followUpCampaign],
  caps: settings.followUp.caps,
  log: { instrument, fields },
  replies,
};
