import { oracle, type Cohort, type OracleRecord } from '@studybridge/studies';
import type { Difference } from './verdict';
import { staffCells, type FlatRow, type KeptMember, type WorldState } from './world-state';

const baseline = 'baseline_arm_1';
/** What the partner is told of a family. */
const told = [
  'part_first_name', 'part_last_name', 'part_gender', 'part_lang', 'part_mobile_number', 'child_first_name', 'child_gender',
  'child_dob', 'site_id', 'bs_brush_freq', 'bs_last_dental_visit', 'bs_bottle_bed', 'bs_topic_choice',
]; // prettier-ignore

/** Everything in which the outside differs from what XML and timeline alone say it must be. */
export function compareWithOracle(cohort: Cohort, start: readonly FlatRow[], end: WorldState): Difference[] {
  const expected = oracle(cohort);
  return [
    ...expected.records.flatMap((record) => compareRecord(record, end)),
    ...compareMembers(expected.partnerMembers, end.members),
    ...compareLedger(cohort, end),
    ...compareStaffCells(staffCells(start, cohort), end.rows),
  ];
}

function compareRecord(expected: OracleRecord, end: WorldState): Difference[] {
  const { record } = expected;
  const row = end.rows.find((one) => one['record_id'] === record && one['redcap_event_name'] === baseline) ?? {};
  const member = end.members.find((one) => one.memberId === row['ag_member_id']);
  const found: Difference[] = [];
  const differ = (kind: Difference['kind'], what: string, must: unknown, is: unknown): void => {
    if (must === is) return;
    found.push({ kind, record, sentence: `${what}: must be ${JSON.stringify(must)}, is ${JSON.stringify(is)}` });
  };
  differ(
    expected.member ? 'changesLost' : 'membersDoubled',
    'a member at the partner',
    expected.member,
    member !== undefined,
  );
  if (member && expected.member) {
    differ('changesLost', 'the partner’s status', expected.partnerStatus, member.status);
    differ(member.arm === null ? 'changesLost' : 'armsWrong', 'the arm at the partner', expected.arm, member.arm);
    // What was refused stays at the partner as it was before; the refusal stands in the attention.
    if (
      expected.attention !== 'DUPLICATE_MOBILE' &&
      expected.attention !== 'REFUSED_FIELDS' &&
      member.status !== 'WITHDRAWN'
    ) {
      differ('changesLost', 'the first name at the partner', row['part_first_name'], member.details.firstName);
      differ('changesLost', 'the last name at the partner', row['part_last_name'], member.details.lastName);
      differ('changesLost', 'the child’s name at the partner', row['child_first_name'], member.details.childFirstName);
    }
  }
  const cell = (field: string): string => row[field] ?? '';
  differ('cellsWrong', 'ag_status', expected.agStatus, cell('ag_status'));
  if (expected.agEnrollStatus !== null)
    differ('cellsWrong', 'ag_enroll_status', expected.agEnrollStatus, cell('ag_enroll_status'));
  differ('cellsWrong', 'ag_attention_reason', expected.attention ?? '', cell('ag_attention_reason'));
  if (['8', '9'].includes(cell('ag_enroll_status')))
    differ('cellsWrong', 'ag_last_error', expected.held ?? '', cell('ag_last_error'));
  return found;
}

/** Members by number, status and arm, those of deleted records included. */
function compareMembers(
  expected: readonly { mobile: string; status: string; arm: string | null }[],
  members: readonly KeptMember[],
): Difference[] {
  const left = expected.map(({ mobile, status, arm }) => `${mobile} ${status} ${arm}`);
  const differences: Difference[] = [];
  const extra: string[] = [];
  for (const { details, status, arm } of members) {
    const at = left.indexOf(`${details.mobile} ${status} ${arm}`);
    if (at >= 0) left.splice(at, 1);
    else extra.push(`${details.mobile} ${status} ${arm}`);
  }
  const surplus = members.length - expected.length;
  if (surplus > 0) {
    const sentence = `the partner has ${surplus} members too many: among ${extra.join(', ')}`;
    differences.push({ kind: 'membersDoubled', record: null, sentence });
  }
  const lost = left.filter((one) => !extra.some((other) => other.split(' ')[0] === one.split(' ')[0]));
  for (const one of lost) differences.push({ kind: 'changesLost', record: null, sentence: `the partner lacks ${one}` });
  const byId = new Map<string, number>();
  for (const { externalId } of members) byId.set(externalId, (byId.get(externalId) ?? 0) + 1);
  for (const [externalId, count] of byId) {
    if (count === 1) continue;
    differences.push({
      kind: 'membersDoubled',
      record: null,
      sentence: `participant ${externalId} has ${count} members`,
    });
  }
  return differences;
}

