import { eventually } from '@studybridge/testing';
import { StudybridgeError } from '@studybridge/contracts';
import { LeaseLostError, ManualClock, type Binding } from '../src';
import type { JobEngine } from '../src/jobs/job-engine';
import { gate, jobFixture, quarterly, type JobFixture } from './job-fixture';

let f: JobFixture;
beforeEach(async () => {
  f = await jobFixture();
});
afterEach(() => f.close());

const at = (time: string): Date => new Date(`2018-10-01T${time}:00Z`);
const idle = (engine: JobEngine) =>
  eventually(async () => (await engine.tickAndLook()).work === 0, { what: 'no job to be due or running' });
const settle = async (engine: JobEngine, time: string): Promise<void> => {
  f.clock.set(at(time));
  await idle(engine);
};
const nextDue = async (engine: JobEngine): Promise<string[]> =>
  (await engine.tickAndLook()).nextDue.map(({ at }) => at.toISOString().slice(11, 16));

it('runs at its instants in study time, once each, and records every run', async () => {
  const engine = f.engine();
  const job = quarterly({ settings: { batch: 100 } });
  engine.define(job);
  await engine.start();
  expect(await nextDue(engine)).toEqual(['00:15']);
  await settle(engine, '00:14');
  expect(job.ran).toEqual([]);
  await settle(engine, '00:15');
  await settle(engine, '00:29');
  await settle(engine, '00:30');
  expect(job.ran).toEqual(['00:15', '00:30']);
  expect(await nextDue(engine)).toEqual(['00:45']);
  const [latest] = await engine.runs('poll');
  expect(latest).toMatchObject({
    kind: 'schedule',
    state: 'done',
    dueAt: at('00:30'),
    startedAt: at('00:30'),
    counts: { seen: 1 },
    outcome: 'Done: seen 1.',
    codeVersion: '1.2.3',
    epoch: 2,
    settings: { batch: 100, catchUp: 'one', schedules: job.schedules },
  });
  expect((await engine.list())[0]).toMatchObject({ runs: 2, failed: 0, lastState: 'done', paused: false });
});

it('runs one instance of many, and counts the work of the others as not idle', async () => {
  const engines = [f.engine(), f.engine(), f.engine()];
  const job = quarterly();
  for (const engine of engines) engine.define(job);
  await Promise.all(engines.map((engine) => engine.start()));
  for (const time of ['00:15', '00:30', '00:45', '01:00']) {
    f.clock.set(at(time));
    await Promise.all(engines.map((engine) => engine.tick()));
    await Promise.all(engines.map(idle));
  }
  expect(job.ran).toEqual(['00:15', '00:30', '00:45', '01:00']);
  const epochs = (await engines[0]?.runs())?.map((run) => run.epoch) ?? [];
  expect(new Set(epochs).size).toBe(4);
});

describe('an instant that falls into a running run', () => {
  it.each([
    ['skip' as const, 1],
    ['queue-one' as const, 2],
  ])('%s', async (overlap, expected) => {
    const engine = f.engine();
    const { run, open, entered } = gate();
    engine.define(quarterly({ overlap, run }));
    await engine.start();
    f.clock.set(at('00:15'));
    await engine.tick();
    f.clock.set(at('00:45'));
    expect((await engine.tickAndLook()).work).toBe(overlap === 'skip' ? 1 : 2);
    open();
    await idle(engine);
    expect(entered()).toBe(expected);
    expect(await nextDue(engine)).toEqual(['01:00']);
  });
});

describe('instants that passed while nobody was there', () => {
  it.each([
    ['one' as const, ['03:07']],
    ['none' as const, []],
  ])('catch up: %s', async (catchUp, expected) => {
    const before = f.engine();
    before.define(quarterly({ catchUp }));
    await before.start();
    await before.stop();
    f.clock.set(at('03:07'));
    const job = quarterly({ catchUp });
    const engine = f.engine();
    engine.define(job);
    await engine.start();
    await idle(engine);
    expect(job.ran).toEqual(expected);
    expect(await nextDue(engine)).toEqual(['03:15']);
    if (catchUp === 'one') expect((await engine.runs())[0]?.kind).toBe('catch-up');
  });
});

