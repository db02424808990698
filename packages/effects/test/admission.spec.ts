import { Cleanup, eventually } from '@studybridge/testing';
import type { Executor } from '../src';
import { notMade, WithdrawnError } from '../src';
import { type Body, failure, Partner, startTestService } from './effects-harness';

const cleanup = new Cleanup();
afterEach(() => cleanup.run());

async function service(executor: Executor<Body>, more: Record<string, Executor<Body>> = {}) {
  const url = await cleanup.database('admission');
  return cleanup.add(await startTestService({ url, executors: { enrol: executor, ...more } }));
}

describe('an effect that shares a pace', () => {
  it('is called when its executor admits it, by what that keeps in the transaction of the claim; others wait for none', async () => {
    const partner = new Partner();
    const everyMs = 60;
    const executor: Executor<Body> = {
      ...partner.executor(),
      async admit(em, effects) {
        const [row]: { free: number; now: number }[] = await em.query(
          `SELECT (extract(epoch FROM at) * 1000)::float8 AS free, (extract(epoch FROM clock_timestamp()) * 1000)::float8 AS now
             FROM free_at FOR UPDATE`,
        );
        const now = row?.now ?? 0;
        let at = Math.max(now, row?.free ?? 0);
        const answers = effects.map(() => {
          if (at - now > 100) return { notBeforeMs: at - now - 50 };
          const startMs = at - now;
          at += everyMs;
          return { startMs };
        });
        await em.query('UPDATE free_at SET at = to_timestamp($1::float8 / 1000)', [at]);
        return answers;
      },
    };
    const other = new Partner();
    const url = await cleanup.database('admission');
    const name = 'effects-paced';
    const start = () => startTestService({ url, name, executors: { enrol: executor, other: other.executor() } });
    const s = cleanup.add(await start());
    await s.context.dataSource.query(`CREATE TABLE free_at (at timestamptz); INSERT INTO free_at VALUES ('-infinity')`);
    await s.context.dataSource.query('UPDATE free_at SET at = clock_timestamp()');
    cleanup.add(await start());
    const keys = Array.from({ length: 12 }, (_, n) => `enrol/p${n}`);
    for (const key of keys) await s.plan({ key, pace: 'sender' });
    await s.plan({ key: 'other/q', kind: 'other' });
    await eventually(() => other.calls.length === 1);
    expect(partner.calls.length).toBeLessThan(12);
    await eventually(async () => (await s.settled()).length === 13);
    expect(partner.calls.map(({ key }) => key).sort()).toEqual([...keys].sort());
    const instants = partner.calls.map(({ at }) => at).sort((a, b) => a - b);
    // Never before its moment; how much after is the machine's affair.
    for (const [n, at] of instants.entries()) expect(at - (instants[0] ?? 0)).toBeGreaterThanOrEqual(n * everyMs - 40);
  });

  it('that has none and is put off waits alone', async () => {
    const partner = new Partner();
    let asked = 0;
    const s = await service({
      ...partner.executor(),
      admit: (_em, effects) => {
        asked += 1;
        return Promise.resolve(
          effects.map(({ key }) => (key.endsWith('later') && asked < 3 ? { notBeforeMs: 50 } : { startMs: 0 })),
        );
      },
    });
    await s.plan({ key: 'enrol/later' });
    await s.plan({ key: 'enrol/now' });
    await eventually(async () => (await s.settled()).length === 2);
    expect(new Set(partner.calls.map(({ key }) => key))).toEqual(new Set(['enrol/now', 'enrol/later']));
  });
});

