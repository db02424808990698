import { spawn, type ChildProcess } from 'node:child_process';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { eventually, testDatabase } from '@studybridge/testing';
import axios from 'axios';
import { generateStudyKeys } from '../src';

interface Process {
  child: ChildProcess;
  out: () => string;
  err: () => string;
  ended: Promise<number | null>;
  url: () => Promise<string>;
}

let database: Awaited<ReturnType<typeof testDatabase>>;
const started: Process[] = [];
beforeEach(async () => {
  database = await testDatabase();
});
afterEach(async () => {
  for (const { child, ended } of started.splice(0)) {
    child.kill('SIGKILL');
    await ended;
  }
  await database.drop();
});

function run(env: Record<string, string>): Process {
  const args = ['-C', '@studybridge/source', '-r', path.join(__dirname, 'load-typescript.cjs')];
  const child = spawn(process.execPath, [...args, path.join(__dirname, 'run-service-main.ts')], {
    env: { PATH: process.env['PATH'], ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let out = '';
  let err = '';
  child.stdout?.on('data', (chunk: Buffer) => (out += chunk.toString()));
  child.stderr?.on('data', (chunk: Buffer) => (err += chunk.toString()));
  const ended = new Promise<number | null>((resolve) => child.on('close', resolve));
  const url = (): Promise<string> => eventually(() => /"url":"([^"]+)"/.exec(out)?.[1], { what: `a start: ${err}` });
  const one = { child, out: () => out, err: () => err, ended, url };
  started.push(one);
  return one;
}

const good = () => ({
  DATABASE_URL_ALONE: database.url,
  STUDY_KEYS: generateStudyKeys(['ismile']),
  GREETING: 'hello',
});

it('says what is wrong with the settings and ends', async () => {
  const process = run({ PORT: 'x', STUDY_KEYS: 'not-to-be-shown' });
  expect(await process.ended).toBe(1);
  expect(process.err().trim().split('\n')).toEqual([
    'alone cannot start with these settings:',
    '  - PORT is not of the right kind. Give a value of the kind: number.',
    '  - DATABASE_URL is missing. Set DATABASE_URL.',
    '  - STUDY_KEYS: not a set of study keys (per study: current, and keys of 32 bytes in base64). Correct STUDY_KEYS.',
    '  - GREETING is missing. Set GREETING.',
  ]);
  expect(process.out() + process.err()).not.toMatch(/not-to-be-shown/);
});

it('says when the database is away or the port is taken, and ends', async () => {
  const away = run({ ...good(), DATABASE_URL_ALONE: 'postgres://u:opensesame@127.0.0.1:1/x' });
  expect(await away.ended).toBe(1);
  expect(away.err()).toMatch(/^alone: PostgreSQL at 127.0.0.1:1\/x cannot be reached \(ECONNREFUSED\)\. Start it, or/);
  expect(away.out() + away.err()).not.toMatch(/opensesame/);

  const other = createServer();
  await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
  const taken = run({ ...good(), PORT: String((other.address() as AddressInfo).port) });
  expect(await taken.ended).toBe(1);
  expect(taken.err()).toMatch(/^alone: Port \d+ on 127.0.0.1 is in use\. Stop what listens there/);
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
  first.child.kill('SIGTERM');
  expect(await first.ended).toBe(0);
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
  first.child.kill('SIGKILL');
  await first.ended;
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