describe('a run whose process died', () => {
  /** A replica that begins a run, and whose lease runs out as if the process were gone. */
  async function die(catchUp: 'one' | 'none'): Promise<{ lost: () => unknown }> {
    const engine = f.engine({ leaseTtlMs: 60_000 });
    const { run, open, entered } = gate();
    let lost: unknown;
    engine.define(
      quarterly({
        catchUp,
        run: async (jobRun) => {
          await run(jobRun);
          await f.source.transaction((em) => jobRun.lease.assert(em)).catch((error: unknown) => (lost = error));
          return { written: 1 };
        },
      }),
    );
    await engine.start();
    f.clock.set(at('00:15'));
    await engine.tick();
    await eventually(() => entered() === 1);
    await f.source.query("UPDATE lease SET real_expires_at = clock_timestamp() - interval '1 second'");
    return {
      lost: () => {
        open();
        return eventually(() => lost, { what: 'the dead run to notice' });
      },
    };
  }

  it('is marked abandoned and made up for, and its late end changes nothing', async () => {
    const { lost } = await die('one');
    const job = quarterly();
    const engine = f.engine();
    engine.define(job);
    await engine.start();
    await idle(engine);
    expect(job.ran).toEqual(['00:15']);
    const runs = (await engine.runs()).map(({ kind, state }) => `${kind} ${state}`);
    expect(runs.sort()).toEqual(['catch-up done', 'schedule abandoned']);
    expect(await lost()).toBeInstanceOf(LeaseLostError);
    await idle(engine);
    expect((await engine.runs()).map(({ counts }) => counts)).not.toContainEqual({ written: 1 });
  });

  it('is only marked where the job does not catch up', async () => {
    const { lost } = await die('none');
    const job = quarterly({ catchUp: 'none' });
    const engine = f.engine();
    engine.define(job);
    await engine.start();
    await idle(engine);
    expect(job.ran).toEqual([]);
    expect((await engine.runs()).map(({ state }) => state)).toEqual(['abandoned']);
    await lost();
  });

  it('counts as work for the others until it is noticed', async () => {
    const engine = f.engine({ leaseTtlMs: 60_000 });
    const { run, open, entered } = gate();
    engine.define(quarterly({ run }));
    await engine.start();
    f.clock.set(at('00:15'));
    await engine.tick();
    await eventually(() => entered() === 1);
    const other = f.engine();
    other.define(quarterly());
    await other.start();
    expect((await other.tickAndLook()).work).toBeGreaterThan(0);
    open();
    await idle(other);
  });
});

it('aborts a run whose lease was taken', async () => {
  const engine = f.engine({ leaseTtlMs: 200 });
  let reason: unknown;
  engine.define(
    quarterly({
      run: (run) =>
        new Promise((_, reject) => {
          run.signal.addEventListener('abort', () => {
            reason = run.signal.reason;
            reject(new Error('aborted'));
          });
        }),
    }),
  );
  await engine.start();
  f.clock.set(at('00:15'));
  await engine.tick();
  await f.source.query("UPDATE lease SET epoch = epoch + 1, holder = 'a thief'");
  await eventually(() => reason);
  expect(reason).toBeInstanceOf(LeaseLostError);
});

it('puts a run that is stopped back into the queue for the next process', async () => {
  const engine = f.engine({ leaseTtlMs: 60_000 });
  engine.define(
    quarterly({
      run: (run) => new Promise((_, reject) => run.signal.addEventListener('abort', () => reject(new Error('stop')))),
    }),
  );
  await engine.start();
  f.clock.set(at('00:15'));
  await engine.tick();
  await engine.stop();
  const job = quarterly();
  const next = f.engine();
  next.define(job);
  await next.start();
  await idle(next);
  expect(job.ran).toEqual(['00:15']);
});

