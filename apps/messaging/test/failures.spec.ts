import { takeNews } from '../src/messages/take-news';
import { clearStage, setStage } from './harness';

afterEach(clearStage);

const mobile = '+16175550142';

describe('a message that fails', () => {
  it('for a phone that is off is tried later, as a message of its own, and then left to staff', async () => {
    const stage = await setStage();
    stage.world.changeTwilio({ phones: { [mobile]: { outcome: 'undelivered-30003' } } });
    const request = await stage.others.ask(await stage.others.newPerson({ mobile }));
    await stage.playTo('2018-10-02T17:00:00Z');
    expect(await stage.rows(request)).toMatchObject([
      { attempt: 1, state: 'undelivered', errorCode: '30003', attention: null },
      { attempt: 2, state: 'planned' },
    ]);
    // As long as it is tried again, the request has not come to its end.
    expect(stage.others.last(request)).toBeUndefined();
    await stage.playTo('2018-10-04T15:00:00Z');
    const rows = await stage.rows(request);
    expect(rows.map(({ state }) => state)).toEqual(['undelivered', 'undelivered', 'undelivered']);
    expect(rows[2]?.attention).toBe('UNREACHABLE');
    expect(new Set(rows.map(({ sid }) => sid)).size).toBe(3);
    expect(stage.others.last(request)).toMatchObject({
      state: 'undelivered',
      reason: 'UNREACHABLE',
      messageId: rows[2]?.id,
    });
    expect(stage.others.settled.filter(({ requestId }) => requestId === request)).toHaveLength(1);
  });

  it('by retry reaches a phone that is on again', async () => {
    const stage = await setStage();
    stage.world.changeTwilio({ phones: { [mobile]: { outcome: 'undelivered-30003' } } });
    const request = await stage.others.ask(await stage.others.newPerson({ mobile }));
    await stage.playTo('2018-10-02T17:00:00Z');
    stage.world.changeTwilio({ phones: { [mobile]: null } });
    await stage.playTo('2018-10-02T23:00:00Z');
    expect((await stage.rows(request)).map(({ state }) => state)).toEqual(['undelivered', 'delivered']);
    expect(stage.others.last(request)).toMatchObject({ state: 'delivered' });
  });

  it('as filtered is never sent again with the same text', async () => {
    const stage = await setStage();
    stage.world.changeTwilio({ filtered: ['toothbrush'] });
    const request = await stage.others.ask(await stage.others.newPerson({ mobile }));
    await stage.playTo('2018-10-05T16:00:00Z');
    expect(await stage.rows(request)).toMatchObject([
      { state: 'undelivered', errorCode: '30007', attention: 'FILTERED' },
    ]);
    expect(stage.world.twilioCreates()).toHaveLength(1);
  });

  it('because the number takes no texts flags it: nothing more goes there, other numbers are free', async () => {
    const stage = await setStage();
    stage.world.changeTwilio({
      phones: { [mobile]: { line: 'landline' }, '+16175550143': { outcome: 'refused-21614' } },
    });
    const id = await stage.others.newPerson({ mobile });
    await stage.others.ask(id);
    const refused = await stage.others.ask(await stage.others.newPerson({ mobile: '+16175550143' }));
    await stage.playTo('2018-10-02T16:00:00Z');
    expect(stage.others.last(refused)).toMatchObject({ state: 'failed', reason: 'NUMBER_FLAGGED' });
    const next = await stage.others.ask(id, { data: { name: 'next' } });
    await stage.idle();
    expect(await stage.rows(next)).toMatchObject([{ state: 'held', reason: 'NUMBER_FLAGGED' }]);
    expect(await stage.ops('numbers.check', { participantId: id })).toEqual({
      line: 'landline',
      flagged: true,
      reason: 'NUMBER_FLAGGED',
    });
    await stage.others.change(id, { mobile: '+16175550144' });
    await stage.playTo('2018-10-02T17:00:00Z');
    expect(stage.received('+16175550144')).toHaveLength(1);
  });

  it('because the person opted out at Twilio is kept as a stop, by either way the code comes', async () => {
    const stage = await setStage();
    stage.world.changeTwilio({
      phones: { [mobile]: { outcome: 'refused-21610' }, '+16175550143': { outcome: 'failed-21610' } },
    });
    for (const number of [mobile, '+16175550143']) {
      const id = await stage.others.newPerson({ mobile: number });
      const request = await stage.others.ask(id);
      await stage.playTo(new Date(stage.world.now.getTime() + 3_600_000));
      expect(stage.others.last(request)).toMatchObject({ state: 'failed', reason: 'OPTED_OUT' });
      const next = await stage.others.ask(id, { data: { name: 'next' } });
      await stage.idle();
      expect(stage.others.last(next)).toMatchObject({ state: 'suppressed', reason: 'OPTED_OUT' });
    }
  });

  it('because the sender is not in order stops the sender; what it refused goes when a person has put it right', async () => {
    const stage = await setStage();
    stage.world.changeTwilio({ outcome: 'refused-21606' });
    const first = await stage.others.ask(await stage.others.newPerson({ mobile }));
    await stage.idle();
    const second = await stage.others.ask(await stage.others.newPerson());
    await stage.idle();
    expect(await stage.rows(first)).toMatchObject([{ state: 'held', reason: 'SENDER_NOT_READY' }]);
    expect(await stage.rows(second)).toMatchObject([{ state: 'held', reason: 'SENDER_NOT_READY' }]);
    expect(stage.world.twilioCreates()).toHaveLength(1);
    const [off] = await stage.ops<{ scope: string; name: string; by: string }[]>('messages.stopped');
    expect(off).toMatchObject({ scope: 'sender', by: 'itself', note: 'error 21606' });
    stage.world.changeTwilio({ outcome: 'delivered' });
    await stage.ops('messages.resume', { scope: 'sender', name: off?.name ?? '', by: 'Dr. Quimby' });
    await stage.playTo('2018-10-02T15:10:00Z');
    expect(stage.others.last(first)).toMatchObject({ state: 'delivered' });
    expect(stage.others.last(second)).toMatchObject({ state: 'delivered' });
    expect(stage.received(mobile)).toHaveLength(1);
  });

  it('with others like it switches its sender off by a rule', async () => {
    const stage = await setStage({ env: { TRIP_FAILED_AT_LEAST: '5' } });
    stage.world.changeTwilio({ filtered: ['toothbrush'] });
    for (let n = 0; n < 14; n += 1) await stage.others.ask(await stage.others.newPerson());
    await stage.playTo('2018-10-02T15:30:00Z');
    expect(await stage.ops('messages.stopped')).toMatchObject([
      { scope: 'sender', by: 'itself', reason: 'KILL_SWITCH' },
    ]);
  });

  it('is told again when a receipt comes after all, and the retry is dropped', async () => {
    const stage = await setStage();
    stage.world.changeTwilio({ phones: { [mobile]: { outcome: 'undelivered-30003' } } });
    const request = await stage.others.ask(await stage.others.newPerson({ mobile }));
    await stage.playTo('2018-10-02T16:00:00Z');
    const [first] = await stage.rows(request);
    const news = { sid: first?.sid ?? '', status: 'delivered', errorCode: null, segments: 1, price: '-0.0079' };
    const full = { ...news, createdAt: null, updatedAt: null, dedup: null, raw: {}, source: 'callback' as const };
    const take = () =>
      stage.room.context.dataSource.transaction((em) => takeNews(em, stage.room, first?.id ?? '', full));
    expect(await take()).toBe('taken');
    expect(await take()).toBe('known');
    await stage.playTo('2018-10-03T16:00:00Z');
    expect((await stage.rows(request)).map(({ state }) => state)).toEqual(['delivered', 'suppressed']);
    expect(stage.others.last(request)).toMatchObject({ state: 'delivered' });
    expect(stage.world.twilioCreates()).toHaveLength(1);
  });

  it('never, but never arrives either, ends as without receipt after 72 hours, and is not sent again', async () => {
    const stage = await setStage();
    stage.world.changeTwilio({ phones: { [mobile]: { outcome: 'sent' } } });
    const request = await stage.others.ask(await stage.others.newPerson({ mobile }));
    await stage.playTo('2018-10-05T14:30:00Z');
    expect(await stage.rows(request)).toMatchObject([{ state: 'sent' }]);
    await stage.playTo('2018-10-05T15:10:00Z');
    expect(stage.others.last(request)).toMatchObject({ state: 'no-receipt', reason: 'NO_RECEIPT' });
    expect(stage.world.twilioCreates()).toHaveLength(1);
    // Six checks, not a poll for ever.
    expect(await stage.sql('SELECT checks, check_at FROM message')).toEqual([{ checks: 6, check_at: null }]);
  });
});
