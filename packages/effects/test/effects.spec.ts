import { setTimeout as sleep } from 'node:timers/promises';
import { Cleanup, eventually } from '@studybridge/testing';
import { DataSource } from 'typeorm';
import { type Body, failure, noteSettled, Partner, startTestService } from './effects-harness';

const cleanup = new Cleanup();
afterEach(() => cleanup.run());

async function service(
  partner: Partner,
  o: Parameters<Partner['executor']>[0] = {},
  options: Parameters<typeof startTestService>[0]['options'] = {},
) {
  const url = await cleanup.database('effects');
  return cleanup.add(await startTestService({ url, executors: { enrol: partner.executor(o) }, options }));
}

describe('an effect', () => {
  it('is called once for its key, for ever, its body kept sealed, its outcome settled in one transaction', async () => {
    const partner = new Partner();
    const s = await service(partner);
    expect(await s.plan({ key: 'enrol/p1' })).toBe('planned');
    await eventually(async () => (await s.settled()).length === 1);
    expect(await s.plan({ key: 'enrol/p1' })).toBe('known');
    await eventually(async () => (await s.idle()).idle);
    expect(partner.calls.map((call) => call.body)).toEqual([{ phone: '+1 617 555 0123' }]);
    expect(partner.lookUps).toEqual([]);
    expect(await s.settled()).toEqual([{ key: 'enrol/p1', state: 'done', detail: 'm1' }]);
    const row = await s.row('enrol/p1');
    expect(row).toMatchObject({ state: 'done', attempts: 1, owner: null, unknown: false });
    expect(JSON.stringify(row)).not.toMatch(/555|m1/);
  });

  it('is not called when its transaction was rolled back', async () => {
    const partner = new Partner();
    const s = await service(partner);
    const planned = s.context.dataSource.transaction(async (em) => {
      await s.effects.plan(em, {
        key: 'enrol/p1',
        kind: 'enrol',
        participantId: 'p1',
        binding: 'ismile.test',
        study: 'ismile',
        cause: 'live',
        correlationId: 'c',
        body: {},
      });
      throw new Error('no');
    });
    await expect(planned).rejects.toThrow('no');
    await s.plan({ key: 'enrol/p2' });
    await eventually(async () => (await s.settled()).length === 1);
    expect(partner.calls.map((call) => call.key)).toEqual(['enrol/p2']);
  });

  it('is looked up and goes on when not even putting it back succeeded', async () => {
    const partner = new Partner();
    partner.afterCall = (_effect, nth) =>
      nth === 1 ? Promise.reject(failure('dependency', 'TIMEOUT')) : Promise.resolve();
    const s = await service(partner);
    const { dataSource } = s.context;
    const query = dataSource.query.bind(dataSource);
    let refused = 0;
    jest.spyOn(dataSource, 'query').mockImplementation((sql: string, ...rest) => {
      if (!sql.startsWith('UPDATE effect SET owner = NULL') || refused >= 2) return query(sql, ...rest);
      refused += 1;
      return Promise.reject(new Error('timeout exceeded when trying to connect'));
    });
    await s.plan({ key: 'enrol/p1' });
    await eventually(async () => (await s.idle()).idle && refused === 2);
    expect(partner.lookUps).toEqual(['enrol/p1']);
    expect(partner.calls).toHaveLength(1);
    expect(await s.settled()).toMatchObject([{ key: 'enrol/p1', state: 'done' }]);
  });

  it('is looked up before it is called again, and adopted when the partner has it after all', async () => {
    const partner = new Partner();
    partner.afterCall = (_effect, nth) =>
      nth === 1 ? Promise.reject(failure('dependency', 'TIMEOUT')) : Promise.resolve();
    const s = await service(partner);
    await s.plan({ key: 'enrol/p1' });
    await eventually(async () => (await s.settled()).length === 1);
    expect(partner.calls).toHaveLength(1);
    expect(partner.lookUps).toEqual(['enrol/p1']);
    expect(await s.settled()).toEqual([{ key: 'enrol/p1', state: 'done', detail: 'm1' }]);
  });

  it('is called again when an authoritative look-up does not find it', async () => {
    const partner = new Partner();
    partner.onCall = (_effect, nth) =>
      nth <= 2 ? Promise.reject(failure('dependency', 'TIMEOUT')) : Promise.resolve();
    const s = await service(partner);
    await s.plan({ key: 'enrol/p1' });
    await eventually(async () => (await s.settled()).length === 1);
    expect(partner.calls.map((call) => call.attempts)).toEqual([0, 1, 2]);
    expect(partner.lookUps).toHaveLength(2);
  });

  it('is left to a person when only a positive look-up proves anything; a person settles it either way', async () => {
    const partner = new Partner();
    partner.onCall = (_effect, nth) =>
      nth === 1 ? Promise.reject(failure('dependency', 'TIMEOUT')) : Promise.resolve();
    const s = await service(partner, { proof: 'positive-only' });
    for (const name of ['a', 'b', 'c']) await s.plan({ key: `enrol/${name}` });
    await eventually(async () => (await s.settled()).length === 3);
    await eventually(async () => (await s.idle()).idle, { what: 'idle with effects in doubt' });
    expect((await s.settled()).map((row) => row.state)).toEqual(['in-doubt', 'in-doubt', 'in-doubt']);
    expect((await s.context.ops.status())['attention']).toEqual({ EFFECT_IN_DOUBT: 3 });
    expect(await s.context.ops.dispatch('effects.list', {})).toHaveLength(3);
    await s.context.ops.dispatch('effects.settle', { key: 'enrol/a', as: 'done', outcome: { id: 'seen' } });
    await s.context.ops.dispatch('effects.settle', { key: 'enrol/b', as: 'abandoned' });
    await s.context.ops.dispatch('effects.settle', { key: 'enrol/c', as: 'again' });
    await eventually(async () => (await s.settled()).length === 6);
    expect((await s.settled()).slice(3)).toEqual([
      { key: 'enrol/a', state: 'done', detail: 'seen' },
      { key: 'enrol/b', state: 'refused', detail: 'EFFECT_ABANDONED' },
      { key: 'enrol/c', state: 'done', detail: 'm1' },
    ]);
    expect(partner.calls.filter((call) => call.key === 'enrol/c')).toHaveLength(2);
    await expect(s.context.ops.dispatch('effects.settle', { key: 'enrol/a', as: 'again' })).rejects.toMatchObject({
      code: 'NOT_IN_DOUBT',
    });
    expect((await s.context.ops.status())['attention']).toEqual({});
  });

  it('that surely never left is no doubt, even with a partner that proves little', async () => {
    const partner = new Partner();
    const refused = Object.assign(new Error('connect'), { code: 'ECONNREFUSED' });
    partner.onCall = (_effect, nth) =>
      nth === 1 ? Promise.reject(Object.assign(failure('dependency', 'AWAY'), { cause: refused })) : Promise.resolve();
    const s = await service(partner, { proof: 'positive-only' });
    await s.plan({ key: 'enrol/p1' });
    await eventually(async () => (await s.settled()).length === 1);
    expect(await s.settled()).toMatchObject([{ state: 'done' }]);
    expect(partner.lookUps).toEqual([]);
  });

  it('is looked up first where that is asked for, and adopted without a call', async () => {
    const partner = new Partner();
    partner.members.set('enrol/there', 'm-old');
    const s = await service(partner, { lookUpFirst: true, proof: 'positive-only' });
    await s.plan({ key: 'enrol/there' });
    await s.plan({ key: 'enrol/new' });
    await eventually(async () => (await s.settled()).length === 2);
    expect(partner.calls.map((call) => call.key)).toEqual(['enrol/new']);
    expect(await s.settled()).toContainEqual({ key: 'enrol/there', state: 'done', detail: 'm-old' });
  });

  it('is not called after its time, which is the study’s', async () => {
    const partner = new Partner();
    const s = await service(partner);
    await s.plan({ key: 'enrol/late', expiresAt: new Date('2018-09-04T16:59:59Z') });
    await s.plan({ key: 'enrol/early', expiresAt: new Date('2018-09-04T17:00:01Z') });
    await eventually(async () => (await s.settled()).length === 2);
    expect(partner.calls.map((call) => call.key)).toEqual(['enrol/early']);
    expect(await s.settled()).toContainEqual({ key: 'enrol/late', state: 'expired', detail: null });
  });

  it('can be taken back until it was attempted', async () => {
    const partner = new Partner();
    let let1Go = (): void => undefined;
    partner.onCall = (effect) =>
      effect.key === 'enrol/1/p' ? new Promise((resolve) => (let1Go = resolve)) : Promise.resolve();
    const s = await service(partner);
    for (const n of [1, 2, 3]) await s.plan({ key: `enrol/${n}/p` });
    await eventually(() => partner.calls.length === 1);
    const cancelled = await s.context.dataSource.transaction((em) => s.effects.cancel(em, 'p'));
    expect(cancelled).toBe(2);
    let1Go();
    await eventually(async () => (await s.idle()).idle);
    expect((await s.settled()).map((row) => row.key)).toEqual(['enrol/1/p']);
    expect(await s.plan({ key: 'enrol/2/p' })).toBe('known');
  });

  it('keeps the partner’s answer when the service cannot take it in, and does not call again for it', async () => {
    const partner = new Partner();
    let failures = 2;
    const s = await service(partner, {
      proof: 'positive-only',
      settle: async (em, effect, result) => {
        await noteSettled(em, effect, result);
        if (failures-- > 0) throw new TypeError('oops');
      },
    });
    await s.plan({ key: 'enrol/p1' });
    await eventually(async () => (await s.settled()).length === 1);
    expect(await s.settled()).toEqual([{ key: 'enrol/p1', state: 'done', detail: 'm1' }]);
    expect(partner.calls).toHaveLength(1);
    expect(partner.lookUps).toEqual([]);
  });

  it('that meets a bug of ours is tried a few times, then refused and parked', async () => {
    const partner = new Partner();
    partner.onLookUp = () => Promise.reject(new TypeError('oops'));
    const s = await service(partner, { lookUpFirst: true }, { baseDelayMs: 1 });
    await s.plan({ key: 'enrol/p1' });
    await eventually(async () => (await s.settled()).length === 1);
    expect(partner.lookUps).toHaveLength(5);
    expect(await s.settled()).toEqual([{ key: 'enrol/p1', state: 'refused', detail: 'EFFECT_FAILED' }]);
    expect((await s.context.ops.status())['attention']).toEqual({ EFFECT_FAILED: 1 });
  });
});

