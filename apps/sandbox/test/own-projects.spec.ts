import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

const room = path.resolve(__dirname, '..');
const fixtures = path.resolve(room, '../../packages/sandbox/test/fixtures');
const superToken = 'Ab3'.repeat(21) + 'Z';
const running: ChildProcess[] = [];
afterEach(() => {
  for (const child of running.splice(0)) child.kill('SIGKILL');
});

/** The program with REDCap projects, once it listens. */
async function open(
  ...args: string[]
): Promise<{ url: string; tokens: string[]; output: string; kill(): Promise<void> }> {
  const program = [
    path.join(room, 'test/from-source.js'),
    '--conditions=@studybridge/source',
    path.join(room, 'src/main.ts'),
  ];
  const child = spawn(process.execPath, ['-r', ...program, '--port', '0', ...args], {
    env: { ...process.env, SANDBOX_SUPER_TOKEN: superToken },
  });
  running.push(child);
  const gone = new Promise<void>((resolve) => child.on('close', () => resolve()));
  let output = '';
  const url = await new Promise<string>((resolve, reject) => {
    const hear = (chunk: Buffer) => {
      output += chunk.toString();
      const ready = /^sandbox ready at (\S+)$/m.exec(output)?.[1];
      if (ready) resolve(ready);
    };
    child.stdout.on('data', hear);
    child.stderr.on('data', hear);
    void gone.then(() => reject(new Error(`it ended: ${output}`)));
  });
  const tokens = [...output.matchAll(/^REDCap project .*: token ([0-9A-F]{32})$/gm)].map(([, token]) => token!);
  const kill = async () => {
    child.kill('SIGKILL');
    await gone;
  };
  return { url, tokens, output, kill };
}

async function ask(url: string, params: Record<string, string>): Promise<{ status: number; body: string }> {
  const answer = await fetch(`${url}/redcap/api/`, { method: 'POST', body: new URLSearchParams(params) });
  return { status: answer.status, body: await answer.text() };
}

const post = async (url: string, body: unknown): Promise<any> =>
  (await fetch(url, { method: 'POST', body: JSON.stringify(body) })).json();

const names = ['classic.xml', 'longitudinal.xml', 'clinic.xml', 'caps-demo.xml'];

it('opens every project it is given, and makes the same ones by super token', async () => {
  const { url, tokens, output } = await open(
    ...names.flatMap((name) => ['--project', path.join(fixtures, name)]),
    ...['--calcs', 'drop', '--choice-spacing', 'blanks', '--version', '16.1.3'],
  );
  expect(tokens).toHaveLength(4);
  expect(output).not.toContain(superToken);
  for (const [at, name] of names.entries()) {
    const odm = readFileSync(path.join(fixtures, name), 'utf8');
    const data = '<item><project_title>Copy</project_title><purpose>0</purpose></item>';
    const made = await ask(url, { token: superToken, content: 'project', format: 'xml', data, odm });
    expect(made).toMatchObject({ status: 200, body: expect.stringMatching(/^[0-9A-F]{32}$/) });
    for (const params of [
      { content: 'record', format: 'csv' },
      { content: 'instrument', format: 'json' },
    ]) {
      const given = await ask(url, { token: tokens[at]!, ...params });
      expect(given.status).toBe(200);
      expect((await ask(url, { token: made.body, ...params })).body).toBe(given.body);
    }
  }
  const choices = await ask(url, { token: tokens[0]!, content: 'metadata', format: 'json', fields: 'often' });
  expect(choices.body).toContain('1, Once a day | 2, Twice, or more');
  expect((await ask(url, { token: superToken, content: 'version' })).body).toBe('16.1.3');
  const page = await (await fetch(url)).text();
  for (const token of tokens) expect(page).toContain(token);
  expect(await (await fetch(`${url}/projects/13`)).text()).toContain('Create project (REDCap project XML file)');
});

