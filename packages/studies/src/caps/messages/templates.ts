import { defineTemplate } from '../../define-messaging';

/** The notebook's own words (studies.md §5b), and the same in Spanish for a project that asks for a language. */
export const followUp = defineTemplate<{ firstName: string }>({
  channel: 'sms',
  body: {
    en: ({ firstName }) => `Thanks ${firstName} for completing the 6 month exam. See you soon at your final visit`,
    es: ({ firstName }) => `Gracias, ${firstName}, por su examen de los 6 meses. Nos vemos pronto en su visita final`,
  },
  longest: { firstName: 'Maximiliana Guadalupe' },
  names: ['firstName'],
  // a name with an accent or an emoji makes it UCS-2
  maxSegments: 2,
});

/** What a coordinator sends to find out whether a number takes texts. */
export const numberTest = defineTemplate<Record<never, string>>({
  channel: 'sms',
  body: {
    en: () => 'CAPS study: this is a test of your number. There is nothing you need to do.',
    es: () => 'CAPS: este es un mensaje de prueba. No tiene que hacer nada.',
  },
  longest: {},
});

const call = '415-555-0190';

/** Answers that go out by themselves. */
export const replies = {
  referral: {
    en: `CAPS study: nobody reads this number at once. Questions? Call ${call}. In an emergency call 911.`,
    es: `CAPS: nadie lee este número al momento. ¿Preguntas? Llame al ${call}. En una emergencia llame al 911.`,
  },
  help: {
    en: `CAPS study: one text after your exam. Questions? Call ${call}. Text STOP to end texts.`,
    es: `CAPS: un texto después de su examen. Llame al ${call}. Mande STOP para no recibir textos.`,
  },
};
