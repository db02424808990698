import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { sandboxToken } from '@studybridge/sandbox';
import { ismileCohort, messageOracle, oracle } from '@studybridge/studies';
import type { Summary } from '../src/summary';
import { comparable, keptWorldState, type WorldState } from './support/comparable-state';
import { namesAndPhones, secretsIn } from './support/leaks';
import { lastJson, runStandalone, temporaryFolder, type Finished } from './support/processes';
import { seen, told } from './support/record-end';

const cohort = ismileCohort({ pairs: 120 });
const expected = oracle(cohort);
const invitations = messageOracle(cohort);

const needles = [...namesAndPhones(cohort), sandboxToken('ismile'), sandboxToken('agile-health')];

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

/** `npm start -- --once --json` as a newcomer runs it, against what the oracle knows from XML and timeline alone. */
describe('the walking system in one process', () => {
  it('exits 0 with one JSON object on its last line', () => {
    expect({ code: first.code, ok: summary.ok, bus: summary.bus, problems: summary.problems }).toEqual({
      code: 0,
      ok: true,
      bus: 'in-process',
      problems: undefined,
    });
    expect(summary.studyTime).toBe(cohort.endAt);
    expect(summary.jobs.map((job) => job.name)).toEqual(
      expect.arrayContaining(['agile-compare', 'agile-status', 'full-comparison', 'redcap-poll']),
    );
    for (const job of summary.jobs) expect(job).toMatchObject({ failed: 0, runs: expect.any(Number) });
  });

  it('agrees with the oracle in numbers', () => {
    const { consented, enrolled, armAssigned, statusWritten, held } = expected;
    expect(summary.studies.ismile).toEqual({ consented, enrolled, armAssigned, statusWritten, held });
    expect(summary.writes.refused).toEqual({});
    for (const [code, count] of Object.entries(expected.attention))
      expect(summary.attention).toMatchObject({ [code]: count });
  });

  it('sent every survey invitation that was due, once, and nobody else anything', () => {
    const { delivered, undelivered } = invitations;
    expect(summary.messaging.ismile).toMatchObject({ due: 0, inDoubt: 0, held: {} });
    // Somebody who asks gets the referral; it is no invitation.
    const logged = world.cells.filter((row) => (row.txt_twilio_status ?? '') !== '');
    expect(logged.map((row) => row.txt_twilio_status).sort()).toEqual([
      ...Array<string>(delivered).fill('delivered'),
      ...Array<string>(undelivered).fill('undelivered'),
    ]);
    expect(summary.messaging.ismile!.sent).toBeGreaterThanOrEqual(delivered + undelivered);
    expect(summary.operators.mails).toBeGreaterThan(10);
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
    expect(secretsIn(log, needles)).toEqual([]);
    expect(secretsIn(first.stdout + first.stderr, needles)).toEqual([]);
  });

  it('changes nothing when run again', async () => {
    const again = await runStandalone(['--once', '--json'], { STUDYBRIDGE_DATA: data });
    const second = lastJson<Summary>(again);
    expect(second).toMatchObject({ ok: true, calls: { redcapImports: 0, partnerPosts: 0, partnerPuts: 0 } });
    expect(new Set(second.jobs.map(({ runs }) => runs))).toEqual(new Set([1]));
    expect(second.studies).toEqual(summary.studies);
    expect(second.writes).toEqual(summary.writes);
    expect(comparable(await keptWorldState(cohort, stateFile))).toEqual(comparable(world));
  });

  it('makes its keys for its owner only', () => {
    expect(existsSync(path.join(data, 'keys', 'study-keys'))).toBe(true);
    expect(first.stderr).toMatch(/mode 0600.*Production must bring its own/);
  });
});
