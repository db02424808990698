import { readFileSync, readdirSync } from 'node:fs';
import { DateTime } from 'luxon';
import path from 'node:path';
import { ismileCohort, oracle, type Cohort, type OracleRecord, type OracleResult, type TimelineAction } from '../src';
import { codebook } from '../src/ismile/codebook';

const cohort = ismileCohort({ pairs: 120 });
const expected = oracle(cohort);

const recordsOf = (name: string): OracleRecord[] =>
  cohort.situations
    .filter((situation) => situation.name === name)
    .map(({ record }) => expected.records.find((candidate) => candidate.record === record)!);

describe('a small cohort', () => {
  it.each([6, 24, 60])('of %i pairs is as large as asked for, and every seed tells other stories', (pairs) => {
    const [one, other] = [ismileCohort({ pairs, seed: 1 }), ismileCohort({ pairs, seed: 2 })];
    for (const small of [one, other]) {
      expect(oracle(small).consented).toBe(pairs);
      expect(new Set(small.situations.map(({ name }) => name)).size).toBeGreaterThan(1);
    }
    expect(one.timeline).not.toEqual(other.timeline);
  });
});

describe('the cohort', () => {
  it('is the same in every call', () => {
    expect(ismileCohort({ pairs: 120 })).toEqual(cohort);
  });

  it('lies in order of time within its span, staff and visits in clinic hours of weekdays', () => {
    const instants = cohort.timeline.map((action) => action.at);
    expect([...instants].sort()).toEqual(instants);
    expect(cohort.startAt < instants[0]!).toBe(true);
    expect(instants.at(-1)! < cohort.endAt).toBe(true);
    for (const action of cohort.timeline.slice(1)) {
      const at = DateTime.fromISO(action.at, { zone: 'America/New_York' });
      expect(at.weekday).toBeLessThanOrEqual(5);
      expect(at.hour).toBeGreaterThanOrEqual(9);
      expect(at.hour).toBeLessThan(action.do === 'text' || action.do === 'partner' ? 21 : 18);
      // never at an instant at which a job runs
      expect(at.second).not.toBe(0);
    }
  });

  it('has something for the first poll before the clinics open, so that this poll is the baseline', () => {
    expect(cohort.timeline[0]!.at < '2018-08-27T12:00:00.000Z').toBe(true);
    expect(cohort.timeline[1]!.at > '2018-08-27T12:00:00.000Z').toBe(true);
  });

  it('saves only fields that stand on the form, in an event where the form lives, with codes of the dictionary', () => {
    const fields: Record<string, { instrument: string; choices: object }> = codebook.fields;
    const events: Record<string, { instruments: readonly string[] }> = codebook.events;
    for (const action of saves(cohort)) {
      expect(events[action.event]?.instruments).toContain(action.instrument);
      for (const [field, value] of Object.entries(action.values)) {
        expect([field, fields[field]?.instrument]).toEqual([field, action.instrument]);
        const codes = Object.keys(fields[field]!.choices);
        if (codes.length > 0 && value !== '') expect(codes).toContain(value);
      }
    }
  });

  it('gives no number to two handsets, and only fictional ones', () => {
    const mobiles = cohort.handsets.map((handset) => handset.mobile);
    expect(new Set(mobiles).size).toBe(mobiles.length);
    for (const mobile of mobiles) expect(mobile).toMatch(/^\+1\d{3}55501\d\d$/);
  });

  it('has 120 consented pairs in four clinics, 35 % of them in Spanish', () => {
    expect(expected.consented).toBe(120);
    const languages = saves(cohort)
      .filter((action) => action.values.part_lang)
      .map((action) => action.values.part_lang);
    const spanish = languages.filter((language) => language === '2').length / languages.length;
    expect(spanish).toBeGreaterThan(0.28);
    expect(spanish).toBeLessThan(0.42);
    expect(
      new Set(
        saves(cohort)
          .map((action) => action.values.site_id)
          .filter(Boolean),
      ),
    ).toEqual(new Set(['1', '2', '3', '4']));
  });

  it('seeds every situation in the stated number', () => {
    const counts: Record<string, number> = {};
    for (const { name } of cohort.situations) counts[name] = (counts[name] ?? 0) + 1;
    expect(counts).toMatchObject({
      'invalid-number': 6,
      'shortcode-blocked': 2,
      'opt-in-expired': 5,
      'opted-out': 7,
      'phone-change': 3,
      'arm-conflict': 1,
      'duplicate-phone': 1,
      'timeout-after-commit': 2,
      withdrawal: 4,
      'withdrawal-behind-parked': 1,
      'month-end-anchor': 5,
      'recreated-record': 1,
      'renamed-record': 1,
      'arm-waiting': 2,
      'unknown-status': 1,
      paused: 1,
      'survey-stop': 1,
      'survey-asked-to-stop': 1,
      'survey-question': 1,
      'survey-texted-by-hand': 1,
      'survey-begun': 1,
    });
  });

  it('has anchors at the ends of months', () => {
    const anchors = saves(cohort).map((action) => action.values.rand_date);
    expect(anchors).toEqual(expect.arrayContaining(['2018-08-31', '2018-10-31']));
    for (const date of ['2017-12-31', '2016-02-29'])
      expect(cohort.projectXml).toContain(`ItemOID="rand_date" Value="${date}"`);
  });

  it('plays each timeout on the enrolment of that family alone', () => {
    const faults = cohort.timeline.flatMap((action) => (action.do === 'fault' ? [action.fault] : []));
    const mobiles = faults.map((fault) => fault.match?.bodyIncludes);
    expect(new Set(mobiles).size).toBe(2);
    for (const fault of faults) {
      expect(fault).toMatchObject({ kind: 'timeout-after-commit', match: { method: 'POST' }, times: 1, ms: 300 });
      const mobile = fault.match!.bodyIncludes!;
      expect(
        saves(cohort).filter((action) => digits(action.values.part_mobile_number ?? '') === mobile.slice(2)),
      ).toHaveLength(1);
    }
  });

  it('uses a record number again only after a poll has seen it gone', () => {
    const deleted = cohort.timeline.find((action) => action.do === 'delete-record')!;
    const record = deleted.do === 'delete-record' ? deleted.record : '';
    const again = saves(cohort).find((action) => action.record === record && action.at > deleted.at)!;
    expect(Date.parse(again.at) - Date.parse(deleted.at)).toBeGreaterThan(15 * 60_000);
  });
});

