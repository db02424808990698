import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { World } from '../../src/world/world';

/** What a fake service is told to be like. */
export interface FakeService {
  name: string;
  url: string;
  /** Study minutes between two runs of its one job; runs only when the world has changed since the last. */
  runs: string[];
  /** The world's time at each question. */
  askedAt: string[];
  /** Runs asked for through `/ops`. */
  opsRuns: number;
  said: number;
  heard: number;
  work: Record<string, number>;
  problems: string[];
  opsToken: string | null;
  /** Called at each run of the job. */
  onRun: () => void;
  close(): Promise<void>;
}

/** A service as the conductor sees it: `/idle` and `/ops`, one quiet job every quarter of an hour. */
export async function fakeService(name: string, world: World, topic: string, hears: boolean): Promise<FakeService> {
  const quarterMs = 15 * 60_000;
  let nextRun = Math.ceil(world.now.getTime() / quarterMs) * quarterMs;
  let lastBegan = -Infinity;
  const due = (): number | null => {
    const changed = world.changedAt.getTime();
    if (changed <= lastBegan) return null;
    return Math.max(nextRun, Math.ceil(changed / quarterMs) * quarterMs);
  };
  const run = () => {
    lastBegan = world.now.getTime();
    nextRun = (Math.floor(lastBegan / quarterMs) + 1) * quarterMs;
    service.onRun();
  };
  const service: FakeService = {
    name,
    url: '',
    runs: [],
    askedAt: [],
    opsRuns: 0,
    said: 0,
    heard: 0,
    work: {},
    problems: [],
    opsToken: null,
    onRun: () => undefined,
    close: async () => {
      server.closeAllConnections();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
  const server: Server = createServer((req, res) => {
    const answer = (status: number, body: unknown) => {
      res.statusCode = status;
      res.setHeader('content-type', 'application/json');
      res.end(JSON.stringify(body));
    };
    if (req.method === 'POST' && req.url === '/ops') {
      if (service.opsToken !== null && req.headers.authorization !== `Bearer ${service.opsToken}`) {
        return answer(401, { code: 'NO' });
      }
      service.opsRuns += 1;
      run();
      return answer(200, {});
    }
    service.askedAt.push(world.now.toISOString());
    const at = due();
    if (at !== null && at <= world.now.getTime()) {
      service.runs.push(world.now.toISOString());
      run();
    }
    const next = due();
    answer(200, {
      service: name,
      idle: Object.values(service.work).every((count) => count === 0),
      now: world.now.toISOString(),
      work: service.work,
      topics: { said: hears ? {} : { [topic]: service.said }, heard: hears ? { [topic]: service.heard } : {} },
      nextDue: next === null ? [] : [{ job: 'poll', at: new Date(next).toISOString() }],
      problems: service.problems,
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  service.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return service;
}
