import { type ReasonCode, type Row, StudybridgeError } from '@studybridge/contracts';
import type { MessagingDefinition } from '@studybridge/studies';

const value = (person: readonly Row[], field: string): string =>
  person.find((row) => field in row.values)?.values[field] ?? '';

/** A study as small as a test needs: rows of one instrument, a reminder, an invitation with a link, a mail, a test of the number. */
export const testDefinition: MessagingDefinition = {
  project: 'main',
  languages: ['en', 'es'],
  zoneOf: (person) => value(person, 'zone') || 'America/New_York',
  sendWindow: { from: '09:00', to: '20:00' },
  mobile(person) {
    const text = value(person, 'mobile');
    if (text === '') return null;
    if (!/^\+1\d{10}$/.test(text))
      throw new StudybridgeError('Not a number.', {
        code: 'PHONE_INVALID',
        errorClass: 'participant',
        remedy: 'Correct it.',
      });
    return text;
  },
  email: (person) => value(person, 'email') || null,
  language: (person) => (({ '1': 'en', '2': 'es' })[value(person, 'lang')] as 'en' | 'es' | undefined) ?? null,
  mayReceive(person, channel): ReasonCode | null {
    if (value(person, 'withdrawn') === '1') return 'WITHDRAWN';
    if (channel === 'sms' && value(person, 'ok') !== '1') return 'TEXTING_NOT_ALLOWED';
    return null;
  },
  purposes: {
    reminder: {
      title: 'A reminder.',
      channel: 'sms',
      audience: 'participant',
      atClosedWindow: 'hold',
      inDoubt: 'close',
      cap: null,
    },
    invitation: {
      title: 'An invitation to a survey.',
      channel: 'sms',
      audience: 'participant',
      atClosedWindow: 'hold',
      inDoubt: 'person',
      cap: { perDay: 1, perWeek: 2 },
    },
    now: {
      title: 'Worth something at once only.',
      channel: 'sms',
      audience: 'participant',
      atClosedWindow: 'drop',
      inDoubt: 'close',
      cap: null,
    },
    'number-test': {
      title: 'A test of the number.',
      channel: 'sms',
      audience: 'participant',
      atClosedWindow: 'drop',
      inDoubt: 'close',
      cap: { perDay: 1, perWeek: 2 },
    },
    alert: {
      title: 'To the operator.',
      channel: 'sms',
      audience: 'operator',
      atClosedWindow: 'hold',
      inDoubt: 'close',
      cap: null,
    },
  },
  templates: {
    'number-test': {
      channel: 'sms',
      longest: {},
      body: { en: () => 'A test of your number.', es: () => 'Una prueba de su número.' },
    },
    reminder: {
      channel: 'sms',
      longest: { name: 'Maximiliana', word: 'wwwwwwww' },
      optional: ['word'],
      body: {
        en: ({ name, word }) => `Hello ${name}, please sync your toothbrush ${word}`.trim(),
        es: ({ name, word }) =>
          `Hola ${name}, por favor sincronice su cepillo. Gracias, ¡adiós! Información: ${word}`.trim(),
      },
    },
    alert: {
      channel: 'sms',
      longest: { what: 'wwwwwwww' },
      body: { en: ({ what }) => `Studybridge: ${what}`, es: ({ what }) => `Studybridge: ${what}` },
    },
  },
  campaigns: [
    {
      job: 'invitations',
      purposes: ['invitation'],
      due: () => null,
      stillDue: (person) => (value(person, 'survey') === '2' ? 'SURVEY_DONE' : null),
    },
  ],
  caps: { perParticipantPerDay: 2, perParticipantPerWeek: 5, perRun: 3 },
  log: null,
  replies: { referral: { en: 'Call us.', es: 'Llame.' }, help: { en: 'Help.', es: 'Ayuda.' } },
};
