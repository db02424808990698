import twilio from 'twilio';
import type { TwilioNumber } from '../../src/twilio/twilio-options';
import { closeWorlds, tinyCohort } from '../world/tiny-world';
import { ana, bodies, scene, seconds, shortCode, study, tollFree } from './phones';
import { startReceiver, type Receiver } from './receiver';

let receiver: Receiver;
beforeEach(async () => {
  receiver = await startReceiver();
});
afterEach(async () => {
  await closeWorlds();
  await receiver.close();
});

const numbers = (smsUrl?: string): TwilioNumber[] => [
  { phoneNumber: study, kind: 'long-code', mps: 1, smsUrl },
  { phoneNumber: tollFree, kind: 'toll-free', mps: 3 },
  { phoneNumber: shortCode, kind: 'short-code', mps: 100 },
];
const codeOf = async (call: Promise<unknown>) =>
  call.then(
    () => null,
    (error: unknown) => (error as { code?: number }).code,
  );

it('a phone’s text is a message that is received, and the list has it', async () => {
  const { world, url, client } = await scene();
  const sent = await fetch(`${url}/__sandbox/handsets/${ana}/send`, {
    method: 'POST',
    body: JSON.stringify({ to: study, body: '¿Cuándo?' }),
  });
  const { sid } = (await sent.json()) as { sid: string };
  expect(await client.messages.list({ to: study })).toMatchObject([
    { sid, from: ana, to: study, body: '¿Cuándo?', direction: 'inbound', status: 'received', dateSent: world.now },
  ]);
  expect(world.handset(ana).sent).toMatchObject([{ to: study, body: '¿Cuándo?', sid, at: world.now.toISOString() }]);
  expect(bodies(world, ana)).toEqual([]);
  expect(world.sendText(ana, '+12025550199', 'Hello?')).toBeNull();
  expect(await client.messages.list()).toHaveLength(1);
});

it('what a cohort’s phone sends goes to whom it is sent', async () => {
  const timeline = [
    { at: '2018-09-03T13:00:00Z', do: 'text' as const, mobile: ana, body: 'done', to: study },
    { at: '2018-09-03T13:00:00Z', do: 'text' as const, mobile: ana, body: 'YES' },
  ];
  const { world } = await scene({ cohort: tinyCohort({ timeline }) });
  world.advanceTo(world.endAt!);
  expect(world.twilioMessages().map(({ body }) => body)).toEqual(['done']);
  expect(world.handset(ana).sent).toMatchObject([
    { to: study, body: 'done' },
    { to: 'Agile Health', body: 'YES', sid: null },
  ]);
});

describe('STOP', () => {
  it.each(['STOP', ' stop ', 'Unsubscribe', 'QUIT', 'end', 'CANCEL', 'revoke', 'OPTOUT', 'STOPALL'])(
    '%j to a long code blocks that number alone, is answered once, and START lifts it',
    async (word) => {
      const { world, client } = await scene();
      const send = (from: string) => client.messages.create({ to: ana, from, body: 'Hi' });
      world.sendText(ana, study, word);
      world.sendText(ana, study, 'STOP');
      expect(bodies(world, ana)).toEqual([expect.stringMatching(/^You have successfully been unsubscribed\./)]);
      expect(await codeOf(send(study))).toBe(21610);
      expect(await codeOf(send(shortCode))).toBeNull();
      expect(world.twilioView().optOuts).toEqual([{ sender: study, phone: ana, at: world.now.toISOString() }]);
      world.sendText(ana, study, 'START');
      expect(bodies(world, ana).at(-1)).toMatch(/re-subscribed/);
      expect(await codeOf(send(study))).toBeNull();
      const replies = await client.messages.list({ to: ana, from: study });
      expect(replies.map(({ direction }) => direction)).toEqual(['outbound-api', 'outbound-reply', 'outbound-reply']);
    },
  );

  it.each(['STOP PLEASE', 'please stop texting', 'stop.', 'NO'])('%j is no keyword', async (text) => {
    const { world, client } = await scene();
    world.sendText(ana, study, text);
    expect(bodies(world, ana)).toEqual([]);
    expect(await codeOf(client.messages.create({ to: ana, from: study, body: 'Hi' }))).toBeNull();
  });

  it('after the message was taken keeps it from the phone', async () => {
    const { world, client } = await scene();
    await client.messages.create({ to: ana, from: study, body: 'x'.repeat(400) });
    const { sid } = await client.messages.create({ to: ana, from: study, body: 'second' });
    world.sendText(ana, study, 'STOP');
    seconds(world, 60);
    expect(await client.messages(sid).fetch()).toMatchObject({ status: 'failed', errorCode: 21610 });
    expect(bodies(world, ana)).not.toContain('second');
  });

  it('to a toll-free number is the carrier’s affair: taken, then blocked', async () => {
    const { world, client } = await scene();
    world.sendText(ana, tollFree, 'QUIT');
    world.sendText(ana, tollFree, 'stop');
    expect(bodies(world, ana)).toEqual([expect.stringMatching(/^NETWORK MSG: You replied with the word "stop"/)]);
    const { sid } = await client.messages.create({ to: ana, from: tollFree, body: 'Hi' });
    seconds(world, 10);
    expect(await client.messages(sid).fetch()).toMatchObject({ status: 'undelivered', errorCode: 30004 });
    expect(await client.messages.list({ to: ana })).toHaveLength(1);
    world.sendText(ana, tollFree, 'UNSTOP');
    await client.messages.create({ to: ana, from: tollFree, body: 'Again' });
    seconds(world, 10);
    expect(bodies(world, ana).at(-1)).toBe('Again');
  });

  it('to a short code of one’s own is nobody’s affair but its owner’s', async () => {
    const { world, client } = await scene();
    world.sendText(ana, shortCode, 'STOP');
    await client.messages.create({ to: ana, from: shortCode, body: 'Hi' });
    seconds(world, 10);
    expect(bodies(world, ana)).toEqual(['Hi']);
  });

  it('to a number of a service counts for all of its numbers, and shows only afterwards', async () => {
    const sid = `MG${'1'.repeat(32)}`;
    const { world, client } = await scene({
      twilio: { services: [{ sid, name: 'Study', senders: [study, '+12025550111'], advancedOptOut: true }] },
    });
    world.sendText(ana, study, 'STOP');
    expect(await codeOf(client.messages.create({ to: ana, from: '+12025550111', body: 'Hi' }))).toBe(21610);
    const message = await client.messages.create({ to: ana, messagingServiceSid: sid, body: 'Hi' });
    seconds(world, 10);
    expect(await client.messages(message.sid).fetch()).toMatchObject({ status: 'failed', errorCode: 21610 });
  });

  it('is not HELP', async () => {
    const { world } = await scene();
    world.sendText(ana, study, 'help');
    world.sendText(ana, study, 'INFO');
    expect(bodies(world, ana)).toEqual(Array(2).fill('Reply STOP to unsubscribe. Msg&Data Rates May Apply.'));
    expect(world.twilioView().optOuts).toEqual([]);
  });
});

