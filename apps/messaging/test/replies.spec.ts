import type { WorldOptions } from '@studybridge/sandbox';
import { repliesJob } from '../src/replies/define-replies';
import { clearStage, setStage, shortCode } from './harness';

afterEach(clearStage);

const number = '+12025550110';
const binding = 'ismile.test';
const fast = { segmentsPerSecond: 1_000, messageEveryMs: 0 };
const zelda = '+16175550142';

interface Listed {
  sid: string;
  kind: string;
  state: string;
  records: string[];
  sharedPhone: boolean;
  answer: string | null;
  handledAs: string | null;
}

/** The study's long code, and a participant at noon in New York. */
async function ready(o: { env?: Record<string, string>; sender?: object; twilio?: WorldOptions['twilio'] } = {}) {
  const sender = { number, binding, ...fast, ...o.sender };
  const stage = await setStage({
    senders: [sender, { number: '+12025550111', purpose: 'operator' }],
    env: o.env,
    twilio: o.twilio,
  });
  const id = await stage.others.newPerson({ mobile: zelda });
  await stage.playTo('2018-10-02T16:00:00Z');
  const poll = async () => {
    await stage.room.context.jobs.run(repliesJob, { binding, wait: true });
    await stage.idle();
  };
  const says = (body: string, mobile = zelda, to = String((sender as { number: string }).number)) =>
    stage.world.act({ do: 'text', mobile, to, body });
  const list = (state: 'open' | 'all' = 'all') => stage.ops<Listed[]>('replies.list', { state });
  const pass = (minutes: number) => stage.playTo(new Date(stage.world.now.getTime() + minutes * 60_000));
  const stops = () =>
    stage.sql<{ source: string; sender: string; lifted_by: string | null }>(
      'SELECT source, sender, lifted_by FROM opt_out ORDER BY position',
    );
  return Object.assign(stage, { id, poll, says, list, pass, stops });
}

describe('STOP and START', () => {
  it('are kept for the number that was told, without a word of ours, and lift only what a keyword set', async () => {
    const stage = await ready();
    const before = stage.received(zelda).length;
    stage.says('Stop ');
    await stage.poll();
    expect(await stage.stops()).toEqual([{ source: 'keyword', sender: number, lifted_by: null }]);
    // Twilio’s own confirmation, and nothing of ours.
    expect(
      stage
        .received(zelda)
        .slice(before)
        .filter((text) => !/unsubscribed/.test(text)),
    ).toEqual([]);
    const request = await stage.others.ask(stage.id);
    await stage.idle();
    expect(await stage.rows(request)).toMatchObject([{ state: 'suppressed', reason: 'OPTED_OUT' }]);

    await stage.pass(5);
    stage.says('START');
    await stage.poll();
    expect(await stage.stops()).toEqual([{ source: 'keyword', sender: number, lifted_by: 'START' }]);
    const again = await stage.others.ask(stage.id);
    await stage.pass(5);
    expect(await stage.rows(again)).toMatchObject([{ state: 'delivered' }]);

    await stage.ops('replies.handle', { sid: (await stage.list())[0]!.sid, as: 'stop', by: 'coordinator' });
    await stage.pass(5);
    stage.says('start');
    await stage.poll();
    expect((await stage.stops()).filter((one) => one.lifted_by === null)).toEqual([
      { source: 'staff', sender: '', lifted_by: null },
    ]);
  });

  it('to any number behind a Messaging Service count for the service', async () => {
    const sid = `MG${'5'.repeat(32)}`;
    const stage = await ready({
      sender: { number: sid, kind: 'service' },
      twilio: { services: [{ sid, name: 'The study', senders: [number, shortCode] }] },
    });
    const first = await stage.others.ask(stage.id);
    await stage.pass(5);
    expect(await stage.rows(first)).toMatchObject([{ state: 'delivered' }]);
    stage.says('Thanks a lot', zelda, number);
    stage.says('STOP', zelda, shortCode);
    stage.says('STOP', zelda, '+18335550112');
    await stage.poll();
    await stage.poll();
    // The one to a number of nobody's is none of the study's.
    expect((await stage.list()).map(({ kind }) => kind).sort()).toEqual(['stop', 'text']);
    expect(await stage.stops()).toEqual([{ source: 'keyword', sender: sid, lifted_by: null }]);
    const request = await stage.others.ask(stage.id);
    await stage.idle();
    expect(await stage.rows(request)).toMatchObject([{ state: 'suppressed', reason: 'OPTED_OUT' }]);
  });

  it('between decision and send wins, also when it is only heard of then', async () => {
    const stage = await ready({ sender: { segmentsPerSecond: 1, messageEveryMs: 1_500 } });
    const other = await stage.others.newPerson({ mobile: '+16175550143' });
    // The second one waits for the sender while its receiver stops.
    await stage.others.ask(stage.id);
    const request = await stage.others.ask(other);
    stage.says('STOP', '+16175550143');
    await stage.room.context.jobs.run(repliesJob, { binding, wait: true });
    await stage.idle();
    expect(await stage.rows(request)).toMatchObject([{ state: 'suppressed', reason: 'OPTED_OUT' }]);
    expect(stage.received('+16175550143').filter((text) => /toothbrush/.test(text))).toEqual([]);
  });

  it('count in the order in which they were sent, in whatever order the list shows them', async () => {
    const stage = await ready();
    stage.world.changeTwilio({ listLagMs: 3_600_000 });
    stage.says('STOP');
    await stage.pass(10);
    stage.world.changeTwilio({ listLagMs: 0 });
    // START is seen before the STOP that it answers.
    await stage.pass(1);
    stage.says('START');
    await stage.poll();
    expect((await stage.stops()).filter((one) => one.lifted_by === null)).toEqual([]);
    // Found again within the overlap: nothing happens twice.
    await stage.pass(60);
    await stage.poll();
    await stage.poll();
    expect(await stage.list()).toHaveLength(2);
    expect((await stage.stops()).filter((one) => one.lifted_by === null)).toEqual([]);
  });
});

