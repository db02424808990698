import { eventually } from '@studybridge/testing';
import { printOf } from '../src/messages/prints';
import { optOut } from '../src/stops/opt-outs';
import { clearStage, setStage, shortCode, type Stage } from './harness';

afterEach(clearStage);

const mobile = '+16175550142';

/** A STOP that stands for the number at the sender. */
async function stop(stage: Stage, number = mobile): Promise<void> {
  const { context } = stage.room;
  const toPrint = printOf(context, 'ismile', 'sms', number) ?? '';
  const since = context.clock.now();
  await optOut(context.dataSource.manager, {
    study: 'ismile',
    toPrint,
    sender: shortCode,
    source: 'keyword',
    reason: 'OPTED_OUT',
    since,
  });
}

describe('what is asked for', () => {
  it('waits for the window of the participant’s zone, and is in the participant’s language', async () => {
    // Half past eight in the morning in New York.
    const stage = await setStage({ startAt: '2018-10-02T12:30:00Z' });
    const east = await stage.others.newPerson({ mobile, lang: '2' });
    const west = await stage.others.newPerson({ zone: 'America/Los_Angeles', mobile: '+16175550143' });
    const request = await stage.others.ask(east, { data: { name: 'Orsino' } });
    await stage.others.ask(west, { data: { name: 'Viola' } });
    await stage.idle();
    expect(await stage.rows(request)).toMatchObject([{ state: 'planned', reason: null }]);
    await stage.playTo('2018-10-02T12:59:00Z');
    expect(stage.received(mobile)).toEqual([]);
    await stage.playTo('2018-10-02T15:00:00Z');
    expect(stage.received(mobile)).toEqual([expect.stringMatching(/^Hola Orsino.*¡adiós! Información:$/)]);
    expect(stage.received('+16175550143')).toEqual([]);
    expect(await stage.sql('SELECT encoding, segments FROM message WHERE request_id = $1', [request])).toEqual([
      { encoding: 'UCS-2', segments: 2 },
    ]);
    await stage.playTo('2018-10-02T16:30:00Z');
    expect(stage.received('+16175550143')).toHaveLength(1);
  });

  it('is held with the reason, and goes when that is put right: an invalid number, no agreement, a changed number', async () => {
    const stage = await setStage();
    const id = await stage.others.newPerson({ mobile: '12', ok: '0' });
    const request = await stage.others.ask(id);
    await stage.idle();
    expect(await stage.rows(request)).toMatchObject([{ state: 'held', reason: 'TEXTING_NOT_ALLOWED' }]);
    await stage.others.change(id, { ok: '1' });
    await stage.idle();
    expect(await stage.rows(request)).toMatchObject([{ state: 'held', reason: 'PHONE_INVALID' }]);
    expect(await stage.get('/status')).toMatchObject({ messaging: { ismile: { held: { PHONE_INVALID: 1 } } } });
    await stage.others.change(id, { mobile });
    await stage.playTo('2018-10-02T15:05:00Z');
    expect(stage.received(mobile)).toHaveLength(1);
  });

  it('of a participant nobody has heard of yet waits for it', async () => {
    const stage = await setStage();
    const id = 'a6cfa0c5-6a3c-4a4e-8f39-8d1ec1f0a111';
    const request = await stage.others.ask(id);
    await stage.idle();
    expect(await stage.rows(request)).toMatchObject([{ state: 'held', reason: 'UNKNOWN_RECORD' }]);
    await stage.others.newPerson({ mobile }, { id });
    await stage.playTo('2018-10-02T15:05:00Z');
    expect(stage.received(mobile)).toHaveLength(1);
  });

  it('for a baseline waits for a person, and for anybody withdrawn or gone ends', async () => {
    const stage = await setStage();
    const id = await stage.others.newPerson({ mobile });
    const request = await stage.others.ask(id, { cause: 'baseline' });
    const gone = await stage.others.newPerson();
    await stage.others.change(gone, {}, { presence: 'deleted' });
    const toGone = await stage.others.ask(gone);
    const left = await stage.others.newPerson({ withdrawn: '1' });
    const toLeft = await stage.others.ask(left);
    await stage.playTo('2018-10-02T16:00:00Z');
    expect(await stage.rows(request)).toMatchObject([{ state: 'held', reason: 'BASELINE_NOT_RELEASED' }]);
    expect(stage.others.last(toGone)).toMatchObject({ state: 'suppressed', reason: 'RECORD_DELETED' });
    expect(stage.others.last(toLeft)).toMatchObject({ state: 'suppressed', reason: 'WITHDRAWN' });
    expect(stage.world.twilioCreates()).toEqual([]);
    const [row] = await stage.rows(request);
    await stage.ops('messages.release', { messageId: row?.id, by: 'Dr. Quimby' });
    await stage.playTo('2018-10-02T16:10:00Z');
    expect(stage.received(mobile)).toHaveLength(1);
  });

  it('is bound by caps: per day, per purpose and per week; the rest waits for the next day', async () => {
    const stage = await setStage();
    const id = await stage.others.newPerson({ mobile });
    const requests: string[] = [];
    for (const name of ['one', 'two', 'three', 'four', 'five', 'six']) {
      requests.push(await stage.others.ask(id, { data: { name } }));
    }
    await stage.playTo('2018-10-02T23:00:00Z');
    expect(stage.received(mobile)).toHaveLength(2);
    expect(await stage.rows(requests[2] ?? '')).toMatchObject([{ state: 'held', reason: 'CAP_REACHED' }]);
    await stage.playTo('2018-10-03T23:00:00Z');
    expect(stage.received(mobile)).toHaveLength(4);
    await stage.playTo('2018-10-04T23:00:00Z');
    // Five in seven days: the sixth would have to wait beyond its end.
    expect(stage.received(mobile)).toHaveLength(5);
    await stage.playTo('2018-10-06T00:00:00Z');
    expect(stage.received(mobile)).toHaveLength(5);
    expect(stage.others.last(requests[5] ?? '')).toMatchObject({ state: 'expired' });
    const invitations = [];
    const other = await stage.others.newPerson({ mobile: '+16175550143' });
    for (const name of ['a', 'b'])
      invitations.push(await stage.others.ask(other, { purpose: 'invitation', data: { name } }));
    await stage.playTo('2018-10-06T20:00:00Z');
    expect(stage.received('+16175550143')).toHaveLength(1);
    expect(await stage.rows(invitations[1] ?? '')).toMatchObject([{ state: 'held', reason: 'CAP_REACHED' }]);
  });

  it('goes to a shared phone once a day where the text is the same; again and again switches the purpose off', async () => {
    const stage = await setStage({ env: { TRIP_SAME_TEXT: '3' } });
    const requests: string[] = [];
    for (let n = 0; n < 4; n += 1) {
      const id = await stage.others.newPerson({ mobile });
      requests.push(await stage.others.ask(id, { data: { name: 'you' } }));
      await stage.idle();
    }
    const later = await stage.others.ask(await stage.others.newPerson());
    await stage.playTo('2018-10-02T15:05:00Z');
    expect(stage.received(mobile)).toHaveLength(1);
    expect(stage.others.last(requests[1] ?? '')).toMatchObject({ state: 'suppressed', reason: 'CAP_REACHED' });
    expect(await stage.ops('messages.stopped')).toMatchObject([
      { scope: 'purpose', name: 'ismile/reminder', by: 'itself', reason: 'KILL_SWITCH' },
    ]);
    expect(await stage.rows(later)).toMatchObject([{ state: 'held', reason: 'KILL_SWITCH' }]);
  });

  it('for an operator goes from the operators’ number, at any hour', async () => {
    const stage = await setStage({ startAt: '2018-10-02T05:00:00Z' });
    await stage.others.ask(null, {
      purpose: 'alert',
      template: 'alert',
      data: { to: '+16175550199', language: 'en', what: 'a job failed' },
    });
    await stage.playTo('2018-10-02T05:10:00Z');
    expect(stage.world.handsets()['+16175550199']?.received).toMatchObject([
      { from: '+12025550111', body: 'Studybridge: a job failed' },
    ]);
  });

  it('ends in the evening that closes its window, however long its queue is; nothing is flushed late', async () => {
    const sender = { number: '+12025550110', kind: 'long', binding: 'ismile.test', messageEveryMs: 600 };
    const stage = await setStage({ senders: [sender], startAt: '2018-10-02T23:58:00Z' });
    const requests: string[] = [];
    for (let n = 0; n < 6; n += 1) {
      requests.push(
        await stage.others.ask(await stage.others.newPerson(), { purpose: 'now', data: { name: `n${n}` } }),
      );
    }
    await eventually(() => stage.world.twilioCreates().length >= 2);
    stage.world.advanceTo(new Date('2018-10-03T00:00:00Z'));
    await stage.playTo('2018-10-03T20:00:00Z');
    const creates = stage.world.twilioCreates();
    expect(creates.length).toBeLessThan(6);
    expect(new Set(creates.map(({ at }) => at))).toEqual(new Set(['2018-10-02T23:58:00.000Z']));
    const ends = requests.map((request) => stage.others.last(request)?.state);
    expect(ends.filter((state) => state === 'expired')).toHaveLength(6 - creates.length);
    expect(ends.filter((state) => state === 'delivered')).toHaveLength(creates.length);
  });
});

