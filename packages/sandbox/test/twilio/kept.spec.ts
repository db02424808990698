import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import nodemailer from 'nodemailer';
import { createWorld } from '../../src';
import { monotonicNow } from '../../src/world/monotonic-now';
import { closeWorlds } from '../world/tiny-world';
import { ana, bodies, scene, seconds, shortCode, study, type Scene } from './phones';
import { startReceiver } from './receiver';

afterEach(closeWorlds);

const stateFile = () => path.join(mkdtempSync(path.join(tmpdir(), 'studybridge-world-')), 'world.json');
const keptOf = ({ world }: Scene) => {
  const { twilio, mail, handsets, timers } = world.snapshot();
  return { twilio, mail, handsets, timers };
};

/** Texts, replies, a STOP, answers that lie, a webhook's answer and a mail. */
async function live(s: Scene, smsUrl: string): Promise<void> {
  const { world, client } = s;
  const [number] = await client.incomingPhoneNumbers.list({ phoneNumber: study });
  await client.incomingPhoneNumbers(number!.sid).update({ smsUrl });
  world.changeTwilio({ phones: { [ana]: { autoReply: 'Driving', autoReplies: 1 } }, beforeAnswer: 0.5 });
  for (let n = 0; n < 6; n += 1) {
    await client.messages.create({ to: ana, from: shortCode, body: `text ${n}`, statusCallback: `${smsUrl}/status` });
  }
  world.addFault('twilio', { kind: 'timeout-after-commit', ms: 0, match: { method: 'POST' } });
  await client.messages.create({ to: ana, from: shortCode, body: 'lost answer' }).catch(() => undefined);
  world.addFault('twilio', { kind: 'reset', match: { method: 'POST' } });
  await client.messages.create({ to: ana, from: shortCode, body: 'never came' }).catch(() => undefined);
  seconds(world, 3);
  world.sendText(ana, study, 'Hola');
  await world.callbacksSettled();
  world.sendText('+16175550199', study, 'STOP');
  await world.callbacksSettled();
  const { host, port } = world.mail;
  await nodemailer
    .createTransport({ host, port, ignoreTLS: true })
    .sendMail({ from: 'study@example.org', to: 'op@example.org', subject: 'Night run', text: 'ok' });
  seconds(world, 5);
  await client.messages.create({ to: ana, from: study, body: 'still in the queue' });
}

it('comes back as it was when the process died, and calls nobody again', async () => {
  const receiver = await startReceiver();
  receiver.answers[0] = { status: 200, type: 'text/xml', body: '<Response><Message>Thanks</Message></Response>' };
  const file = stateFile();
  const s = await scene({ stateFile: file });
  await live(s, receiver.url);
  const before = keptOf(s);
  const calls = receiver.calls.length;
  const again = await scene({ stateFile: file });
  const { creates, ...twilio } = before.twilio as { creates: { sid: string | null }[] };
  const after = keptOf(again);
  const { creates: keptCreates, ...keptTwilio } = after.twilio as { creates: { sid: string | null }[] };
  expect({ ...after, twilio: keptTwilio }).toEqual({ ...before, twilio });
  // Creates that came to nothing change nothing, and may be forgotten; the others keep even their real time.
  const accepted = (list: { sid: string | null }[]) =>
    list.filter(({ sid }) => sid !== null).map((note) => ({ ...note, n: 0, fault: null }));
  expect(accepted(keptCreates)).toEqual(accepted(creates));
  expect(receiver.calls).toHaveLength(calls);
  seconds(again.world, 60);
  expect(bodies(again.world, ana)).toEqual(expect.arrayContaining(['lost answer', 'Thanks', 'still in the queue']));
  expect(bodies(again.world, ana)).not.toContain('never came');
  await receiver.close();
});

it('comes back the same from the file it wrote when it ended in good order', async () => {
  const file = stateFile();
  const s = await scene({ stateFile: file });
  await s.client.messages.create({ to: ana, from: study, body: 'Hi' });
  await s.world.close();
  const again = await scene({ stateFile: file });
  expect(keptOf(again)).toEqual(keptOf(s));
  seconds(again.world, 10);
  expect(bodies(again.world, ana)).toEqual(['Hi']);
});

it('is the same world in two plays, but for the real time', async () => {
  const play = async () => {
    const s = await scene();
    for (const body of ['one', 'two', 'two']) await s.client.messages.create({ to: ana, from: shortCode, body });
    seconds(s.world, 20);
    return s.world.twilioMessages().map(({ realAt: _real, ...message }) => message);
  };
  const first = await play();
  expect(new Set(first.map(({ sid }) => sid)).size).toBe(3);
  expect(await play()).toEqual(first);
});

it('goes back to its start when it is reset', async () => {
  const s = await scene();
  await s.client.messages.create({ to: ana, from: study, body: 'Hi' });
  s.world.changeTwilio({ ambiguous: 1 });
  s.world.reset();
  expect(s.world.twilioView()).toMatchObject({ messages: {}, creates: 0, settings: { ambiguous: 0 } });
  expect(bodies(s.world, ana)).toEqual([]);
});

it('opens a state from before there was a Twilio', () => {
  const world = createWorld({ startAt: new Date('2018-09-03T12:00:00Z') });
  const { twilio: _twilio, mail: _mail, handsets: _handsets, ...older } = world.snapshot();
  world.restore(older);
  expect(world.handsets()).toEqual({});
});

it('lets time run in real time: what is sent arrives by itself, and tells when', async () => {
  const s = await scene({ speed: 60 });
  const began = monotonicNow();
  for (let n = 0; n < 20; n += 1) await s.client.messages.create({ to: ana, from: shortCode, body: `text ${n}` });
  while (bodies(s.world, ana).length < 20) await new Promise((resolve) => setTimeout(resolve, 20));
  s.world.pause();
  const creates = s.world.twilioCreates();
  for (const [i, { realAt }] of creates.entries()) {
    expect(realAt).toBeGreaterThanOrEqual(i === 0 ? began : creates[i - 1]!.realAt);
    expect(realAt).toBeLessThanOrEqual(monotonicNow());
  }
  for (const text of s.world.handset(ana).received) {
    expect(text.sentRealAt).toBe(creates.find(({ sid }) => sid === text.sid)!.realAt);
    expect(text.realAt).toBeGreaterThanOrEqual(text.sentRealAt);
  }
});
