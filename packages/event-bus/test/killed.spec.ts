import path from 'node:path';
import { Cleanup, type Child, runTypeScript } from '@studybridge/testing';
import { DataSource } from 'typeorm';
import { countedEvent, expectInOrder, serviceName } from './bus-harness';
import type { ChildOrders } from './killed-process';

const cleanup = new Cleanup();
afterEach(() => cleanup.run());

/** Runs the child to its end, whichever it is. */
const run = (orders: ChildOrders): Child['over'] =>
  runTypeScript(path.join(__dirname, 'killed-process.ts'), [JSON.stringify(orders)]).over;

it('loses nothing and does nothing twice when the process is killed between any two steps', async () => {
  const urls = { speaker: await cleanup.database('speaker'), listener: await cleanup.database('listener') };
  const names = { speaker: serviceName('speaker'), listener: serviceName('listener') };
  const keys = ['a', 'b', 'c'];
  const orders = { event: countedEvent().type, names, urls, keys };
  const deaths: ChildOrders['die'][] = [
    { at: 'mid-transaction', passage: 8 },
    { at: 'outbox.read', passage: 3 },
    { at: 'relay.published', passage: 2 },
    { at: 'inbox.stored', passage: 2 },
    { at: 'work.handled', passage: 2 },
    { at: 'work.committed', passage: 2 },
  ];
  let until = 0;
  for (const die of deaths) {
    until += 4;
    const end = await run({ ...orders, until, die });
    expect({ ...end, die }).toMatchObject({ signal: 'SIGKILL', die });
  }
  expect(await run({ ...orders, until, die: null })).toEqual({ code: 0, signal: null, errors: '' });

  const speaker = await new DataSource({ type: 'postgres', url: urls.speaker }).initialize();
  const listener = await new DataSource({ type: 'postgres', url: urls.listener }).initialize();
  try {
    // What was said and what was published belong together, transaction by transaction.
    const said = await speaker.query<{ n: number }[]>('SELECT count(*)::int AS n FROM said');
    const outbox = await speaker.query<{ n: number }[]>('SELECT count(*)::int AS n FROM bus_outbox');
    expect(said[0]?.n).toBe(keys.length * until);
    expect(outbox[0]?.n).toBe(keys.length * until);
    const handled = await listener.query<{ key: string; n: number; seq: number }[]>(
      'SELECT * FROM handled ORDER BY position',
    );
    expectInOrder(handled, keys, until);
  } finally {
    await speaker.destroy();
    await listener.destroy();
  }
}, 180_000);
