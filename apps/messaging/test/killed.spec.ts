import { randomUUID } from 'node:crypto';
import path from 'node:path';
import { createWorld } from '@studybridge/sandbox';
import { generateStudyKeys } from '@studybridge/service-kit';
import { type Child, eventually, runTypeScript, testDatabase } from '@studybridge/testing';
import { DataSource } from 'typeorm';
import { shortCode } from './harness';
import type { ChildOrders } from './killed-process';

const undo: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const step of undo.splice(0).reverse()) await step();
});

const start = (orders: ChildOrders): Child =>
  runTypeScript(path.join(__dirname, 'killed-process.ts'), [JSON.stringify(orders)]);

it('sends every text at most once, and loses none in silence, wherever the process is killed around a send', async () => {
  const world = createWorld({ startAt: new Date('2018-10-02T15:00:00Z') });
  const { url } = await world.listen(0);
  undo.push(() => world.close());
  const database = await testDatabase('messaging_killed');
  undo.push(() => database.drop());
  const env: Record<string, string> = {
    DATABASE_URL_MESSAGING: database.url,
    STUDY_KEYS: generateStudyKeys(['ismile']),
    STUDIES: 'ismile',
    STUDYBRIDGE_ENVIRONMENT: 'test',
    STUDY_CLOCK_URL: `${url}/__sandbox/clock`,
    TWILIO_URL: url,
    TWILIO_ACCOUNT_SID: world.twilio.accountSid,
    TWILIO_AUTH_TOKEN: world.twilio.authToken,
    TWILIO_TIMEOUT_MS: '3000',
    DOUBT_LOOK_AFTER_S: '60,120',
    SENDERS: JSON.stringify([{ number: shortCode, kind: 'short', binding: 'ismile.test', messageEveryMs: 30 }]),
  };
  world.changeTwilio({ answerMs: 60 });
  const all: ChildOrders['people'] = [];
  const group = (): ChildOrders['people'] => {
    const from = all.length;
    const people = Array.from({ length: 6 }, (_, n) => ({
      id: randomUUID(),
      mobile: `+1617555${String(from + n + 1).padStart(4, '0')}`,
    }));
    all.push(...people);
    return people;
  };
  // After the claim, with the letter noted and nothing sent, after the answer and nothing noted, after it was noted.
  for (const at of ['attempting', 'message.noted', 'message.posted', 'settled'] as const) {
    const child = start({ env, people: group(), die: { at, passage: 2 } });
    expect({ at, ...(await child.over) }).toMatchObject({ at, signal: 'SIGKILL' });
  }
  // While Twilio works on requests that it took; others are planned and not in hand.
  const before = world.twilioCreates().length;
  const child = start({ env, people: group(), die: null });
  await eventually(() => world.twilioCreates().length >= before + 2);
  child.process.kill('SIGKILL');
  expect(await child.over).toMatchObject({ signal: 'SIGKILL' });
  // A last one brings everything to its end, looking for what is in doubt as time goes on.
  for (const minutes of [0, 2, 4]) {
    world.advanceTo(new Date(Date.parse('2018-10-02T15:00:00Z') + minutes * 60_000));
    expect(await start({ env, people: all, die: null }).over).toEqual({ code: 0, signal: null, errors: '' });
  }
  world.advanceTo(new Date('2018-10-02T16:00:00Z'));
  const handsets = world.handsets();
  const received = all.map(({ mobile }) => handsets[mobile]?.received.length ?? 0);
  expect(Math.max(...received)).toBe(1);
  const source = await new DataSource({ type: 'postgres', url: database.url }).initialize();
  undo.push(() => source.destroy());
  const rows = await source.query<{ id: string; state: string; said: object | null }[]>(
    'SELECT participant_id AS id, state, said FROM message',
  );
  expect(rows).toHaveLength(all.length);
  const missing = all.filter((_, index) => received[index] === 0).map(({ id }) => rows.find((row) => row.id === id));
  // Who got nothing is accounted for: nobody knows whether it was sent, it is said, and it is not sent again.
  for (const row of missing) expect(row).toMatchObject({ state: 'in-doubt', said: { reason: 'SEND_IN_DOUBT' } });
  // One per death after the note and before the post at most for each send in hand.
  expect(missing.length).toBeLessThanOrEqual(8);
  for (const row of rows.filter(({ id }) => !missing.some((one) => one?.id === id))) {
    expect(row.state).toMatch(/accepted|sent|delivered/);
  }
}, 240_000);