describe('a wish in other words', () => {
  it('pauses the person, asks a human, and goes on as the human says', async () => {
    const stage = await ready();
    const waiting = await stage.others.ask(stage.id, { notBefore: '2018-10-03T16:00:00.000Z' });
    stage.says('Por favor no me manden más mensajes');
    await stage.poll();
    const [reply] = await stage.list('open');
    expect(reply).toMatchObject({ kind: 'asked-to-stop', records: ['17'], answer: 'asked-to-stop' });
    expect(await stage.stops()).toEqual([{ source: 'free-text', sender: '', lifted_by: null }]);
    expect((await stage.rows(waiting))[0]).toMatchObject({ reason: 'ASKED_TO_STOP' });
    expect((await stage.get<{ attention: object }>('/status')).attention).toMatchObject({ ASKED_TO_STOP: 1 });
    expect(await stage.ops('replies.read', { sid: reply!.sid, by: 'coordinator' })).toMatchObject({
      text: 'Por favor no me manden más mensajes',
    });
    await stage.ops('replies.handle', { sid: reply!.sid, as: 'continue', by: 'coordinator', note: 'meant the clinic' });
    expect(await stage.list('open')).toEqual([]);
    expect((await stage.list())[0]).toMatchObject({ handledAs: 'continue' });
    await stage.playTo('2018-10-03T17:00:00Z');
    // The pause held it back only as long as it lasted.
    expect(await stage.rows(waiting)).toMatchObject([{ state: 'delivered' }]);
    expect(stage.logged()).not.toContain('manden');
  });
});

