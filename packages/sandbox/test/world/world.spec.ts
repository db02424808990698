import { mkdtempSync, readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { TimelineAction } from '@studybridge/studies';
import type { AgileSnapshot } from '../../src/agile/agile-stand-in';
import { SandboxWorld } from '../../src/world/world';
import { StubRedcap } from './stub-redcap';
import { agile, caregiver, closeWorlds, later, openWorld, tinyCohort } from './tiny-world';

afterEach(closeWorlds);

const save = (at: string, value: string): TimelineAction => ({
  at,
  do: 'save',
  record: '1',
  event: 'baseline_arm_1',
  values: { field: value },
  user: 'ra',
});
const cellsOf = (world: SandboxWorld) => (world.redcapStandIn as StubRedcap).cells;
const post = (url: string, form: Record<string, string>) =>
  fetch(`${url}/redcap/api/`, { method: 'POST', body: new URLSearchParams(form) });
const get = async (url: string) => (await fetch(url)).json() as Promise<any>;

describe('time', () => {
  it('applies what is dated up to and including the instant, in order', async () => {
    const { world } = await openWorld({
      cohort: tinyCohort({ timeline: [save('2018-09-03T13:00:00Z', 'b'), save('2018-09-03T12:30:00Z', 'a')] }),
    });
    expect(world.nextEventAt()).toEqual(new Date('2018-09-03T12:30:00Z'));
    world.advanceTo(new Date('2018-09-03T12:59:59Z'));
    expect(cellsOf(world)).toEqual({ '1.field': 'a' });
    expect(world.changedAt).toEqual(new Date('2018-09-03T12:30:00Z'));
    world.advanceTo(new Date('2018-09-03T13:00:00Z'));
    expect(cellsOf(world)).toEqual({ '1.field': 'b' });
    expect(world.nextEventAt()).toEqual(new Date('2018-09-04T12:00:00Z'));
    expect(world.ended).toBe(false);
    world.advanceTo(new Date('2018-09-04T12:00:00Z'));
    expect(world.ended).toBe(true);
    expect(world.nextEventAt()).toBeNull();
  });

  it('never runs backwards', async () => {
    const { world, url } = await openWorld({ cohort: tinyCohort() });
    expect(() => world.advanceTo(new Date('2018-09-03T11:59:59Z'))).toThrow(/cannot go back/);
    const answer = await fetch(`${url}/__sandbox/clock`, {
      method: 'POST',
      body: JSON.stringify({ advanceTo: '2018-09-03T11:00:00Z' }),
    });
    expect(answer.status).toBe(400);
  });

  it('is told over HTTP, with the instant of the last change', async () => {
    const { world, url } = await openWorld({ cohort: tinyCohort({ timeline: [save('2018-09-03T12:30:00Z', 'a')] }) });
    await fetch(`${url}/__sandbox/clock`, { method: 'POST', body: '{"advanceTo":"2018-09-03T14:00:00+01:00"}' });
    expect(await get(`${url}/__sandbox/clock`)).toEqual({
      now: '2018-09-03T13:00:00.000Z',
      changedAt: '2018-09-03T12:30:00.000Z',
      textedAt: '2018-09-03T12:00:00.000Z',
    });
    expect(world.clock.now()).toEqual(new Date('2018-09-03T13:00:00Z'));
  });

  it('runs by itself when told to, and stands when paused', async () => {
    const { world } = await openWorld({ cohort: tinyCohort() });
    world.run(3600);
    while (world.now <= world.startAt) await new Promise((resolve) => setTimeout(resolve, 20));
    world.pause();
    const stopped = world.now;
    expect(stopped.getMilliseconds()).toBe(0);
    await new Promise((resolve) => setTimeout(resolve, 450));
    expect(world.now).toEqual(stopped);
  });

  it('says which action cannot be done, every time it is reached', async () => {
    const { world } = await openWorld({
      cohort: tinyCohort({
        timeline: [{ at: '2018-09-03T12:30:00Z', do: 'rename-record', record: '9', to: '10', user: 'ra' }],
      }),
    });
    const over = new Date('2018-09-03T13:00:00Z');
    expect(() => world.advanceTo(over)).toThrow('no such record');
    expect(() => world.advanceTo(over)).toThrow('no such record');
  });
});

describe('faults', () => {
  it('are met by the calls they match, as often as they say, until cleared', async () => {
    const { world, url } = await openWorld({ cohort: tinyCohort() });
    const script = (body: unknown) => fetch(`${url}/__sandbox/faults`, { method: 'POST', body: JSON.stringify(body) });
    await script([
      { target: 'redcap', fault: { kind: '503', match: { content: 'record' }, times: 2 } },
      { target: 'agile', fault: { kind: '503', times: 0 } },
    ]);
    const statuses = [];
    for (let i = 0; i < 3; i += 1) statuses.push((await post(url, {})).status);
    expect(statuses).toEqual([503, 503, 200]);
    for (let i = 0; i < 3; i += 1) expect((await agile(url, 'GET', '/members')).status).toBe(503);
    expect(world.faults().map(({ used }) => used)).toEqual([2, 3]);
    await fetch(`${url}/__sandbox/faults`, { method: 'DELETE' });
    expect((await agile(url, 'GET', '/members')).status).toBe(200);
    expect((await get(`${url}/__sandbox/faults`)).faults).toEqual([]);
  });

  it('that nobody understands are refused with a sentence', async () => {
    const { url } = await openWorld({ cohort: tinyCohort() });
    const answer = await fetch(`${url}/__sandbox/faults`, {
      method: 'POST',
      body: '{"target":"redcap","fault":{"kind":"flood"}}',
    });
    expect(answer.status).toBe(400);
    expect(await answer.json()).toMatchObject({ code: 'FAULT_UNREADABLE', remedy: expect.any(String) });
  });
});

describe('state', () => {
  const stateFile = () => path.join(mkdtempSync(path.join(tmpdir(), 'studybridge-world-')), 'world.json');
  const cohort = tinyCohort({
    timeline: [save('2018-09-03T12:30:00Z', 'a'), save('2018-09-03T15:00:00Z', 'b')],
  });

  it('is never older than an answer, when the process dies without a word', async () => {
    const file = stateFile();
    const { world, url } = await openWorld({ cohort, stateFile: file });
    world.addFault('agile', { kind: '503', times: 2, match: { method: 'GET' } });
    world.addFault('agile', { kind: 'forgetful', times: 2, match: { method: 'POST' } });
    world.addFault('agile', { kind: 'timeout-after-commit', ms: 1, match: { method: 'PUT', path: '/arm' } });
    later(world, 40);
    await post(url, { cell: 'x', value: '1' });
    await agile(url, 'GET', '/members');
    await agile(url, 'POST', '/members', caregiver(), { 'idempotency-key': 'k' });
    const { memberId } = (await agile(url, 'POST', '/members', caregiver(), { 'idempotency-key': 'k' })).body;
    later(world, 10);
    await post(url, { cell: 'x', value: '2' });
    world.act({ do: 'text', mobile: '+16175550123', body: 'YES' });
    const arm = { arm: 'OHT', randomizedOn: '2018-09-03' };
    await expect(agile(url, 'PUT', `/members/${memberId}/arm`, arm)).rejects.toThrow();
    await agile(url, 'POST', '/members', caregiver({ externalId: 'p-3', mobile: '+16175550133' }));
    const state = (of: SandboxWorld) => {
      const { agile: partner, ...rest } = of.snapshot();
      const { refused: _refused, ...kept } = partner as AgileSnapshot;
      return { ...rest, partner: kept };
    };
    const before = state(world);
    expect(before).toMatchObject({ now: '2018-09-03T12:50:00.000Z' });

    // Nothing is closed or flushed: the next process finds what the first has on disk by now.
    const { world: second, url: secondUrl } = await openWorld({ cohort, stateFile: file });
    expect(state(second)).toEqual(before);
    expect(second.members).toBe(3);
    later(second, 10);
    expect((await agile(secondUrl, 'GET', '/members')).status).toBe(503);
    const { members } = (await agile(secondUrl, 'GET', '/members')).body as { members: { status: string }[] };
    expect(members.map(({ status }) => status).sort()).toEqual(['ACTIVE', 'OPTED_IN', 'OPT_IN_SENT']);
    second.advanceTo(new Date('2018-09-03T15:00:00Z'));
    expect(cellsOf(second)['1.field']).toBe('b');
  });

  it('outlives a kill in the middle of a line', async () => {
    const file = stateFile();
    const { world } = await openWorld({ cohort, stateFile: file });
    later(world, 40);
    const before = world.snapshot();
    later(world, 10);
    truncateSync(`${file}.journal`, statSync(`${file}.journal`).size - 5);
    const { world: second } = await openWorld({ cohort, stateFile: file });
    expect(second.snapshot()).toEqual(before);
  });

  it('is folded when closed, and an older journal is passed over', async () => {
    const file = stateFile();
    const { world } = await openWorld({ cohort, stateFile: file });
    later(world, 40);
    const journal = readFileSync(`${file}.journal`, 'utf8');
    await world.close();
    const before = world.snapshot();
    expect(readFileSync(`${file}.journal`, 'utf8').split('\n')).toHaveLength(2);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    writeFileSync(`${file}.journal`, journal);
    const { world: second } = await openWorld({ cohort, stateFile: file });
    expect(second.snapshot()).toEqual(before);
  });

  it('keeps what was changed by hand in the process', async () => {
    const file = stateFile();
    const { world } = await openWorld({ cohort, stateFile: file });
    world.redcapStandIn.save(1, { record: '7', event: 'e', values: { f: 'v' }, user: 'ra' });
    await Promise.resolve();
    const { world: second } = await openWorld({ cohort, stateFile: file });
    expect(cellsOf(second)).toEqual({ '7.f': 'v' });
  });

  it('of another world, or none at all, is not taken over', async () => {
    const file = stateFile();
    await openWorld({ cohort, stateFile: file });
    await expect(openWorld({ cohort: tinyCohort({ id: 'other' }), stateFile: file })).rejects.toThrow(/another cohort/);
    writeFileSync(file, '{"half');
    await expect(openWorld({ cohort, stateFile: file })).rejects.toThrow(/cannot be read/);
  });

  it('goes back to the start on reset', async () => {
    const { world, url } = await openWorld({ cohort });
    const before = world.snapshot();
    await agile(url, 'POST', '/members', caregiver());
    later(world, 600);
    await fetch(`${url}/__sandbox/reset`, { method: 'POST' });
    expect(await get(`${url}/__sandbox/snapshot`)).toEqual(before);
  });
});

it('says in a sentence that a port is in use', async () => {
  const { url } = await openWorld({});
  const second = new SandboxWorld({}, (port) => new StubRedcap(port));
  await expect(second.listen(Number(new URL(url).port))).rejects.toMatchObject({ code: 'PORT_IN_USE' });
});

it('shows pages in which nothing that was typed in is markup', async () => {
  const { world, url } = await openWorld({ cohort: tinyCohort() });
  const name = '<script>alert(1)</script>';
  const { memberId } = (await agile(url, 'POST', '/members', caregiver({ firstName: name }))).body;
  world.addFault('redcap', { kind: '503' });
  for (const page of ['/', '/members', `/members/${memberId}`, '/log']) {
    const answer = await fetch(`${url}${page}`);
    const text = await answer.text();
    expect([answer.status, text.includes('<script>')]).toEqual([200, false]);
  }
  expect(await (await fetch(`${url}/members`)).text()).toContain('&#60;script&#62;');
  expect((await fetch(`${url}/members/m_none`)).status).toBe(404);
});