describe('an inbound webhook', () => {
  it('is signed, and its TwiML is sent', async () => {
    const { world } = await scene({ twilio: { numbers: numbers(`${receiver.url}/in?study=ismile`) } });
    const twiml = new twilio.twiml.MessagingResponse();
    twiml.message('Gracias & adiós');
    receiver.answers[0] = { status: 200, type: 'text/xml', body: twiml.toString() };
    const sid = world.sendText(ana, study, 'Hola');
    await world.callbacksSettled();
    const [call] = receiver.calls;
    expect(call!.params).toMatchObject({ MessageSid: sid, From: ana, To: study, Body: 'Hola', NumMedia: '0' });
    const { authToken } = world.twilio;
    const address = `${receiver.url}/in?study=ismile`;
    expect(twilio.validateRequest(authToken, call!.signature, address, call!.params)).toBe(true);
    expect(twilio.validateRequest('other', call!.signature, address, call!.params)).toBe(false);
    seconds(world, 10);
    expect(world.handset(ana).received).toMatchObject([{ body: 'Gracias & adiós', by: 'reply', from: study }]);
  });

  it.each([
    ['an empty response', 'text/xml', new twilio.twiml.MessagingResponse().toString(), []],
    ['nothing', undefined, '', []],
    [
      'two messages',
      'application/xml',
      '<Response><Message><Body>1</Body></Message><Message>2</Message></Response>',
      ['1', '2'],
    ],
    ['plain text, which Twilio sends', 'text/plain', 'OK', ['OK']],
    ['JSON, which Twilio cannot read', 'application/json', '{"statusCode":201}', []],
    ['broken XML', 'text/xml', '<Response><Message>', []],
  ])('answered with %s', async (_what, type, body, texts) => {
    const { world } = await scene({ twilio: { numbers: numbers(receiver.url) } });
    receiver.answers[0] = { status: 200, type, body };
    world.sendText(ana, study, 'Hola');
    await world.callbacksSettled();
    seconds(world, 10);
    expect(bodies(world, ana)).toEqual(texts);
  });

  it('a machine that answers every answer is cut off after thirty in half a minute', async () => {
    const { world } = await scene({
      twilio: { numbers: [{ phoneNumber: study, kind: 'long-code', mps: 100, smsUrl: receiver.url }] },
    });
    receiver.answers[0] = { status: 200, type: 'text/xml', body: '<Response><Message>Thanks</Message></Response>' };
    world.changeTwilio({
      sentAfterMs: 0,
      deliveredAfterMs: 0,
      phones: { [ana]: { autoReply: 'I am driving', autoReplies: 3 } },
    });
    world.sendText(ana, study, 'Hi');
    for (let step = 0; step < 6; step += 1) {
      await world.callbacksSettled();
      seconds(world, 2);
    }
    expect(world.handset(ana).sent.map(({ body }) => body)).toEqual(['Hi', ...Array<string>(3).fill('I am driving')]);
    for (let n = 0; n < 40; n += 1) world.sendText(ana, study, `again ${n}`);
    await world.callbacksSettled();
    seconds(world, 10);
    const replies = world.twilioMessages().filter(({ direction }) => direction === 'outbound-reply');
    expect(replies.filter(({ errorCode }) => errorCode === 14107)).toHaveLength(44 - 30);
    expect(bodies(world, ana)).toHaveLength(30);
  });
});
