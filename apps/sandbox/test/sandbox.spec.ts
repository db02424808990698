import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { sandboxToken } from '@studybridge/sandbox';

const room = path.resolve(__dirname, '..');
const classic = path.resolve(room, '../../packages/sandbox/test/fixtures/classic.xml');
const running: ChildProcess[] = [];
afterEach(() => {
  for (const child of running.splice(0)) child.kill('SIGKILL');
});

interface Started {
  child: ChildProcess;
  output(): string;
  /** Its address, once it says that it is ready. */
  ready: Promise<string>;
  finished: Promise<number | null>;
}

/** The program as its own process. */
function start(...args: string[]): Started {
  const hook = path.join(room, 'test/from-source.js');
  const main = path.join(room, 'src/main.ts');
  const child = spawn(process.execPath, ['-r', hook, '--conditions=@studybridge/source', main, ...args]);
  running.push(child);
  let output = '';
  const finished = new Promise<number | null>((resolve) => child.on('close', resolve));
  const ready = new Promise<string>((resolve, reject) => {
    child.stdout.on('data', (chunk: Buffer) => {
      output += chunk.toString();
      const url = /^sandbox ready at (\S+)$/m.exec(output)?.[1];
      if (url) resolve(url);
    });
    void finished.then(() => reject(new Error(`it ended: ${output}`)));
  });
  ready.catch(() => undefined);
  child.stderr.on('data', (chunk: Buffer) => (output += chunk.toString()));
  return { child, output: () => output, ready, finished };
}

const folder = () => mkdtempSync(path.join(tmpdir(), 'studybridge-sandbox-'));
const key = { authorization: `Bearer ${sandboxToken('agile-health')}` };
const caregiver = {
  externalId: 'p-1',
  firstName: 'Ana',
  gender: 'female',
  mobile: '+16175550123',
  language: 'es',
  childFirstName: 'Leo',
  childGender: 'male',
  childDob: '2014-03-09',
  siteCode: 'BMC',
  timezone: 'America/New_York',
};

it('says its tokens and addresses, and ends quietly when told to', async () => {
  const sandbox = start('--port', '0');
  const url = await sandbox.ready;
  expect(sandbox.output()).toContain(`token ${sandboxToken('ismile')}`);
  expect(sandbox.output()).toContain(`${url}/redcap/api/`);
  expect(sandbox.output()).toMatch(/Twilio +http\S+\/twilio +account AC[0-9a-f]{32} +token [0-9a-f]{32}\n/);
  expect(sandbox.output()).toMatch(/Mailbox +smtp:\/\/127\.0\.0\.1:\d+/);
  const clock = await (await fetch(`${url}/__sandbox/clock`)).json();
  expect(clock).toMatchObject({ now: expect.stringMatching(/^2018-08-27T/) });
  sandbox.child.kill('SIGTERM');
  expect(await sandbox.finished).toBe(0);
});

it('opens a project of your own with the token that you choose', async () => {
  const token = '0123456789ABCDEF0123456789ABCDEF';
  const url = await start('--port', '0', '--project', `${classic}=${token}`).ready;
  const body = new URLSearchParams({ token, content: 'project', format: 'json' });
  const answer = await fetch(`${url}/redcap/api/`, { method: 'POST', body });
  expect(await answer.json()).toMatchObject({ project_title: expect.any(String) });
});

it('keeps what it has answered when it is killed', async () => {
  const state = path.join(folder(), 'world.json');
  const first = start('--port', '0', '--state', state);
  const url = await first.ready;
  const members = '/agile/v1/programs/ismile/members';
  const enrolled = await fetch(`${url}${members}`, { method: 'POST', headers: key, body: JSON.stringify(caregiver) });
  expect(enrolled.status).toBe(201);
  await fetch(`${url}/__sandbox/clock`, { method: 'POST', body: '{"advanceTo":"2018-09-20T12:00:00Z"}' });
  const before = await (await fetch(`${url}/__sandbox/snapshot`)).json();
  first.child.kill('SIGKILL');
  await first.finished;
  const again = await start('--port', '0', '--state', state).ready;
  expect(await (await fetch(`${again}/__sandbox/snapshot`)).json()).toEqual(before);
});

it('takes scripted faults from a file', async () => {
  const faults = path.join(folder(), 'faults.json');
  writeFileSync(faults, JSON.stringify([{ target: 'agile', fault: { kind: '503', times: 1 } }]));
  const url = await start('--port', '0', '--cohort', 'none', '--faults', faults).ready;
  const members = `${url}/agile/v1/programs/ismile/members`;
  expect((await fetch(members, { headers: key })).status).toBe(503);
  expect((await fetch(members, { headers: key })).status).toBe(200);
});

it.each([
  ['a command line that cannot be', ['--bogus'], "Unknown option '--bogus'"],
  ['a file that is no project', ['--project', __filename], 'The project XML sandbox.spec.ts cannot be read:'],
])('ends with a sentence for %s', async (_what, args, sentence) => {
  const sandbox = start('--port', '0', ...args);
  expect(await sandbox.finished).toBe(1);
  expect(sandbox.output()).toContain(sentence);
  expect(sandbox.output()).not.toContain('    at ');
});

it('ends with a sentence when its port is in use', async () => {
  const { port } = new URL(await start('--port', '0', '--cohort', 'none').ready);
  const second = start('--port', port, '--cohort', 'none');
  expect(await second.finished).toBe(1);
  expect(second.output()).toContain(`Port ${port} on 127.0.0.1 is in use.`);
});

it('ends with a sentence when the mailbox’s port is in use', async () => {
  const { port } = new URL(await start('--port', '0', '--cohort', 'none').ready);
  const second = start('--port', '0', '--mail-port', port, '--cohort', 'none');
  expect(await second.finished).toBe(1);
  expect(second.output()).toContain(`The mailbox cannot listen on 127.0.0.1:${port} (EADDRINUSE).`);
});