describe('a participant', () => {
  it('has one effect in hand at a time, oldest first, while others go on', async () => {
    const partner = new Partner();
    partner.onCall = () => sleep(5);
    const s = await service(partner);
    const people = ['a', 'b', 'c', 'd', 'e', 'f'];
    for (let n = 1; n <= 6; n += 1) for (const person of people) await s.plan({ key: `enrol/${n}/${person}` });
    await eventually(async () => (await s.settled()).length === 36);
    expect(partner.overlapped).toBe(false);
    for (const person of people) {
      const calls = partner.calls.map((call) => call.key).filter((key) => key.endsWith(person));
      expect(calls).toEqual([1, 2, 3, 4, 5, 6].map((n) => `enrol/${n}/${person}`));
    }
  });

  it('is parked by a refusal; what stops contact goes through; a release lets the rest go on', async () => {
    const partner = new Partner();
    partner.onCall = (effect) =>
      effect.key === 'enrol/1/p' ? Promise.reject(failure('participant', 'REFUSED_FIELDS')) : Promise.resolve();
    const s = await service(partner);
    for (const n of [1, 2]) await s.plan({ key: `enrol/${n}/p` });
    await s.plan({ key: 'enrol/1/q' });
    await eventually(async () => (await s.idle()).idle);
    expect((await s.settled()).map((row) => row.key).sort()).toEqual(['enrol/1/p', 'enrol/1/q']);
    expect(await s.context.ops.dispatch('effects.parked', {})).toMatchObject([
      { participantId: 'p', code: 'REFUSED_FIELDS', effect: 'enrol/1/p', waiting: 1 },
    ]);
    await s.plan({ key: 'stop/p', stops: true });
    await eventually(async () => (await s.settled()).some((row) => row.key === 'stop/p'));
    expect((await s.row('enrol/2/p'))['state']).toBe('planned');
    await s.context.ops.dispatch('effects.release', { participantId: 'p' });
    await eventually(async () => (await s.settled()).length === 4);
    expect(partner.calls.filter((call) => call.key === 'enrol/1/p')).toHaveLength(1);
  });
});