describe('quiet jobs', () => {
  it('pass over their instants until the outside changes', async () => {
    const engine = f.engine();
    const job = quarterly({ quiet: 'redcap' });
    engine.define(job);
    f.clock.markOutsideChanged(at('00:05'));
    await engine.start();
    expect(await nextDue(engine)).toEqual(['00:15']);
    await settle(engine, '00:15');
    expect(job.ran).toEqual(['00:15']);
    expect(await nextDue(engine)).toEqual([]);
    await settle(engine, '05:00');
    expect(job.ran).toEqual(['00:15']);
    f.clock.set(at('05:07'));
    f.clock.markOutsideChanged();
    expect(await nextDue(engine)).toEqual(['05:15']);
    await settle(engine, '05:14');
    await settle(engine, '05:15');
    expect(job.ran).toEqual(['00:15', '05:15']);
  });

  it('look once more when the outside changed at the instant they began', async () => {
    const engine = f.engine();
    const job = quarterly({ quiet: 'redcap' });
    engine.define(job);
    f.clock.markOutsideChanged(at('00:05'));
    await engine.start();
    await settle(engine, '00:15');
    f.clock.markOutsideChanged(at('00:15'));
    expect(await nextDue(engine)).toEqual(['00:30']);
    await settle(engine, '00:30');
    expect(job.ran).toEqual(['00:15', '00:30']);
    expect(await nextDue(engine)).toEqual([]);
  });

  it('know which outside is theirs', async () => {
    const engine = f.engine();
    const job = quarterly({ quiet: 'texts' });
    engine.define(job);
    f.clock.markOutsideChanged(at('00:05'), 'texts');
    await engine.start();
    await settle(engine, '00:15');
    f.clock.markOutsideChanged(at('00:20'), 'redcap');
    expect(await nextDue(engine)).toEqual([]);
    f.clock.markOutsideChanged(at('00:20'), 'texts');
    expect(await nextDue(engine)).toEqual(['00:30']);
  });

  it('run at every instant under a clock that cannot know', async () => {
    const engine = f.engine();
    const job = quarterly({ quiet: 'redcap' });
    engine.define(job);
    await engine.start();
    await settle(engine, '00:15');
    await settle(engine, '00:30');
    expect(job.ran).toEqual(['00:15', '00:30']);
  });

  it('keep their change when the run failed', async () => {
    const engine = f.engine();
    let fail = true;
    const job = quarterly({
      quiet: 'redcap',
      run: () => (fail ? Promise.reject(new Error('no')) : Promise.resolve({})),
    });
    engine.define(job);
    f.clock.markOutsideChanged(at('00:05'));
    await engine.start();
    await settle(engine, '00:15');
    fail = false;
    expect(await nextDue(engine)).toEqual(['00:30']);
    await settle(engine, '00:30');
    expect(await nextDue(engine)).toEqual([]);
  });
});

describe('a run that fails', () => {
  const away = (): StudybridgeError =>
    new StudybridgeError('The partner is away.', { code: 'AWAY', errorClass: 'dependency', remedy: 'Wait.' });

  it('is tried again early when a dependency failed, and heals', async () => {
    const engine = f.engine();
    let left = 2;
    const job = quarterly();
    engine.define({ ...job, run: (run) => (left-- > 0 ? Promise.reject(away()) : job.run(run)) });
    await engine.start();
    f.clock.set(at('00:15'));
    await idle(engine);
    expect(job.ran).toEqual(['00:15']);
    const runs = await engine.runs();
    expect(runs.map(({ kind, state }) => `${kind} ${state}`)).toEqual([
      'retry done',
      'retry failed',
      'schedule failed',
    ]);
    expect(runs[2]).toMatchObject({
      errorCode: 'AWAY',
      errorClass: 'dependency',
      outcome: 'The partner is away. Wait.',
    });
    expect((await engine.list())[0]).toMatchObject({ runs: 3, failed: 2, lastState: 'done' });
    expect(await nextDue(engine)).toEqual(['00:30']);
  });

  it('is left to the schedule when it is not a dependency, and is a problem until then', async () => {
    const engine = f.engine();
    engine.define(quarterly({ run: () => Promise.reject(new Error('secret +16175550142')) }));
    await engine.start();
    await settle(engine, '00:15');
    const [run] = await engine.runs();
    expect(run).toMatchObject({ state: 'failed', errorClass: 'bug', outcome: 'Failed (Error).' });
    expect((await engine.tickAndLook()).problems).toEqual(['poll@ismile.sandbox: Failed (Error).']);
    expect(await engine.runs()).toHaveLength(1);
    expect(await nextDue(engine)).toEqual(['00:30']);
  });
});