it('fills projects, names surveys as it is told, and bans who calls too often', async () => {
  const { url, tokens } = await open(
    ...['--project', path.join(fixtures, 'clinic.xml'), '--seed-records', '25', '--username', 'ra_one'],
    ...['--public-url', 'https://surveys.example.org/', '--rate-limit', '6', '--server-zone', 'America/New_York'],
  );
  const token = tokens[0]!;
  const rows = JSON.parse((await ask(url, { token, content: 'record', format: 'json', fields: 'clinic_id' })).body);
  expect(rows).toHaveLength(28);
  expect((await ask(url, { token, content: 'user', format: 'csv' })).body).toContain('\nra_one,');
  const link = await ask(url, {
    token,
    content: 'surveyLink',
    record: '11',
    instrument: 'diary',
    repeat_instance: '9',
  });
  expect(link.body).toMatch(/^https:\/\/surveys\.example\.org\/surveys\/\?s=[A-Z0-9]{16}$/);
  const [line] = JSON.parse((await ask(url, { token, content: 'log', format: 'json' })).body);
  // The clock is the computer's, in the zone asked for.
  const here = new Date().toLocaleString('sv', { timeZone: 'America/New_York' }).slice(0, 13);
  expect(line.timestamp.slice(0, 13)).toBe(here);
  const statuses = [];
  for (let n = 0; n < 3; n += 1) statuses.push((await ask(url, { token, content: 'version' })).status);
  expect(statuses).toEqual([200, 200, 403]);
  await post(`${url}/__sandbox/redcap`, { do: 'lift-bans' });
  expect((await ask(url, { token, content: 'version' })).status).toBe(200);
});

it('does with users, locks and surveys what it is told, and keeps all of it when it is killed', async () => {
  const state = path.join(mkdtempSync(path.join(tmpdir(), 'studybridge-sandbox-')), 'world.json');
  const args = ['--project', path.join(fixtures, 'clinic.xml'), '--state', state];
  const first = await open(...args);
  const token = first.tokens[0]!;
  const act = (action: object) => post(`${first.url}/__sandbox/redcap`, { project: token, ...action });
  const added = await act({ do: 'add-token', username: 'reader', rights: { api_import: 0, logging: 0 } });
  expect(added.token).toMatch(/^[0-9A-F]{32}$/);
  const data = JSON.stringify([{ clinic_id: '1', first_name: 'Bo' }]);
  expect((await ask(first.url, { token: added.token, content: 'record', format: 'json', data })).status).toBe(403);
  await act({ do: 'lock-record', record: '2', locked: true, user: 'ra' });
  const locked = { token, content: 'record', format: 'csv', data: 'clinic_id,first_name\n2,Bo' };
  expect((await ask(first.url, locked)).body).toContain('locked at the record level');
  expect(await act({ do: 'lock-record', record: 'nobody', locked: true, user: 'ra' })).toMatchObject({
    code: 'ACTION_REFUSED',
  });
  expect(await act({ do: 'juggle' })).toMatchObject({ code: 'REQUEST_NOT_UNDERSTOOD' });

  const link = (await ask(first.url, { token, content: 'surveyLink', record: '2', instrument: 'diary' })).body;
  expect(link.startsWith(`${first.url}/redcap/surveys/?s=`)).toBe(true);
  expect(await (await fetch(link)).text()).toContain('Your diary');
  await act({ do: 'lock-record', record: '2', locked: false, user: 'ra' });
  // Remarks are asked of those alone who say how they brush.
  const body = new URLSearchParams({ brush: '1', remarks: 'all <well>' });
  const answer = await fetch(link, { method: 'POST', body });
  expect(await answer.text()).toContain('Thank you');
  const made = await ask(first.url, {
    token: superToken,
    content: 'project',
    format: 'json',
    data: '{"project_title":"Made","purpose":0}',
  });
  const seen = { token, content: 'record', format: 'csv', records: '2', exportSurveyFields: 'true' };
  const rows = (await ask(first.url, seen)).body;
  expect(rows).toContain('"all <well>"');

  await first.kill();
  const again = await open(...args);
  expect((await ask(again.url, seen)).body).toBe(rows);
  expect((await ask(again.url, { token: added.token, content: 'log' })).status).toBe(403);
  const info = await ask(again.url, { token: made.body, content: 'project', format: 'json' });
  expect(JSON.parse(info.body).project_title).toBe('Made');
  const { projects } = (await (await fetch(`${again.url}/__sandbox/projects`)).json()) as any;
  expect(projects.flatMap((project: any) => project.tokens.map((each: any) => each.token))).toEqual([
    token,
    added.token,
    made.body,
  ]);
  // Back to a snapshot, and back to the start.
  const snapshot = await (await fetch(`${again.url}/__sandbox/snapshot`)).json();
  await ask(again.url, { token, content: 'record', action: 'delete', 'records[0]': '2' });
  await post(`${again.url}/__sandbox/snapshot`, snapshot);
  expect((await ask(again.url, seen)).body).toBe(rows);
  expect(await post(`${again.url}/__sandbox/snapshot`, { nothing: 'of use' })).toMatchObject({
    code: 'SNAPSHOT_UNREADABLE',
  });
  expect((await ask(again.url, seen)).body).toBe(rows);
  await post(`${again.url}/__sandbox/reset`, {});
  expect((await ask(again.url, { token: added.token, content: 'version' })).status).toBe(403);
});
