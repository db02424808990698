import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { generateStudyKeys } from '@studybridge/service-kit';
import { Cleanup, type Child, runTypeScript } from '@studybridge/testing';
import { DataSource } from 'typeorm';
import type { ChildOrders } from './killed-process';

const cleanup = new Cleanup();
afterEach(() => cleanup.run());

/** Runs the child to its end, whichever it is. */
const run = (orders: ChildOrders): Child['over'] =>
  runTypeScript(path.join(__dirname, 'killed-process.ts'), [JSON.stringify(orders)]).over;

it('enrols everybody exactly once although the process is killed before, during and after calls', async () => {
  const members = new Set<string>();
  let doubled = 0;
  const partner = createServer((request, response) => {
    const key = decodeURIComponent(request.url?.slice(1) ?? '');
    if (request.method === 'POST') {
      if (members.has(key)) doubled += 1;
      members.add(key);
    }
    response.statusCode = members.has(key) ? 200 : 404;
    response.end(JSON.stringify({ id: key }));
  });
  await new Promise<void>((resolve) => partner.listen(0, '127.0.0.1', resolve));
  cleanup.add({ stop: () => new Promise((resolve) => partner.close(() => resolve())) });
  const orders = {
    url: await cleanup.database('effects'),
    name: 'effects-killed',
    partner: `http://127.0.0.1:${(partner.address() as AddressInfo).port}`,
    studyKeys: generateStudyKeys(['ismile']),
  };
  const people = (round: number): string[] => Array.from({ length: 6 }, (_, index) => `enrol/${round}-${index}`);
  const deaths: ChildOrders['die'][] = [
    { at: 'attempting', passage: 2 },
    { at: 'called', passage: 2 },
    { at: 'settled', passage: 3 },
  ];
  for (const [round, die] of deaths.entries()) {
    const end = await run({ ...orders, keys: people(round), die });
    expect({ ...end, die }).toMatchObject({ signal: 'SIGKILL', die });
  }
  const all = deaths.flatMap((_, round) => people(round));
  expect(await run({ ...orders, keys: all, die: null })).toEqual({ code: 0, signal: null, errors: '' });
  expect(doubled).toBe(0);
  expect([...members].sort()).toEqual([...all].sort());
  const database = await new DataSource({ type: 'postgres', url: orders.url }).initialize();
  try {
    const settled = await database.query<{ key: string; state: string }[]>('SELECT key, state FROM settled');
    expect(settled.map((row) => row.key).sort()).toEqual([...all].sort());
    expect(new Set(settled.map((row) => row.state))).toEqual(new Set(['done']));
  } finally {
    await database.destroy();
  }
}, 120_000);
