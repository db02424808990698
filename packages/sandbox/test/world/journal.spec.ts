import { mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { ProjectJson } from '../../src/redcap/project';
import { createWorld, type World } from '../../src';

const xml = readFileSync(path.join(__dirname, '../fixtures/classic.xml'), 'utf8');
const token = '0123456789ABCDEF0123456789ABCDEF';
const worlds: World[] = [];
afterAll(async () => {
  for (const world of worlds) await world.close();
});

async function open(stateFile: string) {
  const world = createWorld({ projects: [{ xml, token }], startAt: new Date('2018-09-03T12:00:00Z'), stateFile });
  worlds.push(world);
  const { url } = await world.listen(0);
  return { world, url };
}

async function redcap(url: string, form: Record<string, string>): Promise<any> {
  const answer = await fetch(`${url}/redcap/api/`, {
    method: 'POST',
    body: new URLSearchParams({ token, format: 'json', ...form }),
  });
  expect(answer.status).toBe(200);
  return answer.json();
}

/** Records and what the log says of them; that somebody has read is no change, and its line may be lost. */
function recordsOf(world: World) {
  const { projects } = world.snapshot()['redcap'] as { projects: ProjectJson[] };
  return projects.map(({ records, log }) => ({ records, log: log.filter(([, , , , record]) => record !== '') }));
}

it('has each import into REDCap as one line, and brings it back with its log', async () => {
  const stateFile = path.join(mkdtempSync(path.join(tmpdir(), 'studybridge-world-')), 'world.json');
  const { world, url } = await open(stateFile);
  const [first] = (await redcap(url, { content: 'metadata' })) as { field_name: string }[];
  const lines = () => readFileSync(`${stateFile}.journal`, 'utf8').trim().split('\n');
  const before = lines().length;
  for (const id of ['9001', '9002', '9003']) {
    world.advanceTo(new Date(world.now.getTime() + 60_000));
    const data = JSON.stringify([{ [first!.field_name]: id }]);
    const counted = await redcap(url, { content: 'record', action: 'import', type: 'flat', data });
    expect(counted).toEqual({ count: 1 });
  }
  await redcap(url, { content: 'record', type: 'flat' });
  expect(
    lines()
      .slice(before)
      .map((line) => Object.keys(JSON.parse(line) as object)[0]),
  ).toEqual(['advance', 'request', 'advance', 'request', 'advance', 'request']);
  const { world: second } = await open(stateFile);
  expect(recordsOf(second)).toEqual(recordsOf(world));
  expect(JSON.stringify(recordsOf(second))).toContain('9003');
});
