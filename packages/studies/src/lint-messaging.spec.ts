import type { MessageTemplate, MessagingDefinition } from './define-messaging';
import { lintMessaging, type MessagingProblem } from './lint-messaging';

type Change = Omit<Partial<MessagingDefinition>, 'templates'> & { template?: Partial<MessageTemplate> };

function definition({ template, ...more }: Change = {}): MessagingDefinition {
  return {
    project: 'main',
    languages: ['en', 'es'],
    zoneOf: () => 'America/New_York',
    sendWindow: { from: '09:00', to: '20:00' },
    mobile: () => null,
    email: () => null,
    language: () => 'en',
    mayReceive: () => null,
    purposes: {},
    templates: {
      note: {
        channel: 'sms',
        body: { en: ({ week }) => `Week ${week} begins.`, es: ({ week }) => `Empieza la semana ${week}.` },
        longest: { week: '52' },
        ...template,
      },
    },
    campaigns: [],
    caps: { perParticipantPerDay: 1, perParticipantPerWeek: 1, perRun: 1 },
    log: null,
    replies: { referral: { en: 'Call us.', es: 'Llame.' }, help: { en: 'Call us.', es: 'Llame.' } },
    ...more,
  };
}
const english = (text: string): Change => ({ template: { body: { en: () => text, es: () => 'Hola.' } } });
const rules = (change?: Change): MessagingProblem['rule'][] =>
  lintMessaging(definition(change)).map((found) => found.rule);

describe('texts of a study', () => {
  it('have nothing to complain of', () => {
    expect(lintMessaging(definition())).toEqual([]);
  });

  it('are missing in a language', () => {
    const body = { en: () => 'Hello.' } as unknown as MessageTemplate['body'];
    expect(lintMessaging(definition({ template: { body } }))).toEqual([
      { rule: 'language', where: 'note, es', sentence: 'There is no text in this language.' },
    ]);
    expect(rules({ template: { channel: 'email' } })).toEqual(['language', 'language']);
    expect(rules({ replies: { referral: { en: 'Call us.', es: ' ' }, help: { en: 'Call', es: 'Llame' } } })).toEqual([
      'language',
    ]);
    // a study of one language needs no other
    expect(rules({ template: { body }, languages: ['en'] })).toEqual([]);
  });

  it('use a field that the data does not have, or leave a placeholder', () => {
    const [found] = lintMessaging(
      definition({ template: { body: { en: ({ wek }) => `Week ${wek}.`, es: () => 'Hola.' } } }),
    );
    expect(found).toMatchObject({ rule: 'field', where: 'note, en' });
    expect(found?.sentence).toContain('wek');
    expect(rules(english('Dear {{name}}, hello.'))).toEqual(['field']);
    expect(rules(english('Dear [first_name], hello.'))).toEqual(['field']);
    expect(rules({ template: { names: ['nickname'] } })).toEqual(['field']);
    expect(rules({ template: { longest: { week: '' } } })).toContain('field');
  });

  it.each([
    'Reply YES to confirm.',
    'Ready to stop smoking? Text QUIT now!',
    'reply "end" when you are done',
    'Answer with CANCEL to move the visit.',
    'Responda SI para confirmar.',
    'Conteste “alto” si no puede.',
    'START your week with a smile.',
    'Text STOP to confirm.',
    'Text STOP to end, or reply HELP.',
  ])('ask for a reserved word: %s', (text) => {
    expect(rules(english(text))).toEqual(['reserved-word']);
  });

  it.each([
    'Text STOP to end texts.',
    'Mande STOP para no recibir textos.',
    'The programme will end in May; yes, we will help you stop.',
    'The survey is at https://redcap.example.org/?s=YES',
    'Reply with the number of times.',
  ])('may say: %s', (text) => {
    expect(rules(english(text))).toEqual([]);
  });

  it('are too long for their segments', () => {
    expect(rules(english('a'.repeat(161)))).toEqual(['segments']);
    expect(rules(english('á'.repeat(71)))).toEqual(['segments']);
    expect(rules({ template: { ...english('á'.repeat(71)).template, maxSegments: 2 } })).toEqual([]);
    expect(rules({ template: { longest: { week: '5'.repeat(145) } } })).toContain('segments');
    const subject = { en: () => 'News', es: () => 'Noticias' };
    expect(rules({ template: { ...english('a'.repeat(2000)).template, channel: 'email', subject } })).toEqual([]);
  });

  it('hold what identifies a person', () => {
    expect(rules(english('Call 617-555-0123.'))).toEqual(['identifier']);
    expect(rules(english('Your visit is on 2018-09-04.'))).toEqual(['identifier']);
    for (const field of ['mobile', 'childDob', 'recordId', 'email']) {
      expect(rules({ template: { longest: { week: '1', [field]: 'x' } } })).toEqual(['identifier']);
    }
    const named = { week: '1', firstName: 'Maximiliana' };
    expect(rules({ template: { longest: named } })).toEqual(['identifier']);
    expect(rules({ template: { longest: named, names: ['firstName'] } })).toEqual([]);
  });

  it('go out at a lawful time and for purposes that exist', () => {
    expect(rules({ sendWindow: { from: '07:30', to: '20:00' } })).toEqual(['definition']);
    expect(rules({ sendWindow: { from: '09:00', to: '21:30' } })).toEqual(['definition']);
    expect(rules({ sendWindow: { from: '20:00', to: '09:00' } })).toEqual(['definition']);
    const campaign = { job: 'weekly', purposes: ['unknown'], due: () => null, stillDue: () => null };
    expect(rules({ campaigns: [campaign] })).toEqual(['definition']);
  });
});