describe('a call', () => {
  it('that the last look takes back ends as withdrawn, holds nobody up and leaves no doubt', async () => {
    const partner = new Partner();
    partner.onCall = (_effect, nth) => (nth === 1 ? Promise.reject(new WithdrawnError()) : Promise.resolve());
    const s = await service(partner.executor({ proof: 'positive-only' }));
    await s.plan({ key: 'enrol/p1' });
    await s.plan({ key: 'enrol/again/p1', participantId: 'p1' });
    await eventually(async () => (await s.settled()).length === 2);
    expect(await s.settled()).toMatchObject([{ state: 'withdrawn' }, { state: 'withdrawn' }]);
    expect(await s.row('enrol/p1')).toMatchObject({ state: 'cancelled', result: 'withdrawn', unknown: false });
    expect(partner.lookUps).toEqual([]);
    expect((await s.idle()).problems).toEqual([]);
  });

  it('of which the partner said that it did nothing is no doubt', async () => {
    const partner = new Partner();
    partner.onCall = (_effect, nth) =>
      nth === 1 ? Promise.reject(notMade(failure('dependency', 'BUSY', 0.02))) : Promise.resolve();
    const s = await service(partner.executor({ proof: 'positive-only' }));
    await s.plan({ key: 'enrol/p1' });
    await eventually(async () => (await s.settled()).length === 1);
    expect(await s.settled()).toMatchObject([{ state: 'done' }]);
    expect(partner.lookUps).toEqual([]);
  });

  it('that the executor’s own notes show not to have begun is made, though a look-up proves nothing', async () => {
    const partner = new Partner();
    const executor = partner.executor({ proof: 'positive-only' });
    let begun = true;
    partner.onCall = (_effect, nth) =>
      nth === 1 ? Promise.reject(failure('dependency', 'TIMEOUT')) : Promise.resolve();
    const s = await service({
      ...executor,
      lookUp: (effect) => {
        partner.lookUps.push(effect.key);
        return Promise.resolve({ found: false, notCalled: !begun });
      },
    });
    begun = false;
    await s.plan({ key: 'enrol/p1' });
    await eventually(async () => (await s.settled()).length === 1);
    expect(await s.settled()).toMatchObject([{ state: 'done' }]);
    begun = true;
    partner.calls.length = 0;
    await s.plan({ key: 'enrol/p2' });
    await eventually(async () => (await s.settled()).length === 2);
    expect((await s.settled())[1]).toMatchObject({ key: 'enrol/p2', state: 'in-doubt' });
  });

  it('in doubt may be found later, once, or closed; a service that tells of its doubts itself is not counted', async () => {
    const partner = new Partner();
    partner.onCall = () => Promise.reject(failure('dependency', 'TIMEOUT'));
    const s = await service({ ...partner.executor({ proof: 'positive-only' }), tellsDoubts: true });
    for (const name of ['a', 'b']) await s.plan({ key: `enrol/${name}` });
    await eventually(async () => (await s.settled()).length === 2);
    expect((await s.context.ops.status())['attention']).toEqual({});
    const found = () => s.context.dataSource.transaction((em) => s.effects.found(em, 'enrol/a', { id: 'm9' }));
    expect(await found()).toBe(true);
    expect(await found()).toBe(false);
    expect((await s.settled())[2]).toEqual({ key: 'enrol/a', state: 'done', detail: 'm9' });
    expect(await s.row('enrol/a')).toMatchObject({ state: 'done' });
    const close = () => s.context.dataSource.transaction((em) => s.effects.close(em, 'enrol/b'));
    expect(await close()).toBe(true);
    expect(await close()).toBe(false);
    expect(partner.calls).toHaveLength(2);
  });
});

describe('a partner whose single failures are everyday', () => {
  it('is paused by several in a row, at once when it says how long to wait', async () => {
    const partner = new Partner();
    partner.onCall = (effect) =>
      effect.key === 'enrol/busy'
        ? Promise.reject(notMade(failure('dependency', 'BUSY', 60)))
        : Promise.reject(failure('dependency', 'TIMEOUT'));
    const s = await service({ ...partner.executor({ proof: 'positive-only' }), failuresToPause: 100 });
    for (let n = 0; n < 5; n += 1) await s.plan({ key: `enrol/p${n}` });
    await eventually(async () => (await s.settled()).length === 5);
    expect((await s.idle()).problems).toEqual([]);
    await s.plan({ key: 'enrol/busy' });
    await eventually(async () => (await s.idle()).problems.length === 1);
  });
});