describe('a partner that is away', () => {
  it('pauses for its binding alone, counts as work, heals by itself, and parks nobody', async () => {
    const partner = new Partner();
    let away = true;
    partner.onCall = (effect) =>
      away && effect.binding === 'ismile.test' ? Promise.reject(failure('setting', 'FORBIDDEN')) : Promise.resolve();
    const s = await service(partner, {}, { baseDelayMs: 300, maxDelayMs: 300, concurrency: 1 });
    for (const name of ['a', 'b', 'c']) await s.plan({ key: `enrol/${name}` });
    await eventually(() => partner.calls.length === 1);
    await s.plan({ key: 'enrol/elsewhere', binding: 'ismile.pilot' });
    await eventually(async () => (await s.settled()).length === 1);
    const idle = await s.idle();
    expect(idle.idle).toBe(false);
    expect(idle.work['effects']).toBe(3);
    expect(idle.problems.join()).toMatch(/partner for ismile.test is paused until .* \(FORBIDDEN\)/);
    await eventually(() => partner.calls.length + partner.lookUps.length >= 4, { what: 'a second and a third trial' });
    // One effect tries; the others were never called.
    expect(new Set(partner.calls.filter((call) => call.key !== 'enrol/elsewhere').map((call) => call.key)).size).toBe(
      1,
    );
    away = false;
    await eventually(async () => (await s.settled()).length === 4);
    expect(await s.context.ops.dispatch('effects.parked', {})).toEqual([]);
    expect((await s.idle()).problems).toEqual([]);
  });

  it('is left alone as long as it asked for', async () => {
    const partner = new Partner();
    partner.onCall = (_effect, nth) =>
      nth === 1 ? Promise.reject(failure('dependency', 'TOO_MANY', 1)) : Promise.resolve();
    const s = await service(partner, {}, { baseDelayMs: 5, maxDelayMs: 20 });
    await s.plan({ key: 'enrol/a' });
    await eventually(async () => (await s.settled()).length === 1);
    const [first, second] = partner.calls;
    expect((second?.at ?? 0) - (first?.at ?? 0)).toBeGreaterThanOrEqual(990);
  });

  it('is asked all the same for what stops contact, and that opens the gate', async () => {
    const partner = new Partner();
    let away = true;
    partner.onCall = () => (away ? Promise.reject(failure('dependency', 'AWAY')) : Promise.resolve());
    const s = await service(partner, {}, { baseDelayMs: 60_000, maxDelayMs: 60_000 });
    await s.plan({ key: 'enrol/a' });
    await eventually(() => partner.calls.length === 1);
    await eventually(async () => (await s.row('enrol/a'))['owner'] === null);
    away = false;
    await s.plan({ key: 'stop/b', stops: true });
    await eventually(async () => (await s.settled()).length === 2);
    expect((await s.settled()).map((row) => row.key)).toEqual(['stop/b', 'enrol/a']);
  });

  it('sends nothing when it was frozen between its claim and the request, and is then taken in hand again', async () => {
    const partner = new Partner();
    const said: string[] = [];
    partner.onCall = (_effect, nth, hand) => {
      if (nth === 1) stand(5_000);
      try {
        hand.assertMayCall();
        said.push('sent');
      } catch (error) {
        said.push('kept back');
        throw error;
      }
      return Promise.resolve();
    };
    const s = await service(partner);
    await s.plan({ key: 'enrol/a' });
    await eventually(async () => (await s.settled()).length === 1, { timeoutMs: 20_000 });
    expect(said).toEqual(['kept back', 'sent']);
    expect(partner.lookUps).toEqual([]);
    expect(partner.calls.map(({ attempts }) => attempts)).toEqual([0, 0]);
  }, 30_000);

  it('is not called when it expires between its claim and the request', async () => {
    const partner = new Partner();
    let sent = 0;
    partner.onCall = (_effect, _nth, hand) => {
      s.clock.set(new Date('2018-09-04T18:00:00Z'));
      hand.assertMayCall();
      sent += 1;
      return Promise.resolve();
    };
    const s = await service(partner);
    await s.plan({ key: 'enrol/a', expiresAt: new Date('2018-09-04T17:30:00Z') });
    await eventually(async () => (await s.settled()).length === 1);
    expect(await s.settled()).toEqual([{ key: 'enrol/a', state: 'expired', detail: null }]);
    expect(sent).toBe(0);
  });

  it('is given up when it does not answer in time, and looked up later', async () => {
    const partner = new Partner();
    let aborted = false;
    partner.onCall = (effect, nth, hand) => {
      if (nth > 1) return Promise.resolve();
      partner.members.set(effect.key, 'm-slow');
      return new Promise((_, reject) => {
        hand.signal.addEventListener('abort', () => {
          aborted = true;
          reject(failure('dependency', 'ABORTED'));
        });
      });
    };
    const s = await service(partner, {}, { callTimeoutMs: 50 });
    await s.plan({ key: 'enrol/a' });
    await eventually(async () => (await s.settled()).length === 1);
    expect(aborted).toBe(true);
    expect(partner.calls).toHaveLength(1);
    expect(await s.settled()).toEqual([{ key: 'enrol/a', state: 'done', detail: 'm-slow' }]);
  });
});

