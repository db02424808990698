import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { sandboxToken } from '@studybridge/sandbox';
import { ismileCohort, oracle, type OracleRecord } from '@studybridge/studies';
import { eventually } from '@studybridge/testing';
import type { Summary } from '../src/summary';
import { comparable, keptWorldState, type FlatRow, type WorldState } from './support/comparable-state';
import { namesAndPhones, secretsIn } from './support/leaks';
import { lastJson, runStandalone, startNode, temporaryFolder, type Finished } from './support/processes';

const cohort = ismileCohort({ pairs: 120 });
const expected = oracle(cohort);

/** `npm start -- --once --json` as a newcomer runs it, against what the oracle knows from XML and timeline alone. */
describe('the walking system in one process', () => {
  const temporary = temporaryFolder();
  const data = path.join(temporary.folder, 'data');
  const stateFile = path.join(data, 'world.json');
  let first: Finished;
  let summary: Summary;
  let world: WorldState;

  beforeAll(async () => {
    first = await runStandalone(['--once', '--json'], { STUDYBRIDGE_DATA: data, LOG_LEVEL: 'debug' });
    summary = lastJson<Summary>(first);
    world = await keptWorldState(cohort, stateFile);
  }, 600_000);

  afterAll(() => temporary.remove());

  it('exits 0 with one JSON object on its last line', () => {
    expect({ code: first.code, ok: summary.ok, bus: summary.bus, problems: summary.problems }).toEqual({
      code: 0,
      ok: true,
      bus: 'in-process',
      problems: undefined,
    });
    expect(summary.studyTime).toBe(cohort.endAt);
    expect(summary.jobs.map((job) => job.name).sort()).toEqual(['agile-status', 'full-comparison', 'redcap-poll']);
    for (const job of summary.jobs) expect(job).toMatchObject({ failed: 0, runs: expect.any(Number) });
  });

  it('agrees with the oracle in numbers', () => {
    const { consented, enrolled, armAssigned, statusWritten, held } = expected;
    expect(summary.studies.ismile).toEqual({ consented, enrolled, armAssigned, statusWritten, held });
    expect(summary.writes.refused).toEqual({});
    for (const [code, count] of Object.entries(expected.attention))
      expect(summary.attention).toMatchObject({ [code]: count });
  });

  it('gave the partner each family once', () => {
    expect(Object.values(world.ledger).map((calls) => calls.posts)).toEqual(world.members.map(() => 1));
    expect(world.members.map((member) => member.details.mobile).sort()).toEqual(
      expected.partnerMembers.map((member) => member.mobile).sort(),
    );
    expect(new Set(world.members.map((member) => member.externalId)).size).toBe(world.members.length);
  });

  it('ends with every member as the oracle says', () => {
    const short = (members: { mobile: string; status: string; arm: string | null }[]): string[] =>
      members.map(({ mobile, status, arm }) => `${mobile} ${status} ${arm}`).sort();
    expect(short(world.members.map((member) => ({ ...member, mobile: member.details.mobile })))).toEqual(
      short(expected.partnerMembers),
    );
  });

  describe('every seeded situation', () => {
    it.each(cohort.situations.map(({ name, record }) => [name, record] as const))('%s (record %s)', (_name, record) => {
      expect(seen(world, record)).toEqual(told(expected.records.find((known) => known.record === record)));
    });
  });

  it('ends every other family as the oracle says', () => {
    for (const record of expected.records) expect(seen(world, record.record)).toEqual(told(record));
  });

  it('tells nobody’s phone, name or token in its log', () => {
    const log = readFileSync(path.join(data, 'studybridge.log'), 'utf8');
    expect(log.length).toBeGreaterThan(1000);
    const needles = [...namesAndPhones(cohort), sandboxToken('ismile'), sandboxToken('agile-health')];
    expect(secretsIn(log, needles)).toEqual([]);
    expect(secretsIn(first.stdout + first.stderr, needles)).toEqual([]);
  });

  it('changes nothing when run again', async () => {
    const again = await runStandalone(['--once', '--json'], { STUDYBRIDGE_DATA: data });
    const second = lastJson<Summary>(again);
    expect(second).toMatchObject({ ok: true, calls: { redcapImports: 0, partnerPosts: 0, partnerPuts: 0 } });
    expect(second.jobs.map(({ runs }) => runs)).toEqual([1, 1, 1]);
    expect(second.studies).toEqual(summary.studies);
    expect(second.writes).toEqual(summary.writes);
    expect(comparable(await keptWorldState(cohort, stateFile))).toEqual(comparable(world));
  });

  it('ends in the same state when it is killed in the middle and started again', async () => {
    const killed = path.join(temporary.folder, 'killed');
    const env = { STUDYBRIDGE_DATA: killed };
    for (const date of ['2018-09-0', '2018-10-0']) {
      const running = startNode('apps/standalone/dist/main.js', ['--once', '--json'], env);
      await eventually(() => running.output().includes(`study time ${date}`), { timeoutMs: 300_000, what: date });
      running.child.kill('SIGKILL');
      await running.finished;
    }
    const finished = await runStandalone(['--once', '--json'], env);
    expect(lastJson<Summary>(finished)).toMatchObject({ ok: true, studies: summary.studies });
    const after = await keptWorldState(cohort, path.join(killed, 'world.json'));
    expect(comparable(after)).toEqual(comparable(world));
    expect(Object.values(after.ledger).map((calls) => calls.posts)).toEqual(world.members.map(() => 1));
  }, 900_000);

  it('makes its keys for its owner only', () => {
    expect(existsSync(path.join(data, 'keys', 'study-keys'))).toBe(true);
    expect(first.stderr).toMatch(/mode 0600.*Production must bring its own/);
  });
});

/** What the world shows of one record, in the oracle's words. */
function seen(world: WorldState, record: string): object {
  const row: FlatRow =
    world.cells.find((each) => each.record_id === record && each.redcap_event_name === 'baseline_arm_1') ?? {};
  const member = world.members.find((each) => each.memberId === row.ag_member_id);
  return {
    member: member !== undefined,
    partnerStatus: member?.status ?? null,
    arm: member?.arm ?? null,
    agStatus: row.ag_status ?? '',
    agEnrollStatus: row.ag_enroll_status ?? '',
    attention: row.ag_attention_reason || null,
    held: ['8', '9'].includes(row.ag_enroll_status ?? '') ? row.ag_last_error : null,
  };
}

function told(record: OracleRecord | undefined): object {
  if (!record) throw new Error('the oracle does not know the record');
  return {
    member: record.member,
    partnerStatus: record.partnerStatus,
    arm: record.arm,
    agStatus: record.agStatus,
    agEnrollStatus: record.agEnrollStatus ?? expect.any(String),
    attention: record.attention,
    held: record.agEnrollStatus === null ? expect.anything() : record.held,
  };
}
