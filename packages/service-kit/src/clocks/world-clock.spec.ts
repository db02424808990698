import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { WorldClock } from './world-clock';

let server: Server;
let url: string;
let asked = 0;
let day = 1;
beforeAll(async () => {
  server = createServer((_, response) => {
    asked += 1;
    const now = `2018-10-0${day}T00:00:00Z`;
    response.setHeader('content-type', 'application/json').end(JSON.stringify({ now, changedAt: null }));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/clock`;
});
afterAll(() => new Promise((resolve) => server.close(resolve)));

it('tells nothing before it was asked, and then the world’s time', async () => {
  const clock = new WorldClock(url);
  expect(() => clock.now()).toThrow(/cannot be read/);
  await clock.refresh();
  expect(clock.now()).toEqual(new Date('2018-10-01T00:00:00Z'));
  expect(clock.outsideChangedAt()).toBeNull();
  expect(clock.outsideChangedAt('texts')).toBeNull();
});

it('asks once for many, but never answers with what was asked before', async () => {
  const clock = new WorldClock(url);
  asked = 0;
  const before = clock.refresh();
  day = 2;
  const after = Array.from({ length: 50 }, () => clock.refresh());
  await Promise.all([before, ...after]);
  expect(asked).toBe(2);
  expect(clock.now()).toEqual(new Date('2018-10-02T00:00:00Z'));
});

it('says that the world is away, as a dependency', async () => {
  const clock = new WorldClock('http://127.0.0.1:1/clock');
  await expect(clock.refresh()).rejects.toMatchObject({ code: 'CLOCK_UNREACHABLE', errorClass: 'dependency' });
});