describe('after the database was put back to an earlier copy', () => {
  it('nothing is called while the service may not act; then what was open is taken back, or looked up and left to a person', async () => {
    const sure = new Partner();
    const unsure = new Partner();
    let answer: boolean | Error = false;
    const service = cleanup.add(
      await startTestService({
        url: await cleanup.database('restored'),
        executors: { enrol: sure.executor(), text: unsure.executor({ proof: 'positive-only' }) },
        options: {
          mayAct: () => (answer instanceof Error ? Promise.reject(answer) : Promise.resolve(answer)),
        },
      }),
    );
    await service.plan({ key: 'enrol/a' });
    await service.plan({ key: 'stop/b', stops: true });
    await service.plan({ key: 'text/c', kind: 'text' });
    await service.plan({ key: 'text/d', kind: 'text' });
    unsure.members.set('text/d', 'sent before');
    answer = failure('dependency', 'DATABASE_UNCHECKED');
    service.effects.wake();
    await eventually(async () => (await service.idle()).problems.length > 0);
    answer = false;
    service.effects.wake();
    await eventually(async () => (await service.idle()).problems.length === 0);
    expect((await service.idle()).work['effects']).toBe(4);
    expect([...sure.calls, ...unsure.calls]).toEqual([]);

    expect(await service.context.dataSource.transaction((em) => service.effects.distrust(em))).toBe(4);
    answer = true;
    service.effects.wake();
    await eventually(async () => (await service.idle()).idle);
    expect([...sure.calls, ...unsure.calls]).toEqual([]);
    expect(await service.row('enrol/a')).toMatchObject({ state: 'cancelled' });
    expect(await service.row('text/c')).toMatchObject({ state: 'in-doubt' });
    expect(await service.row('text/d')).toMatchObject({ state: 'done' });
    // What is decided afterwards goes out as ever.
    await service.plan({ key: 'enrol/a:2', participantId: 'a' });
    await eventually(() => sure.calls.length === 1);
  });
});

