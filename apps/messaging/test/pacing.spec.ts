import { eventually } from '@studybridge/testing';
import { clearStage, setStage } from './harness';

afterEach(clearStage);

/** The most that came within any span of that length. */
function busiest(instants: readonly number[], spanMs: number): number {
  let from = 0;
  return instants.reduce((most, at, index) => {
    while ((instants[from] ?? at) <= at - spanMs) from += 1;
    return Math.max(most, index - from + 1);
  }, 0);
}

describe('the pace of a sender', () => {
  it('is never exceeded by three replicas in any ten seconds, and no more than a busy machine takes is left unused', async () => {
    const rate = 8;
    const sender = { number: '55512', kind: 'short', binding: 'ismile.test', segmentsPerSecond: rate };
    const stage = await setStage({ senders: [sender], replicas: 3, env: { MESSAGES_IN_HAND: '12' } });
    const people = [];
    for (let n = 0; n < 180; n += 1) people.push(await stage.others.newPerson());
    await stage.ops('messages.stop', { scope: 'global', by: 'the test' });
    for (const id of people) await stage.others.ask(id);
    await stage.idle();
    await stage.ops('messages.resume', { scope: 'global', by: 'the test' });
    await eventually(() => stage.world.twilioCreates().length === 180, { timeoutMs: 60_000, what: '180 texts' });
    const instants = stage.world.twilioCreates().map(({ realAt }) => realAt);
    // Three services and the world share this process; how much of the rate is used on free machines is measured by the referee.
    const steady = instants.slice(8);
    const seconds = ((steady.at(-1) ?? 0) - (steady[0] ?? 0)) / 1_000;
    expect(busiest(instants, 10_000)).toBeLessThanOrEqual(rate * 10);
    expect((steady.length - 1) / seconds).toBeGreaterThanOrEqual(rate * 0.75);
    await stage.idle();
  });

  it('counts segments as well as messages', async () => {
    const sender = {
      number: '55512',
      kind: 'short',
      binding: 'ismile.test',
      segmentsPerSecond: 10,
      messageEveryMs: 150,
    };
    const stage = await setStage({ senders: [sender] });
    const people = [];
    for (let n = 0; n < 12; n += 1) people.push(await stage.others.newPerson({ lang: n < 6 ? '1' : '2' }));
    for (const id of people) await stage.others.ask(id);
    await eventually(() => stage.world.twilioCreates().length === 12);
    await stage.idle();
    // One segment: by the message, 150 ms; two: by the segments, 200 ms.
    expect(await stage.sql('SELECT cost_ms, count(*)::int AS n FROM turn GROUP BY cost_ms ORDER BY cost_ms')).toEqual([
      { cost_ms: 150, n: 6 },
      { cost_ms: 200, n: 6 },
    ]);
    expect(await stage.sql('SELECT 1 FROM turn WHERE answered_at IS NULL')).toEqual([]);
  });

  it('hands over with a validity that ends with the window', async () => {
    const stage = await setStage({ startAt: '2018-10-02T23:50:00Z' });
    await stage.others.ask(await stage.others.newPerson(), { purpose: 'now' });
    await stage.idle();
    const [message] = stage.world.twilioMessages();
    expect(message).toMatchObject({ validityMs: 570_000 });
  });
});
