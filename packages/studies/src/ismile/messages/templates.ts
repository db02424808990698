import { defineTemplate } from '../../define-messaging';

type Invitation = { months: string; link: string };

/** REDCap's survey address with a code of 16 characters, on a server with a long name. */
const longest: Invitation = {
  months: '2',
  link: `https://redcap.studies.example.edu/redcap/surveys/?s=${'W'.repeat(16)}`,
};

/** The first text about a survey. No name and nothing about health stands in it; whoever has the phone sees it. */
export const surveyInvitation = defineTemplate<Invitation>({
  channel: 'sms',
  body: {
    en: ({ months, link }) =>
      `iSMILE study: your ${months}-month survey is ready (10 minutes): ${link} Text STOP to end texts.`,
    es: ({ months, link }) =>
      `iSMILE: ya puede llenar su encuesta de ${months} meses: ${link} Mande STOP para no recibir textos.`,
  },
  longest,
});

/** The second and third one: in other words, since the same text again looks like spam to a carrier. */
export const surveyReminder = defineTemplate<Invitation>({
  channel: 'sms',
  body: {
    en: ({ months, link }) => `iSMILE study: your ${months}-month survey is still waiting for you: ${link} Thank you!`,
    // accents make it UCS-2, 67 characters a segment
    es: ({ months, link }) => `iSMILE: su encuesta de ${months} meses aún está pendiente: ${link}`,
  },
  longest,
  maxSegments: 2,
});

/** What a coordinator sends to find out whether a number takes texts. */
export const numberTest = defineTemplate<Record<never, string>>({
  channel: 'sms',
  body: {
    en: () => 'iSMILE study: this is a test of your number. There is nothing you need to do.',
    es: () => 'iSMILE: este es un mensaje de prueba. No tiene que hacer nada.',
  },
  longest: {},
});

/** The clinic's own telephone, for people. */
const call = '617-555-0190';

/** Answers that go out by themselves. */
export const replies = {
  referral: {
    en: `iSMILE study: nobody reads this number at once. Questions? Call ${call}. In an emergency call 911.`,
    es: `iSMILE: nadie lee este número al momento. ¿Preguntas? Llame al ${call}. En una emergencia llame al 911.`,
  },
  help: {
    en: `iSMILE study: survey reminders, at most 6 texts. Questions? Call ${call}. Text STOP to end texts.`,
    es: `iSMILE: avisos de encuestas, 6 textos como máximo. Llame al ${call}. Mande STOP para no recibir textos.`,
  },
};