describe('asked for', () => {
  it('runs now, dry or not, and waits when told to', async () => {
    const engine = f.engine();
    const dry: boolean[] = [];
    engine.define(
      quarterly({
        run: (run) => {
          dry.push(run.dryRun);
          run.log('called +16175550142');
          return Promise.resolve({ would: 3 });
        },
      }),
    );
    await engine.start();
    const id = await engine.run('poll', { dryRun: true, wait: true });
    await engine.run('poll@ismile.sandbox', { wait: true });
    expect(dry).toEqual([true, false]);
    expect(await engine.runOf(id)).toMatchObject({
      kind: 'manual',
      state: 'done',
      dryRun: true,
      counts: { would: 3 },
      log: ['called [phone]'],
    });
    expect(await nextDue(engine)).toEqual(['00:15']);
  });

  it('runs once at an instant', async () => {
    const engine = f.engine();
    const job = quarterly({ schedules: [] });
    engine.define(job);
    await engine.start();
    await engine.once('poll', at('04:20'));
    expect(await nextDue(engine)).toEqual(['04:20']);
    await settle(engine, '04:19');
    expect(job.ran).toEqual([]);
    await settle(engine, '04:21');
    await settle(engine, '09:00');
    expect(job.ran).toEqual(['04:21']);
  });

  it('runs at an instant that a transaction announced, once for all within a span, and never for one rolled back', async () => {
    const engine = f.engine();
    const job = quarterly({ schedules: [] });
    engine.define(job);
    await engine.start();
    const { binding } = job;
    const announce = (time: string, within = 0) =>
      f.source.transaction((em) => engine.announce(em, 'poll', at(time), { binding, within }));
    await announce('04:20', 60_000);
    await announce('04:20', 60_000);
    await announce('04:21');
    await expect(
      f.source.transaction(async (em) => {
        await engine.announce(em, 'poll', at('03:00'), { binding });
        throw new Error('no');
      }),
    ).rejects.toThrow('no');
    expect(await nextDue(engine)).toEqual(['04:21']);
    await announce('04:25');
    await settle(engine, '04:21');
    await settle(engine, '04:25');
    await settle(engine, '09:00');
    expect(job.ran).toEqual(['04:21', '04:25']);
  });

  it('runs over a past span, and a real run does not take it for its own', async () => {
    const engine = f.engine();
    const spans: unknown[] = [];
    engine.define(
      quarterly({
        quiet: 'redcap',
        run: ({ from, to }) => {
          spans.push([from, to]);
          return Promise.resolve({});
        },
      }),
    );
    f.clock.markOutsideChanged(at('00:05'));
    await engine.start();
    await engine.backfill('poll', at('00:01'), at('00:04'), { wait: true });
    await expect(engine.backfill('poll', at('00:04'), at('00:01'))).rejects.toMatchObject({ code: 'BAD_ARGUMENTS' });
    await settle(engine, '00:15');
    expect(spans).toEqual([
      [at('00:01'), at('00:04')],
      [undefined, undefined],
    ]);
  });

  it('waits for the run in progress', async () => {
    const engine = f.engine();
    const { run, open, entered } = gate();
    engine.define(quarterly({ run }));
    await engine.start();
    f.clock.set(at('00:15'));
    await engine.tick();
    await eventually(() => entered() === 1);
    const waited = engine.run('poll', { wait: true });
    expect((await engine.tickAndLook()).work).toBe(2);
    expect(entered()).toBe(1);
    open();
    await waited;
    expect(entered()).toBe(2);
  });

  it('refuses names it does not know or that several bindings share', async () => {
    const engine = f.engine();
    engine.define(quarterly());
    engine.define(quarterly({ binding: 'ismile.pilot' }));
    await engine.start();
    await expect(engine.run('polls')).rejects.toMatchObject({ code: 'UNKNOWN_JOB' });
    await expect(engine.run('poll')).rejects.toMatchObject({ code: 'AMBIGUOUS_JOB' });
    expect(() => engine.define(quarterly())).toThrow(/defined twice/);
  });
});

