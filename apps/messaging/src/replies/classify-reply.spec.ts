import { classifyReply } from './classify-reply';

const kindOf = (body: string, kind: 'long' | 'tollfree' | 'short' = 'long') => classifyReply(kind, body);

it.each(['STOP', ' stop ', 'Quit', 'END', 'cancel', 'OPTOUT', 'unsubscribe', 'revoke', 'stopall'])(
  '%j is STOP',
  (body) => {
    expect(kindOf(body)).toBe('stop');
  },
);

it('knows only the carriers’ words at a toll-free number', () => {
  expect(kindOf('STOP', 'tollfree')).toBe('stop');
  expect(kindOf('UNSTOP', 'tollfree')).toBe('start');
  expect(kindOf('YES', 'tollfree')).toBe('text');
  expect(kindOf('YES', 'long')).toBe('start');
  expect(kindOf('info', 'short')).toBe('help');
  // A word that only Twilio's long codes know is still a wish.
  expect(kindOf('QUIT', 'tollfree')).toBe('asked-to-stop');
});

it.each([
  'Please stop texting me',
  'stop please',
  'STOP.',
  'Stop!!',
  'pls stop the messages',
  'Don’t text me anymore',
  'do not send me any more messages',
  'no more texts',
  'Remove me from this list',
  'take my number off',
  'I want to opt out',
  'leave me alone',
  'wrong number',
  'who is this?',
  'I no longer want this',
  'Alto',
  'no más mensajes',
  'Ya no quiero recibir textos',
  'No me manden más mensajes por favor',
  'no me escriba',
  'deje de mandar mensajes',
  'Quíteme de la lista',
  'bórrenme',
  'Número equivocado',
  'quiero darme de baja',
])('%j asks to stop', (body) => {
  expect(kindOf(body)).toBe('asked-to-stop');
});

it.each([
  'Thanks!',
  'I finished the survey',
  'the link does not open',
  'Gracias, ya la llené',
  'Can you call me?',
  'My bus stop is far, can I come at 5?',
  'when does the study end?',
  '¿Cuándo termina?',
  'yes please',
  'ok',
  '',
  '👍',
])('%j is for a person to read', (body) => {
  expect(kindOf(body)).toBe('text');
});

it.each([
  'Auto-reply: I am away until Monday',
  'This is an automated message. Do not reply.',
  "I'm driving with Do Not Disturb turned on",
  'I’m driving right now',
  'Respuesta automática: estoy fuera',
  'You have successfully been unsubscribed. Reply START to resubscribe.',
  'NETWORK MSG: You have replied "unstop"',
  'Out of the office until 3/4',
])('%j is a machine’s', (body) => {
  expect(kindOf(body)).toBe('machine');
});

it('takes more phrases from the settings', () => {
  expect(classifyReply('long', 'Ya BÁSTA amigo', ['basta amigo'])).toBe('asked-to-stop');
});
