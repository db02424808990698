import { defineTemplate } from '../src/define-messaging';

/** Compiled by ismile-messaging.spec.ts: every line below an expectation must be refused, and nothing else. */
type Thanks = { firstName: string; link: string };
const longest: Thanks = { firstName: 'Maximiliana', link: 'https://redcap.example.org/surveys/?s=W' };
const thanks = defineTemplate<Thanks>({
  channel: 'sms',
  body: { en: ({ firstName }) => `Thanks ${firstName}.`, es: ({ firstName }) => `Gracias, ${firstName}.` },
  longest,
  names: ['firstName'],
});
thanks.data({ firstName: 'Ana' });
// @ts-expect-error TS2561 a misspelt field in what fills it
thanks.data({ fristName: 'Ana' });
// @ts-expect-error TS2345 a field that is not given
thanks.data({});
// @ts-expect-error TS2551 a misspelt field in the text
defineTemplate<Thanks>({ channel: 'sms', longest, body: { en: (to) => to.fristName, es: () => 'Gracias.' } });
// @ts-expect-error TS2741 a missing language
defineTemplate<Thanks>({ channel: 'sms', longest, body: { en: () => 'Thanks.' } });
// @ts-expect-error TS2322 a name that is no field of the data
defineTemplate<Thanks>({ channel: 'sms', longest, names: ['nickname'], body: { en: () => '.', es: () => '.' } });
