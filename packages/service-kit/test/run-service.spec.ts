import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { type Child, eventually, runTypeScript, testDatabase } from '@studybridge/testing';
import axios from 'axios';
import { generateStudyKeys } from '../src';

interface Process extends Child {
  url: () => Promise<string>;
}

let database: Awaited<ReturnType<typeof testDatabase>>;
const started: Child[] = [];
beforeEach(async () => {
  database = await testDatabase();
});
afterEach(async () => {
  for (const { process, over } of started.splice(0)) {
    process.kill('SIGKILL');
    await over;
  }
  await database.drop();
});

function run(env: Record<string, string>): Process {
  const one = runTypeScript(path.join(__dirname, 'run-service-main.ts'), [], { PATH: process.env['PATH'], ...env });
  const url = (): Promise<string> =>
    eventually(() => /"url":"([^"]+)"/.exec(one.out())?.[1], { what: `a start: ${one.errors()}` });
  started.push(one);
  return { ...one, url };
}

const good = () => ({
  DATABASE_URL_ALONE: database.url,
  STUDY_KEYS: generateStudyKeys(['ismile']),
  GREETING: 'hello',
});

it('says what is wrong with the settings and ends', async () => {
  const process = run({ PORT: 'x', STUDY_KEYS: 'not-to-be-shown' });
  expect((await process.over).code).toBe(1);
  expect(process.errors().trim().split('\n')).toEqual([
    'alone cannot start with these settings:',
    '  - PORT is not of the right kind. Give a value of the kind: number.',
    '  - DATABASE_URL is missing. Set DATABASE_URL.',
    '  - STUDY_KEYS: not a set of study keys (per study: current, and keys of 32 bytes in base64). Correct STUDY_KEYS.',
    '  - GREETING is missing. Set GREETING.',
  ]);
  expect(process.out() + process.errors()).not.toMatch(/not-to-be-shown/);
});

it('says when the database is away or the port is taken, and ends', async () => {
  const away = run({ ...good(), DATABASE_URL_ALONE: 'postgres://u:opensesame@127.0.0.1:1/x' });
  expect((await away.over).code).toBe(1);
  expect(away.errors()).toMatch(
    /^alone: PostgreSQL at 127.0.0.1:1\/x cannot be reached \(ECONNREFUSED\)\. Start it, or/,
  );
  expect(away.out() + away.errors()).not.toMatch(/opensesame/);

  const other = createServer();
  await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
  const taken = run({ ...good(), PORT: String((other.address() as AddressInfo).port) });
  expect((await taken.over).code).toBe(1);
  expect(taken.errors()).toMatch(/^alone: Port \d+ on 127.0.0.1 is in use\. Stop what listens there/);
  await new Promise((resolve) => other.close(resolve));
});

it('stops gracefully in the middle of a run, and the next process takes the run up', async () => {
  const first = run(good());
  const ask = async (url: string, command: string, args: object): Promise<{ state: string }[]> => {
    const { data } = await axios.post<{ result: { state: string }[] }>(
      `${url}/ops`,
      { command, arguments: args },
      { proxy: false },
    );
    return data.result;
  };
  await ask(await first.url(), 'jobs.run', { name: 'sleep' });
  first.process.kill('SIGTERM');
  expect((await first.over).code).toBe(0);
  expect(first.out()).toMatch(/stopped cleanly/);

  const second = run(good());
  const states = async (): Promise<string> =>
    (await ask(await second.url(), 'jobs.runs', { name: 'sleep' })).map(({ state }) => state).join(' ');
  await eventually(async () => (await states()) === 'running abandoned');
});

it('comes back after SIGKILL in the middle of a run', async () => {
  const first = run(good());
  const firstUrl = await first.url();
  await axios.post(`${firstUrl}/ops`, { command: 'jobs.run', arguments: { name: 'sleep' } }, { proxy: false });
  first.process.kill('SIGKILL');
  await first.over;
  const second = run(good());
  const url = await second.url();
  const idle = (): Promise<{ data: { idle: boolean; work: { jobs: number } } }> =>
    axios.get(`${url}/idle`, { proxy: false });
  expect((await idle()).data.idle).toBe(false);
  const { data } = await eventually(
    async () => {
      const answer = await axios.post<{ result: { state: string }[] }>(
        `${url}/ops`,
        { command: 'jobs.runs', arguments: {} },
        { proxy: false },
      );
      return answer.data.result.length === 2 ? answer : undefined;
    },
    { timeoutMs: 30_000, what: 'the dead process’s lease to run out' },
  );
  expect(data.result.map(({ state }) => state)).toEqual(['running', 'abandoned']);
});