describe('a reply that nobody expects', () => {
  it('is answered once with the referral, in the person’s language, and waits for somebody to read it', async () => {
    const stage = await ready({
      env: { REPLIES_REFERRAL: JSON.stringify({ ismile: { en: 'Call 617-555-0190.', es: 'Llame.' } }) },
    });
    const before = stage.received(zelda).length;
    stage.says('when is my visit?');
    await stage.poll();
    await stage.poll();
    await stage.pass(1);
    expect(stage.received(zelda).slice(before)).toEqual(['Call 617-555-0190.']);
    expect(await stage.list('open')).toMatchObject([{ kind: 'text', answer: 'sent' }]);
    // At most one a day, so that two machines do not talk for ever.
    for (const body of ['hello?', 'Call 617-555-0190.', 'hello?']) {
      await stage.pass(10);
      stage.says(body);
      await stage.poll();
    }
    expect(stage.received(zelda).slice(before)).toHaveLength(1);
    const { sid } = (await stage.list('open'))[0]!;
    await stage.ops('replies.handle', { sid, as: 'noted', by: 'coordinator' });
    expect(await stage.list('open')).toHaveLength(3);
    await expect(stage.ops('replies.handle', { sid: 'SM0', as: 'noted', by: 'x' })).rejects.toThrow('UNKNOWN_REPLY');
  });

  it('gets no answer from a machine, a stranger, our own number, a short code, long ago, or where answers are off', async () => {
    const stage = await ready();
    const heard = () =>
      Object.values(stage.world.handsets()).flatMap(({ received }) => received.map(({ body }) => body));
    stage.says('Auto-reply: out of the office', zelda);
    stage.says('hello', '+16175550999');
    stage.says('hello', '+12025550111');
    await stage.poll();
    expect(heard().filter((body) => body === 'Call us.')).toEqual([]);
    expect((await stage.list()).map(({ kind, answer }) => [kind, answer]).sort()).toEqual([
      ['machine', 'machine'],
      ['unknown-phone', 'unknown-phone'],
      ['unknown-phone', 'unknown-phone'],
    ]);
    stage.says('hello again');
    await stage.playTo(new Date(stage.world.now.getTime() + 3 * 3_600_000));
    await stage.poll();
    expect(heard().filter((body) => body === 'Call us.').length).toBeLessThanOrEqual(1);
  });

  it('of a shared phone is shown with both families', async () => {
    const stage = await ready();
    await stage.others.newPerson({ mobile: zelda });
    stage.says('which child is this about?');
    await stage.poll();
    expect(await stage.list('open')).toMatchObject([{ sharedPhone: true, records: ['17', '17'] }]);
    stage.says('STOP');
    await stage.poll();
    const requests = [await stage.others.ask(stage.id)];
    await stage.idle();
    expect(await stage.rows(requests[0]!)).toMatchObject([{ reason: 'OPTED_OUT' }]);
  });

  it('of a short code is our own to answer: HELP gets the help text', async () => {
    const stage = await ready({ sender: { number: shortCode, kind: 'short' } });
    stage.says('HELP', zelda, shortCode);
    await stage.poll();
    await stage.pass(1);
    expect(stage.received(zelda)).toEqual(['Help.']);
    stage.says('STOP', zelda, shortCode);
    await stage.poll();
    expect(await stage.stops()).toMatchObject([{ source: 'keyword', sender: shortCode }]);
  });
});

it('is kept before anything is done: what was only kept is worked on by the next process', async () => {
  const stage = await ready();
  stage.says('STOP');
  await stage.poll();
  await stage.sql(`UPDATE reply SET state = 'new', kind = NULL`);
  await stage.sql('DELETE FROM opt_out');
  await stage.restart();
  await stage.room.context.jobs.run(repliesJob, { binding, wait: true });
  expect(await stage.stops()).toMatchObject([{ source: 'keyword' }]);
});

it('gives the static answer for those who run without a server', async () => {
  const stage = await setStage();
  const { twiml } = await stage.ops<{ twiml: string }>('replies.twiml', { language: 'es' });
  expect(twiml).toMatch(/^<\?xml[^>]*\?><Response><Message>Llame\.<\/Message><\/Response>$/);
});

it('keeps no number and no text in clear', async () => {
  const stage = await ready();
  stage.says('my name is Zelda Quimby');
  await stage.poll();
  const tables =
    JSON.stringify(await stage.sql('SELECT * FROM reply, opt_out')) +
    JSON.stringify(await stage.sql('SELECT * FROM reply'));
  for (const text of [tables, stage.logged(), JSON.stringify(await stage.list())]) {
    expect(text).not.toMatch(/Quimby|5550142/);
  }
});