describe('several replicas', () => {
  it('carry each effect out once, one per participant at a time', async () => {
    const partner = new Partner();
    partner.onCall = () => sleep(3);
    const url = await cleanup.database('effects');
    const o = { url, name: 'effects-replicas', executors: { enrol: partner.executor() } };
    const one = cleanup.add(await startTestService(o));
    cleanup.add(await startTestService(o));
    const keys: string[] = [];
    for (let n = 1; n <= 8; n += 1) for (const person of 'abcdefgh') keys.push(`enrol/${n}/${person}`);
    for (const key of keys) await one.plan({ key });
    await eventually(async () => (await one.settled()).length >= keys.length);
    expect((await one.settled()).map((row) => row.key).sort()).toEqual([...keys].sort());
    expect(partner.calls).toHaveLength(keys.length);
    expect(partner.overlapped).toBe(false);
  });

  it('take over what a frozen one had in hand; its late outcome is not noted', async () => {
    const partner = new Partner();
    const url = await cleanup.database('effects');
    const o = { url, name: 'effects-frozen', executors: { enrol: partner.executor() } };
    const frozen = cleanup.add(await startTestService(o));
    let thaw = (): void => undefined;
    partner.afterCall = (_effect, nth) => (nth === 1 ? new Promise((resolve) => (thaw = resolve)) : Promise.resolve());
    await frozen.plan({ key: 'enrol/p' });
    await eventually(() => partner.calls.length === 1);
    const other = cleanup.add(await startTestService(o));
    // As if the first had been frozen for longer than its term: somebody else holds its lease.
    await other.context.dataSource.query(
      `UPDATE lease SET epoch = epoch + 1, holder = NULL WHERE name = (SELECT owner FROM effect WHERE key = 'enrol/p')`,
    );
    await eventually(async () => (await other.settled()).length === 1);
    expect(partner.lookUps).toEqual(['enrol/p']);
    partner.afterCall = () => Promise.resolve();
    thaw();
    await frozen.plan({ key: 'enrol/q' });
    await eventually(async () => (await other.settled()).length === 2);
    expect(await other.settled()).toEqual([
      { key: 'enrol/p', state: 'done', detail: 'm1' },
      { key: 'enrol/q', state: 'done', detail: 'm2' },
    ]);
    expect(partner.calls).toHaveLength(2);
  });
});