describe('right before the call', () => {
  it('a STOP that came after the decision wins', async () => {
    const sender = { number: shortCode, kind: 'short', binding: 'ismile.test', messageEveryMs: 5_000 };
    const stage = await setStage({ senders: [sender] });
    const first = await stage.others.ask(await stage.others.newPerson());
    const second = await stage.others.ask(await stage.others.newPerson({ mobile }));
    await eventually(async () => (await stage.rows(second))[0]?.state === 'queued');
    await stop(stage);
    await stage.playTo('2018-10-02T15:10:00Z');
    expect(stage.others.last(first)).toMatchObject({ state: 'delivered' });
    expect(stage.others.last(second)).toMatchObject({ state: 'suppressed', reason: 'OPTED_OUT' });
    expect(stage.received(mobile)).toEqual([]);
    expect(stage.world.twilioCreates()).toHaveLength(1);
  });

  it('a withdrawal, a finished survey, a changed number and a changed name of this moment count', async () => {
    const sender = { number: shortCode, kind: 'short', binding: 'ismile.test', messageEveryMs: 5_000 };
    const stage = await setStage({ senders: [sender] });
    await stage.others.ask(await stage.others.newPerson());
    const leaves = await stage.others.newPerson();
    const moves = await stage.others.newPerson({ mobile: '+16175550188' });
    const left = await stage.others.ask(leaves);
    const moved = await stage.others.ask(moves, { data: { name: 'Feste' } });
    await eventually(async () => (await stage.rows(moved))[0]?.state === 'queued');
    await stage.others.change(leaves, { withdrawn: '1' });
    await stage.others.change(moves, { mobile });
    await stage.playTo('2018-10-02T15:10:00Z');
    expect(stage.others.last(left)).toMatchObject({ state: 'suppressed', reason: 'WITHDRAWN' });
    expect(stage.received('+16175550188')).toEqual([]);
    expect(stage.received(mobile)).toHaveLength(1);
  });
});

