import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { ismileCohort } from '@studybridge/studies';
import type { ProjectJson } from '../../src/redcap/project';
import { createWorld, sandboxToken, type World } from '../../src';

const worlds: World[] = [];
afterAll(async () => {
  for (const world of worlds) await world.close();
});

/** Records as they are stored; the log's lines about reading may be lost. */
function recordsOf(world: World) {
  const { projects } = world.snapshot()['redcap'] as { projects: ProjectJson[] };
  return projects.map(({ records }) => records);
}

async function open(stateFile?: string) {
  const world = createWorld({ cohort: ismileCohort({ pairs: 120 }), stateFile });
  worlds.push(world);
  const { url } = await world.listen(0);
  return { world, url };
}

async function redcap(url: string, form: Record<string, string>): Promise<any> {
  const answer = await fetch(`${url}/redcap/api/`, {
    method: 'POST',
    body: new URLSearchParams({ token: sandboxToken('ismile'), format: 'json', ...form }),
  });
  expect(answer.status).toBe(200);
  return answer.json();
}

it('plays the whole timeline of the cohort without a refusal', async () => {
  const { world, url } = await open();
  const before = await redcap(url, { content: 'record' });
  world.advanceTo(world.endAt!);
  expect(world.ended).toBe(true);
  const after = await redcap(url, { content: 'record' });
  expect(after.length).toBeGreaterThan(before.length);
});

it('keeps a survey that a family began and left as incomplete, and one that it finished as complete', async () => {
  const { situations } = ismileCohort({ pairs: 120 });
  const recordOf = (name: string) => situations.find((situation) => situation.name === name)!.record;
  const { world, url } = await open();
  world.advanceTo(world.endAt!);
  const statusOf = async (record: string) => {
    const form = { content: 'record', 'records[0]': record, fields: 'record_id,survey_2m_complete' };
    const rows = (await redcap(url, form)) as Record<string, string>[];
    return rows.map((row) => row['survey_2m_complete']).filter(Boolean);
  };
  expect(await statusOf(recordOf('survey-begun'))).toEqual(['0']);
  expect(await statusOf(recordOf('survey-after-first'))).toEqual(['2']);
});

it('brings REDCap back as it was when the process died', async () => {
  const stateFile = path.join(mkdtempSync(path.join(tmpdir(), 'studybridge-world-')), 'world.json');
  const { world, url } = await open(stateFile);
  world.advanceTo(new Date(world.startAt.getTime() + 30 * 86_400_000));
  const [row] = (await redcap(url, { content: 'record', events: 'baseline_arm_1', fields: 'record_id' })) as {
    record_id: string;
  }[];
  const data = [{ record_id: row!.record_id, redcap_event_name: 'baseline_arm_1', ag_last_error: 'written just now' }];
  await redcap(url, { content: 'record', action: 'import', type: 'flat', data: JSON.stringify(data) });
  const { world: second, url: secondUrl } = await open(stateFile);
  expect(second.now).toEqual(world.now);
  expect(recordsOf(second)).toEqual(recordsOf(world));
  expect(JSON.stringify(await redcap(secondUrl, { content: 'record' }))).toContain('written just now');
});

it('shows projects, records and their cells to a person', async () => {
  const { url } = await open();
  const front = await (await fetch(`${url}/`)).text();
  expect(front).toContain(sandboxToken('ismile'));
  const project = /\/projects\/\d+/.exec(front)![0];
  const list = await (await fetch(`${url}${project}`)).text();
  const record = new RegExp(`${project}/records/[^"]+`).exec(list)![0];
  const cells = await fetch(`${url}${record}`);
  expect(cells.status).toBe(200);
  expect(await cells.text()).toContain('<th>eligible</th>');
});
