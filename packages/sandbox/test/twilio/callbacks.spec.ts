import twilio from 'twilio';
import { closeWorlds } from '../world/tiny-world';
import { ana, scene, seconds, shortCode, study, type Scene } from './phones';
import { startReceiver, type Receiver } from './receiver';

let receiver: Receiver;
beforeEach(async () => {
  receiver = await startReceiver();
});
afterEach(async () => {
  await closeWorlds();
  await receiver.close();
});

const send = ({ client }: Scene, more: Record<string, unknown> = {}) =>
  client.messages.create({ to: ana, from: study, body: 'Hi', statusCallback: `${receiver.url}/s?mid=7`, ...more });
const statuses = () => receiver.calls.map(({ params }) => params['MessageStatus']);

it('tells every status but the first, signed over the whole address', async () => {
  const s = await scene();
  const { sid } = await send(s, { statusCallback: `${receiver.url}/s?mid=7#rc=3&rp=all` });
  await s.world.callbacksSettled();
  expect(statuses()).toEqual([]);
  seconds(s.world, 1);
  await s.world.callbacksSettled();
  seconds(s.world, 9);
  await s.world.callbacksSettled();
  expect(statuses()).toEqual(['sent', 'delivered']);
  for (const { path, params, signature } of receiver.calls) {
    expect(path).toBe('/s?mid=7');
    expect(params).toMatchObject({
      MessageSid: sid,
      SmsSid: sid,
      To: ana,
      From: study,
      AccountSid: s.world.twilio.accountSid,
    });
    expect(params['ErrorCode']).toBeUndefined();
    const { authToken } = s.world.twilio;
    expect(twilio.validateRequest(authToken, signature, `${receiver.url}/s?mid=7`, params)).toBe(true);
    expect(twilio.validateRequest(authToken, signature, `${receiver.url}/s?mid=8`, params)).toBe(false);
  }
  expect(receiver.calls[1]!.params['RawDlrDoneDate']).toBe('1809031200');
});

it('tells why, and tells of the queue only for a service', async () => {
  const sid = `MG${'1'.repeat(32)}`;
  const s = await scene({ twilio: { services: [{ sid, name: 'Study', senders: [study] }] } });
  await send(s, { to: '+15005530003', from: undefined, messagingServiceSid: sid });
  for (let second = 0; second < 6; second += 1) {
    seconds(s.world, 1);
    await s.world.callbacksSettled();
  }
  expect(receiver.calls.map(({ params }) => [params['MessageStatus'], params['ErrorCode']])).toEqual([
    ['queued', undefined],
    ['sent', undefined],
    ['undelivered', '30003'],
  ]);
  expect(receiver.calls[0]!.params).toMatchObject({ MessagingServiceSid: sid });
});

it('tells twice, late, out of order or never, as the seed says', async () => {
  const play = async () => {
    receiver.calls.length = 0;
    const s = await scene();
    s.world.changeTwilio({
      doubled: 0.5,
      shuffle: true,
      shuffleMs: 60_000,
      lost: 0.2,
      callbackDelayMs: 5_000,
      seed: 4,
    });
    for (let n = 0; n < 10; n += 1) await send(s, { from: shortCode, body: `text ${n}` });
    seconds(s.world, 8);
    await s.world.callbacksSettled();
    const early = receiver.calls.length;
    for (let second = 0; second < 70; second += 1) {
      seconds(s.world, 1);
      await s.world.callbacksSettled();
    }
    return { early, told: receiver.calls.map(({ params }) => `${params['MessageSid']} ${params['MessageStatus']}`) };
  };
  const first = await play();
  expect(first.early).toBeLessThan(10);
  expect(new Set(first.told).size).toBeLessThan(20);
  expect(first.told.length).toBeGreaterThan(new Set(first.told).size);
  const isLate = (told: string[]) =>
    told.some((one, i) => one.endsWith('delivered') && told.slice(i).includes(one.replace('delivered', 'sent')));
  expect(isLate(first.told)).toBe(true);
  const tokens = new Map<string, Set<string>>();
  for (const { params, token } of receiver.calls) {
    const told = `${params['MessageSid']} ${params['MessageStatus']}`;
    tokens.set(told, (tokens.get(told) ?? new Set()).add(token));
  }
  expect([...tokens.values()].every((same) => same.size === 1)).toBe(true);
  expect((await play()).told.sort()).toEqual([...first.told].sort());
});

it('tells before the create is answered, and the create says queued all the same', async () => {
  const s = await scene();
  s.world.changeTwilio({ beforeAnswer: 1 });
  const created = await send(s);
  expect(statuses()).toEqual(['sent']);
  expect(receiver.calls[0]!.params['MessageSid']).toBe(created.sid);
  expect(created.status).toBe('queued');
  seconds(s.world, 20);
  await s.world.callbacksSettled();
  expect(statuses()).toEqual(['sent', 'delivered']);
  expect(s.world.handset(ana).received).toHaveLength(1);
});

it.each([
  ['a broken connection once by default', '', null, 2],
  ['no 500 by default', '', { status: 500 }, 1],
  ['a 500 as often as the address asks', '#rc=3&rp=5xx', { status: 500 }, 4],
  ['nothing where the address forbids it', '#rc=0', null, 1],
])('tries again after %s', async (_what, fragment, answer, times) => {
  const s = await scene();
  receiver.answers[0] = answer;
  await send(s, { statusCallback: `${receiver.url}/s${fragment}` });
  seconds(s.world, 1);
  await s.world.callbacksSettled();
  expect(statuses()).toEqual(Array(times).fill('sent'));
  expect(new Set(receiver.calls.map(({ token }) => token)).size).toBe(1);
  const tried = (await (await fetch(`${s.url}/__sandbox/twilio/callbacks`)).json()) as {
    callbacks: { attempt: number; answer: unknown }[];
  };
  expect(tried.callbacks.map(({ attempt }) => attempt)).toEqual(Array.from({ length: times }, (_, i) => i + 1));
  expect(tried.callbacks[0]!.answer).toBe(answer?.status ?? 'no connection');
});

it('does not wait for who never answers when it ends', async () => {
  const s = await scene();
  const stuck = new Promise<void>((resolve) => {
    receiver.onCall = () => {
      resolve();
      receiver.answers[0] = 'never';
    };
  });
  await send(s);
  seconds(s.world, 1);
  await stuck;
  await s.world.close();
  expect(s.world.twilioStandIn.webhooks()).toMatchObject([{ answer: 'let go', attempt: 1 }]);
});

it('signs with the other token while tokens are changed', async () => {
  const s = await scene();
  s.world.changeTwilio({ signWith: 'the-next-token' });
  await send(s);
  seconds(s.world, 1);
  await s.world.callbacksSettled();
  const [{ signature, params }] = receiver.calls as [(typeof receiver.calls)[0]];
  expect(twilio.validateRequest('the-next-token', signature, `${receiver.url}/s?mid=7`, params)).toBe(true);
});
