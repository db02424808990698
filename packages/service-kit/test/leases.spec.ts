import { eventually, testDatabase } from '@studybridge/testing';
import type { DataSource } from 'typeorm';
import { createLogger, LeaseLostError, openDatabase } from '../src';
import { createLeases } from '../src/leases/create-leases';

const logger = createLogger({ service: 'test', level: 'silent' });
let database: Awaited<ReturnType<typeof testDatabase>>;
let source: DataSource;
beforeAll(async () => {
  database = await testDatabase();
  source = await openDatabase({ service: 'leases', url: database.url, migrations: [], logger });
});
afterAll(async () => {
  await source.destroy();
  await database.drop();
});

const one = () => createLeases(source, 'one');
const two = () => createLeases(source, 'two');
const steal = (name: string) => eventually(() => two().acquire(name, 60_000), { what: `the lease ${name} to run out` });
const outlast = (name: string) =>
  eventually(async () => {
    const [row] = await source.query<{ over: boolean }[]>(
      'SELECT real_expires_at < clock_timestamp() AS over FROM lease WHERE name = $1',
      [name],
    );
    return row?.over;
  });

it('is held by one at a time, with an epoch that grows', async () => {
  const leases = await Promise.all([1, 2, 3, 4, 5].map(() => one().acquire('solo', 60_000)));
  const held = leases.filter((lease) => lease !== null);
  expect(held.map((lease) => lease.epoch)).toEqual([1]);
  await held[0]?.release();
  expect((await two().acquire('solo', 60_000))?.epoch).toBe(2);
});

it('goes to one of many who want it for the very first time', async () => {
  for (let n = 0; n < 100; n += 1) {
    const leases = await Promise.all(Array.from({ length: 8 }, () => one().acquire(`first ${n}`, 60_000)));
    expect(leases.filter((lease) => lease !== null)).toHaveLength(1);
  }
});

it('goes to another once it has run out, and is lost to its holder', async () => {
  const mine = await one().acquire('short', 50);
  const theirs = await steal('short');
  expect(theirs.epoch).toBe(2);
  expect(await mine?.renew()).toBe(false);
  await expect(source.transaction((em) => mine?.assert(em) ?? Promise.resolve())).rejects.toThrow(LeaseLostError);
  await source.transaction((em) => theirs.assert(em));
  // A late release does not set the other one's lease free.
  await mine?.release();
  expect(await one().acquire('short', 50)).toBeNull();
});

it('stays with its holder when it ran out and nobody took it', async () => {
  const mine = await one().acquire('slept', 20);
  await outlast('slept');
  expect(await mine?.renew()).toBe(true);
  await source.transaction((em) => mine?.assert(em) ?? Promise.resolve());
});

it('is not asserted after its release', async () => {
  const mine = await one().acquire('released', 60_000);
  await mine?.release();
  await expect(source.transaction((em) => mine?.assert(em) ?? Promise.resolve())).rejects.toThrow(LeaseLostError);
});

it('makes a thief wait for the transaction that asserted it, but not the renewal', async () => {
  const mine = await one().acquire('fenced', 20);
  await outlast('fenced');
  const order: string[] = [];
  let theft: Promise<unknown> = Promise.resolve();
  await source.transaction(async (em) => {
    await mine?.assert(em);
    theft = two()
      .acquire('fenced', 60_000)
      .then((lease) => order.push(`stolen in epoch ${lease?.epoch}`));
    await eventually(async () => {
      const waiting = await source.query<unknown[]>(
        `SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`,
      );
      return waiting.length > 0;
    });
    order.push('committed');
  });
  await theft;
  expect(order).toEqual(['committed', 'stolen in epoch 2']);

  const again = await one().acquire('renewed', 60_000);
  await source.transaction(async (em) => {
    await again?.assert(em);
    expect(await again?.renew()).toBe(true);
  });
});