describe('the kill switch', () => {
  it('lets only what is in flight leave, and what waited goes when a named person resumes', async () => {
    const sender = { number: shortCode, kind: 'short', binding: 'ismile.test', messageEveryMs: 60 };
    const stage = await setStage({ senders: [sender], replicas: 2 });
    const people = [];
    for (let n = 0; n < 40; n += 1) people.push(await stage.others.newPerson());
    for (const id of people) await stage.others.ask(id);
    await eventually(() => stage.world.twilioCreates().length >= 5);
    await stage.ops('messages.stop', { scope: 'purpose', name: 'ismile/reminder', by: 'Dr. Quimby' });
    const flippedAt = new Date();
    await stage.idle();
    // What left was decided upon before; nothing was afterwards.
    expect(await stage.sql('SELECT id FROM message WHERE real_dispatched_at > $1', [flippedAt])).toEqual([]);
    expect(stage.world.twilioCreates().length).toBeLessThan(40);
    const { held } = (await stage.get<{ messaging: { ismile: { held: Record<string, number> } } }>('/status')).messaging
      .ismile;
    expect(held['KILL_SWITCH']).toBe(40 - stage.world.twilioCreates().length);
    await expect(stage.ops('messages.resume', { scope: 'purpose', name: 'ismile/reminder' })).rejects.toThrow(
      /BAD_ARGUMENTS/,
    );
    await stage.ops('messages.resume', { scope: 'purpose', name: 'ismile/reminder', by: 'Dr. Quimby' });
    await stage.playTo('2018-10-02T15:30:00Z');
    const bodies = Object.values(stage.world.handsets()).map(({ received }) => received.length);
    expect(stage.world.twilioCreates()).toHaveLength(40);
    expect(Math.max(...bodies)).toBe(1);
  });

  it('works in every scope, and what expires meanwhile is closed, not flushed', async () => {
    const stage = await setStage();
    for (const [scope, name] of [
      ['global', ''],
      ['study', 'ismile'],
      ['sender', shortCode],
      ['purpose', 'ismile/reminder'],
    ]) {
      await stage.ops('messages.stop', { scope, name, by: 'Dr. Quimby', note: 'a rehearsal' });
      const expiresAt = new Date(stage.world.now.getTime() + 3_600_000).toISOString();
      const request = await stage.others.ask(await stage.others.newPerson(), { expiresAt });
      await stage.idle();
      expect(await stage.rows(request)).toMatchObject([{ state: 'held', reason: 'KILL_SWITCH' }]);
      await stage.playTo(new Date(stage.world.now.getTime() + 3_660_000));
      expect(stage.others.last(request)).toMatchObject({ state: 'expired', reason: 'EXPIRED' });
      await stage.ops('messages.resume', { scope, name, by: 'Dr. Quimby' });
      await stage.idle();
    }
    expect(stage.world.twilioCreates()).toEqual([]);
    const request = await stage.others.ask(await stage.others.newPerson());
    await stage.playTo(new Date(stage.world.now.getTime() + 600_000));
    expect(stage.others.last(request)).toMatchObject({ state: 'delivered' });
  });

  it('is off for all where the settings say so: off holds, a dry run only writes down', async () => {
    const stage = await setStage({ env: { SENDING: 'dry-run' } });
    const request = await stage.others.ask(await stage.others.newPerson());
    await stage.idle();
    expect(await stage.rows(request)).toMatchObject([{ state: 'dry-run' }]);
    stage.env['SENDING'] = 'off';
    await stage.restart();
    const held = await stage.others.ask(await stage.others.newPerson());
    await stage.idle();
    expect(await stage.rows(held)).toMatchObject([{ state: 'held', reason: 'KILL_SWITCH' }]);
    expect(stage.world.twilioCreates()).toEqual([]);
    stage.env['SENDING'] = 'on';
    await stage.restart();
    await stage.playTo('2018-10-02T15:10:00Z');
    expect(stage.world.twilioCreates()).toHaveLength(1);
  });
});