describe('the oracle', () => {
  it('expects each situation to end as the study says', () => {
    const ends = (name: string) =>
      recordsOf(name).map(({ partnerStatus, held, attention, agStatus, agEnrollStatus }) => [
        partnerStatus ?? held, attention, agStatus, agEnrollStatus,
      ]); // prettier-ignore
    const all = (name: string, end: (string | null)[]) =>
      expect([name, new Set(ends(name).map(String))]).toEqual([name, new Set([String(end)])]);
    all('invalid-number', ['INVALID_NUMBER', 'INVALID_NUMBER', '12', '2']);
    all('shortcode-blocked', ['SHORTCODE_BLOCKED', 'SHORTCODE_BLOCKED', '13', '2']);
    all('opt-in-expired', ['OPT_IN_EXPIRED', 'OPT_IN_EXPIRED', '21', '2']);
    all('opted-out', ['OPTED_OUT', 'OPTED_OUT_EARLY', '70', '2']);
    all('opted-out-and-back', ['ACTIVE', null, '40', '2']);
    all('phone-change', ['ACTIVE', null, '40', '2']);
    all('arm-conflict', ['ACTIVE', 'ARM_CONFLICT', '40', '2']);
    all('duplicate-phone', ['DUPLICATE_MOBILE', 'DUPLICATE_MOBILE', '', '9']);
    all('timeout-after-commit', ['ACTIVE', null, '40', '2']);
    all('withdrawal-active', ['WITHDRAWN', null, '80', '2']);
    all('withdrawal-behind-parked', ['WITHDRAWN', null, '80', '2']);
    all('withdrawal-before-enrolment', ['WITHDRAWN', null, '', '8']);
    all('held:BASELINE_NOT_RELEASED', ['BASELINE_NOT_RELEASED', null, '', '8']);
    all('held:REFUSED_FIELDS', ['REFUSED_FIELDS', 'REFUSED_FIELDS', '', '9']);
    all('refused-then-corrected', ['ACTIVE', null, '40', '2']);
    all('held-then-corrected', ['ACTIVE', null, '40', '2']);
    all('recreated-record', ['ACTIVE', null, '40', '2']);
    all('renamed-record', ['ACTIVE', null, '40', '2']);
    all('arm-waiting', ['OPTED_IN', 'ARM_WAITING', '30', '2']);
    all('opt-in-pending', ['OPT_IN_SENT', null, '20', '2']);
    all('unknown-status', ['LEGACY_HOLD', 'UNKNOWN_STATUS', '99', '2']);
    all('paused', ['PAUSED', null, '41', '2']);
    for (const name of new Set(cohort.situations.map((situation) => situation.name))) {
      if (name.startsWith('held:')) expect(recordsOf(name).map((record) => record.held)).toContain(name.slice(5));
    }
  });

  it('keeps the first arm of a conflict', () => {
    expect(recordsOf('arm-conflict').map((record) => record.arm)).toEqual(['OHT']);
  });

  it('keeps the old number of a family whose new one was refused', () => {
    const mobiles = expected.partnerMembers.map((member) => member.mobile);
    expect(new Set(mobiles).size).toBe(mobiles.length);
  });

  it('expects the deleted record’s member to stay at the partner, beyond those enrolled', () => {
    expect(expected.partnerMembers).toHaveLength(expected.enrolled + 1);
  });

  it('has counts that add up', () => {
    const held = Object.values(expected.held).reduce((sum, count) => sum + count, 0);
    expect(expected.enrolled + held).toBe(expected.consented);
    expect(expected.records.filter((record) => record.consented && record.arm)).toHaveLength(expected.armAssigned);
    expect(expected.statusWritten).toBe(expected.enrolled);
  });

  it('expects these numbers of 120 pairs', () => {
    const { records: _records, partnerMembers: _members, ...numbers } = expected;
    expect(numbers).toEqual({
      consented: 120,
      enrolled: 105,
      armAssigned: 101,
      statusWritten: 105,
      held: {
        BASELINE_NOT_RELEASED: 2,
        BASELINE_SURVEY_INCOMPLETE: 2,
        CAREGIVER_NAME_MISSING: 1,
        CHILD_DETAILS_MISSING: 1,
        DUPLICATE_MOBILE: 1,
        LANGUAGE_MISSING: 1,
        NOT_ELIGIBLE: 1,
        PHONE_INVALID: 1,
        PHONE_MISSING: 1,
        REFUSED_FIELDS: 1,
        SITE_MISSING: 1,
        TEXTING_NOT_ALLOWED: 1,
        WITHDRAWN: 1,
      },
      attention: {
        ARM_CONFLICT: 1,
        ARM_WAITING: 2,
        DUPLICATE_MOBILE: 1,
        INVALID_NUMBER: 6,
        OPTED_OUT_EARLY: 7,
        OPT_IN_EXPIRED: 5,
        REFUSED_FIELDS: 1,
        SHORTCODE_BLOCKED: 2,
        UNDELIVERABLE: 1,
        UNKNOWN_STATUS: 1,
      },
    });
  });

  it('does not depend on what happens to other families at the same time', () => {
    const reversed = { ...cohort, timeline: [...cohort.timeline].reverse().sort((a, b) => a.at.localeCompare(b.at)) };
    expect(oracle(reversed)).toEqual(expected);
  });

  it('follows a timeline told by hand', () => {
    const { result, save } = byHand([
      ['2018-08-27T14:01:00Z', 'YES too early'],
      ['2018-08-27T14:30:00Z', 'YES'],
    ]);
    expect(save).toBe(3);
    expect(result.records.find((record) => record.record === '900')).toMatchObject({
      partnerStatus: 'OPTED_IN',
      attention: null,
    });
    expect(byHand([['2018-08-27T14:01:00Z', 'YES']]).result.records.at(-1)).toMatchObject({
      partnerStatus: 'OPT_IN_SENT',
    });
  });

  it('shares no code with what the services use', () => {
    const folder = path.join(__dirname, '../src/ismile/oracle');
    for (const file of readdirSync(folder)) {
      const imported = [...readFileSync(path.join(folder, file), 'utf8').matchAll(/from '([^']+)'/g)].map(
        (match) => match[1]!,
      );
      for (const name of imported) {
        expect(
          ['@studybridge/contracts', '../../define-cohort', 'luxon', 'fast-xml-parser'].includes(name) ||
            name.startsWith('./'),
        ).toBe(true);
      }
    }
  });
});