describe('the proofs bite', () => {
  const twice = async (faults: { lookUpOff?: boolean }): Promise<number> => {
    const partner = new Partner();
    partner.afterCall = (_effect: unknown, nth) =>
      nth === 1 ? Promise.reject(failure('dependency', 'TIMEOUT')) : Promise.resolve();
    const s = await service(partner, {}, { faults });
    await s.plan({ key: 'enrol/p1' });
    await eventually(async () => (await s.settled()).length === 1);
    return partner.calls.length;
  };

  it('without the look-up a call is made twice', async () => {
    expect(await twice({ lookUpOff: true })).toBe(2);
    expect(await twice({})).toBe(1);
  });

  it('without the epoch check a late outcome is noted beside that of the process which took over', async () => {
    for (const epochCheckOff of [true, false]) {
      const partner = new Partner();
      let thaw = (): void => undefined;
      partner.afterCall = () => new Promise((resolve) => (thaw = resolve));
      const s = await service(partner, {}, { faults: { epochCheckOff } });
      await s.plan({ key: 'enrol/p' });
      await eventually(() => partner.members.size === 1);
      // As another process does that holds the lease now.
      await s.context.dataSource.query(`UPDATE effect SET owner = NULL WHERE key = 'enrol/p'`);
      s.effects.wake();
      await eventually(async () => (await s.settled()).length === 1);
      thaw();
      await s.plan({ key: 'enrol/q' });
      partner.afterCall = () => Promise.resolve();
      await eventually(() => partner.members.size === 2);
      thaw();
      await eventually(async () => (await s.settled()).some((row) => row.key === 'enrol/q'));
      expect((await s.settled()).filter((row) => row.key === 'enrol/p')).toHaveLength(epochCheckOff ? 2 : 1);
    }
  });
});

// Bodies are typed: an executor of another body does not fit.
void ((body: Body) => body.phone);

it('carries everything out once although all connections to the database are cut again and again', async () => {
  const partner = new Partner();
  partner.onCall = () => sleep(10);
  const url = await cleanup.database('effects');
  const s = cleanup.add(await startTestService({ url, executors: { enrol: partner.executor() } }));
  const admin = await new DataSource({ type: 'postgres', url }).initialize();
  cleanup.add({ stop: () => admin.destroy() });
  const keys = Array.from({ length: 30 }, (_, index) => `enrol/p${index}`);
  for (const key of keys) await s.plan({ key });
  for (const many of [5, 12, 20]) {
    await eventually(() => partner.calls.length >= many);
    await admin.query(
      'SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()',
    );
  }
  const settled = (): Promise<{ key: string }[]> => admin.query('SELECT key FROM settled');
  await eventually(async () => (await settled()).length >= keys.length, { timeoutMs: 40_000 });
  await eventually(async () => (await s.idle()).idle);
  expect((await settled()).map((row) => row.key).sort()).toEqual([...keys].sort());
  expect(partner.calls.map((call) => call.key).sort()).toEqual([...keys].sort());
}, 90_000);

/** The whole process stands still, as a frozen one does. */
function stand(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}