it('lets the instants of a paused job pass, but runs when asked', async () => {
  const engine = f.engine();
  const job = quarterly();
  engine.define(job);
  await engine.start();
  await engine.pause('poll');
  expect(await nextDue(engine)).toEqual([]);
  await settle(engine, '01:00');
  expect(job.ran).toEqual([]);
  await engine.run('poll', { wait: true });
  expect(job.ran).toEqual(['01:00']);
  f.clock.set(at('01:20'));
  await engine.resume('poll');
  await idle(engine);
  expect(job.ran).toEqual(['01:00']);
  await settle(engine, '01:30');
  expect(job.ran).toEqual(['01:00', '01:30']);
});

it('follows the binding: other schedules, or off', async () => {
  const binding: Binding = {
    id: 'ismile.sandbox',
    study: 'ismile',
    environment: 'sandbox',
    goLiveAt: null,
    projects: {},
    jobs: { poll: { schedules: [{ cron: '0 6 * * *', zone: 'UTC' }] }, nightly: { on: false } },
  };
  const engine = f.engine({ bindings: [binding] });
  const nightly = quarterly({ name: 'nightly' });
  engine.define(quarterly());
  engine.define(nightly);
  await engine.start();
  expect(await nextDue(engine)).toEqual(['06:00']);
  await settle(engine, '12:00');
  expect(nightly.ran).toEqual([]);
  expect((await engine.list()).map(({ name, on }) => [name, on])).toEqual([
    ['nightly', false],
    ['poll', true],
  ]);
});

it('goes on at once when a clock that was a day ahead is right again', async () => {
  const engine = f.engine();
  const job = quarterly();
  engine.define(job);
  await engine.start();
  await settle(engine, '00:15');
  f.clock.set(new Date('2018-10-02T00:17:00Z'));
  await engine.tick();
  await idle(engine);
  expect(await nextDue(engine)).toEqual(['00:30']);
  await settle(engine, '00:20');
  expect(await nextDue(engine)).toEqual(['00:30']);
  await settle(engine, '00:30');
  expect(job.ran).toEqual(['00:15', '00:17', '00:30']);
});

it('takes up changed schedules from now on', async () => {
  const before = f.engine();
  before.define(quarterly());
  await before.start();
  await before.stop();
  const engine = f.engine();
  engine.define(quarterly({ schedules: [{ cron: '0 6 * * *', zone: 'UTC' }] }));
  await engine.start();
  expect(await nextDue(engine)).toEqual(['06:00']);
});

it('runs through the hour that comes twice, and a daily job once in it', async () => {
  const clock = new ManualClock(new Date('2018-11-04T08:05:00Z'));
  const engine = f.engine({ clock });
  const often = quarterly();
  const daily = quarterly({ name: 'daily', schedules: [{ cron: '30 1 * * *', zone: 'America/Los_Angeles' }] });
  engine.define(often);
  engine.define(daily);
  await engine.start();
  for (let minutes = 5; minutes <= 180; minutes += 5) {
    clock.set(new Date(Date.parse('2018-11-04T08:05:00Z') + minutes * 60_000));
    await idle(engine);
  }
  expect(daily.ran).toEqual(['08:30']);
  expect(often.ran).toEqual([
    ...['08:15', '08:30', '08:45', '09:00', '09:15', '09:30', '09:45'],
    ...['10:00', '10:15', '10:30', '10:45', '11:00'],
  ]);
});

