import { ismileCohort, oracle } from '@studybridge/studies';
import { compareWithOracle } from './compare-with-oracle';
import { countDifferences } from './verdict';
import { staffCells, type FlatRow, type WorldState } from './world-state';

const cohort = ismileCohort({ pairs: 24, seed: 5 });
const expected = oracle(cohort);

/** A world that ended exactly as the oracle says: the staff's cells, ours, and the members. */
function perfectWorld(): WorldState {
  const rows = new Map<string, FlatRow>();
  for (const [key, value] of staffCells([], cohort)) {
    const [record, event, field] = JSON.parse(key) as [string, string, string];
    const row = rows.get(`${record} ${event}`) ?? { record_id: record, redcap_event_name: event };
    row[field] = value;
    rows.set(`${record} ${event}`, row);
  }
  const members: WorldState['members'] = [];
  const ledger: WorldState['ledger'] = {};
  const spare = expected.partnerMembers.map((member) => ({ ...member }));
  for (const told of expected.records) {
    const row = rows.get(`${told.record} baseline_arm_1`) ?? {
      record_id: told.record,
      redcap_event_name: 'baseline_arm_1',
    };
    rows.set(`${told.record} baseline_arm_1`, row);
    Object.assign(row, {
      ag_status: told.agStatus,
      ag_enroll_status: told.agEnrollStatus ?? '',
      ag_attention_reason: told.attention ?? '',
      ag_last_error: told.held ?? '',
    });
    if (!told.member) continue;
    const mobile = `+1${(row['part_mobile_number'] ?? '').replace(/\D/g, '').slice(-10)}`;
    const at = spare.findIndex((one) => one.mobile === mobile && one.status === told.partnerStatus);
    const [found] = spare.splice(at < 0 ? 0 : at, 1);
    row['ag_member_id'] = `m${told.record}`;
    members.push({
      memberId: `m${told.record}`,
      externalId: `id${told.record}`,
      status: told.partnerStatus ?? '',
      arm: told.arm,
      details: {
        firstName: row['part_first_name'] ?? '',
        lastName: row['part_last_name'] ?? '',
        childFirstName: row['child_first_name'] ?? '',
        mobile: found?.mobile ?? mobile,
      },
    });
    ledger[`m${told.record}`] = {
      posts: 1,
      postRepeats: 0,
      puts: 0,
      armPuts: told.arm === null ? 0 : 1,
      armRepeats: 0,
    };
  }
  for (const [index, { mobile, status, arm }] of spare.entries()) {
    const details = { firstName: '', childFirstName: '', mobile };
    members.push({ memberId: `gone${index}`, externalId: `gone${index}`, status, arm, details });
  }
  return { rows: [...rows.values()], members, ledger };
}

const counts = (world: WorldState) => countDifferences(compareWithOracle(cohort, [], world));
const row = (world: WorldState, memberId: string): FlatRow =>
  world.rows.find((one) => one['ag_member_id'] === memberId)!;

describe('the comparison with the oracle', () => {
  it('finds nothing where everything is as the timeline says', () => {
    expect(compareWithOracle(cohort, [], perfectWorld())).toEqual([]);
  });

  it.each<[string, keyof ReturnType<typeof counts>, (world: WorldState) => void]>([
    [
      'a family that was never enrolled',
      'changesLost',
      (world) => {
        const [member] = world.members.splice(0, 1);
        delete row(world, member!.memberId)['ag_member_id'];
      },
    ],
    [
      'a second member of one family',
      'membersDoubled',
      (world) => {
        world.members.push({ ...world.members[0]!, memberId: 'twice' });
      },
    ],
    [
      'another arm',
      'armsWrong',
      (world) => {
        const member = world.members.find((one) => one.arm !== null)!;
        member.arm = member.arm === 'OHT' ? 'CWT' : 'OHT';
      },
    ],
    [
      'an arm that was sent twice',
      'updatesTwice',
      (world) => {
        Object.values(world.ledger)[0]!.armRepeats = 1;
      },
    ],
    [
      'an update that nobody made',
      'updatesTwice',
      (world) => {
        Object.values(world.ledger)[0]!.puts = 9;
      },
    ],
    [
      'a name that the partner still has wrong',
      'changesLost',
      (world) => {
        world.members[0]!.details.firstName = 'Someone';
      },
    ],
    [
      'a status that was not written back',
      'cellsWrong',
      (world) => {
        row(world, world.members[0]!.memberId)['ag_status'] = '';
      },
    ],
    [
      'a cell of the staff that was overwritten',
      'cellsWrong',
      (world) => {
        row(world, world.members[0]!.memberId)['site_id'] = '9';
      },
    ],
  ])('finds %s', (_what, kind, spoil) => {
    const world = perfectWorld();
    spoil(world);
    expect(counts(world)[kind]).toBeGreaterThan(0);
  });
});