describe('the cohort of 850', () => {
  it('has every situation seven times', () => {
    const large = ismileCohort({ pairs: 850 });
    const result = oracle(large);
    expect(result.consented).toBe(850);
    expect(large.situations.filter((situation) => situation.name === 'invalid-number')).toHaveLength(42);
    expect(result.attention.ARM_CONFLICT).toBe(7);
    expect(result.partnerMembers).toHaveLength(result.enrolled + 7);
  });
});

type Save = Extract<TimelineAction, { do: 'save' }>;

function saves(of: Cohort): Save[] {
  return of.timeline.filter((action): action is Save => action.do === 'save');
}

function digits(text: string): string {
  return text.replace(/\D/g, '');
}

/** One family enrolled at 10:00 in Boston (14:00 UTC), and some texts; the world ends an hour later. */
function byHand(texts: [string, string][]): { result: OracleResult; save: number } {
  const mobile = '+16175550199';
  const at = '2018-08-27T13:50:17.000Z';
  const common = { at, do: 'save' as const, record: '900', user: 'ra_boston' };
  const timeline: TimelineAction[] = [
    { ...common, event: 'screening_arm_1', values: { eligible: '1' } },
    {
      ...common,
      event: 'baseline_arm_1',
      values: {
        part_first_name: 'Ana', part_last_name: 'Diaz', part_lang: '2', part_mobile_number: '617-555-0199', part_mobile_ok_to_text: '1',
        child_first_name: 'Leo', child_gender: '2', child_dob: '2014-03-09', site_id: '1', part_consent_date: '2018-08-27',
      },
    },
    { ...common, event: 'baseline_arm_1', values: { baseline_survey_complete: '2' } },
    ...texts.map(([when, body]): TimelineAction => ({ at: when, do: 'text', mobile, body })),
  ]; // prettier-ignore
  const world: Cohort = {
    ...cohort,
    timeline,
    endAt: '2018-08-27T15:00:00.000Z',
    handsets: [{ mobile, line: 'mobile' }],
  };
  return { result: oracle(world), save: timeline.filter((action) => action.do === 'save').length };
}