describe('when the database was away', () => {
  const cutAll = (): Promise<unknown> =>
    f.source
      .query('SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database()')
      .catch(() => undefined);

  it('goes on with the next tick, and records a run that went on meanwhile', async () => {
    const engine = f.engine();
    const { run, open, entered } = gate();
    engine.define(quarterly({ run }));
    await engine.start();
    f.clock.set(at('00:15'));
    await engine.tick();
    await eventually(() => entered() === 1);
    await cutAll();
    open();
    await idle(engine);
    expect((await engine.runs()).map(({ state }) => state)).toEqual(['done']);
    await settle(engine, '00:30');
    expect(entered()).toBe(2);
  });

  it('counts a run that failed on it as a dependency’s failure', async () => {
    const engine = f.engine();
    let left = 1;
    const job = quarterly();
    engine.define({
      ...job,
      run: async (run) => {
        if (left-- > 0) {
          await f.source.transaction(async (em) => {
            await em.query('SELECT pg_terminate_backend(pg_backend_pid())');
          });
        }
        return job.run(run);
      },
    });
    await engine.start();
    f.clock.set(at('00:15'));
    await idle(engine);
    const runs = await engine.runs();
    expect(runs.map(({ kind, state }) => `${kind} ${state}`)).toEqual(['retry done', 'schedule failed']);
    expect(runs[1]).toMatchObject({ errorClass: 'dependency' });
  });
});

describe('the end of a run', () => {
  type Told = Parameters<Parameters<JobEngine['onEnded']>[0]>[1];
  const listen = (engine: JobEngine): Told[] => {
    const told: Told[] = [];
    engine.onEnded((_em, run) => {
      told.push(run);
      return Promise.resolve();
    });
    return told;
  };

  it('is told with its counts, its log, and when the next one is due', async () => {
    const engine = f.engine();
    const told = listen(engine);
    engine.define(
      quarterly({
        run: ({ log }) => {
          log('looked');
          return Promise.resolve({ seen: 2 });
        },
      }),
    );
    await engine.start();
    await settle(engine, '00:15');
    expect(told).toEqual([
      expect.objectContaining({
        name: 'poll',
        binding: 'ismile.sandbox',
        kind: 'schedule',
        state: 'done',
        late: false,
        counts: { seen: 2 },
        log: ['looked'],
        outcome: 'Done: seen 2.',
        nextDueAt: at('00:30'),
      }),
    ]);
    await engine.pause('poll');
    await engine.run('poll', { wait: true });
    expect(told.at(-1)).toMatchObject({ kind: 'manual', nextDueAt: null });
  });

  it('is told of failures with what to do, and of a run that began long after its instant', async () => {
    const engine = f.engine();
    const told = listen(engine);
    const job = quarterly();
    engine.define({
      ...job,
      catchUp: 'one',
      run: () =>
        Promise.reject(
          new StudybridgeError('The partner is gone.', { code: 'GONE', errorClass: 'bug', remedy: 'Call them.' }),
        ),
    });
    await engine.start();
    await settle(engine, '01:05');
    expect(told).toEqual([
      expect.objectContaining({
        state: 'failed',
        errorCode: 'GONE',
        outcome: 'The partner is gone. Call them.',
        late: true,
      }),
    ]);
  });

  it('is recorded together with what the listener does, or not at all', async () => {
    const engine = f.engine();
    engine.onEnded(async (em) => {
      await em.query(`UPDATE job SET last_outcome = 'listened'`);
      throw new Error('the listener fails');
    });
    engine.define(quarterly({ catchUp: 'none' }));
    await engine.start();
    f.clock.set(at('00:15'));
    await engine.tick();
    const [run] = await eventually(async () => {
      const runs = await engine.runs('poll');
      const lease = await f.source.query<unknown[]>(`SELECT 1 FROM lease WHERE name LIKE 'job:%' AND holder IS NULL`);
      return lease.length > 0 && runs.length > 0 ? runs : null;
    });
    expect(run!.state).not.toBe('done');
    expect((await engine.list())[0]!.lastOutcome).not.toBe('listened');
  });

  it('is told for a run whose process died, too', async () => {
    const dead = f.engine({ leaseTtlMs: 200 });
    const { run, open } = gate();
    dead.define(quarterly({ run }));
    await dead.start();
    f.clock.set(at('00:15'));
    await dead.tick();
    // As if the process were gone: nobody renews.
    await f.source.query(`UPDATE lease SET holder = 'nobody', real_expires_at = clock_timestamp()`);
    const next = f.engine();
    const told = listen(next);
    next.define(quarterly());
    await next.start();
    await idle(next);
    expect(told.map(({ state, kind }) => [state, kind])).toEqual([
      ['abandoned', 'schedule'],
      ['done', 'catch-up'],
    ]);
    open();
  });
});