/** No change was applied more often than the staff made it. */
function compareLedger(cohort: Cohort, end: WorldState): Difference[] {
  const allowed = changesAfterEnrolment(cohort);
  return Object.entries(end.ledger).flatMap(([memberId, calls]): Difference[] => {
    const row = end.rows.find((one) => one['ag_member_id'] === memberId);
    const record = row?.['record_id'] ?? null;
    const differences: Difference[] = [];
    const differ = (sentence: string): void => void differences.push({ kind: 'updatesTwice', record, sentence });
    if (calls.posts > 1) differ(`POST was applied ${calls.posts} times`);
    if (calls.armPuts > 1 || calls.armRepeats > 0) {
      differ(`the arm was sent ${calls.armPuts + calls.armRepeats} times, and must be once`);
    }
    // A member of a deleted record cannot be told by its number any more.
    const most = record === null ? 1 : (allowed.get(record) ?? 0);
    if (calls.puts > most) differ(`PUT was applied ${calls.puts} times, and staff made ${most} changes`);
    return differences;
  });
}

/** How many saves of each record, by the number it ends under, changed what the partner is told after it was first told. */
function changesAfterEnrolment(cohort: Cohort): Map<string, number> {
  const records = new Map<string, { values: Record<string, string>; changes: number; ready: boolean }>();
  const of = (record: string) => {
    const known = records.get(record) ?? { values: {}, changes: 0, ready: false };
    records.set(record, known);
    return known;
  };
  for (const action of cohort.timeline) {
    if (action.do === 'delete-record') records.delete(action.record);
    if (action.do === 'rename-record') {
      records.set(action.to, of(action.record));
      records.delete(action.record);
    }
    if (action.do !== 'save') continue;
    const one = of(action.record);
    const changed = Object.entries(action.values).some(
      ([field, value]) => (told.includes(field) || field === 'part_withdrawn') && (one.values[field] ?? '') !== value,
    );
    if (one.ready && changed) one.changes += 1;
    Object.assign(one.values, action.values);
    one.ready ||= one.values['baseline_survey_complete'] === '2';
  }
  return new Map([...records].map(([record, { changes }]) => [record, changes]));
}

function compareStaffCells(expected: ReadonlyMap<string, string>, rows: readonly FlatRow[]): Difference[] {
  const is = new Map<string, string>();
  const fields = new Set([...expected.keys()].map((key) => (JSON.parse(key) as string[])[2]));
  for (const row of rows) {
    for (const [field, value] of Object.entries(row)) {
      if (value !== '' && fields.has(field))
        is.set(JSON.stringify([row['record_id'], row['redcap_event_name'], field]), value);
    }
  }
  const differences: Difference[] = [];
  for (const key of new Set([...expected.keys(), ...is.keys()])) {
    const [must, now] = [expected.get(key) ?? '', is.get(key) ?? ''];
    const [record, event, field] = JSON.parse(key) as [string, string, string];
    // A form that somebody touched is incomplete until somebody says otherwise.
    const untouched = field.endsWith('_complete') && must === '' && now === '0';
    if (must === now || untouched || field.startsWith('ag_')) continue;
    const sentence = `${event} ${field}: must be ${JSON.stringify(must)}, is ${JSON.stringify(now)}`;
    differences.push({ kind: 'cellsWrong', record, sentence });
  }
  return differences;
}
