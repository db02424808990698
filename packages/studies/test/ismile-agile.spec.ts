import type { ReasonCode, Row } from '@studybridge/contracts';
import { MappingError, rowsOf } from '@studybridge/field-mapping';
import { expectTypeErrors } from '@studybridge/testing';
import fc from 'fast-check';
import path from 'node:path';
import { studyById, type AgileHealthDefinition, type AttentionFacts, type MemberBody } from '../src';
import { memberMapping } from '../src/ismile/agile/member-mapping';
import { usPhone } from '../src/us-phone';

const study = studyById('ismile');
const agile = study.agileHealth as AgileHealthDefinition;

const complete = {
  part_first_name: 'Ana',
  part_last_name: 'Diaz',
  part_gender: '1',
  part_lang: '2',
  part_mobile_number: '(617) 555-0123',
  part_mobile_ok_to_text: '1',
  child_first_name: 'Leo',
  child_gender: '2',
  child_dob: '2014-03-09',
  site_id: '1',
  part_consent_date: '2018-09-04',
};
const survey = {
  bs_brush_freq: '2',
  bs_last_dental_visit: '1',
  bs_bottle_bed: '0',
  bs_topic_choice: '2',
  baseline_survey_complete: '2',
};

/** A family that may enrol, with some values changed. */
function person(changes: Record<string, string> = {}): Row[] {
  const merged: Record<string, string> = {
    ...complete,
    ...survey,
    eligible: '1',
    rand_arm: '',
    rand_date: '',
    ...changes,
  };
  const instrumentOf = (field: string): [string, string] => {
    if (field === 'eligible') return ['screening_arm_1', 'eligibility'];
    if (/^(bs_|baseline_survey)/.test(field)) return ['baseline_arm_1', 'baseline_survey'];
    return ['baseline_arm_1', field.startsWith('rand_') ? 'randomization' : 'participant_info'];
  };
  return rowsOf(
    Object.entries(merged).map(([field, value]) => {
      const [event, instrument] = instrumentOf(field);
      return { event, instrument, instance: 0, field, value };
    }),
  );
}

it('refuses misspelt fields, missing codes and wrong events at compile time', () => {
  expect(expectTypeErrors(path.join(__dirname, 'ismile.types.ts'))).toHaveLength(5);
});

describe('the member’s body', () => {
  const body: MemberBody = {
    firstName: 'Ana',
    lastName: 'Diaz',
    gender: 'female',
    mobile: '+16175550123',
    language: 'es',
    childFirstName: 'Leo',
    childGender: 'male',
    childDob: '2014-03-09',
    siteCode: 'BMC',
    timezone: 'America/New_York',
    attributes: {
      brushFrequency: 'once_daily',
      lastDentalVisit: 'within_6_months',
      bottleInBed: false,
      topic: 'sugary_drinks',
    },
  };

  it('is the example of the partner’s contract, both ways', () => {
    expect(agile.member(person())).toEqual(body);
    expect(agile.member(agile.fromMember(body))).toEqual(body);
  });

  it('leaves out what the survey left blank', () => {
    const blank = { bs_brush_freq: '', bs_last_dental_visit: '', bs_bottle_bed: '', bs_topic_choice: '' };
    expect(agile.member(person(blank)).attributes).toEqual({});
  });

  it('comes back from REDCap’s cells whatever the partner holds', () => {
    const words = <T>(...choices: T[]) => fc.constantFrom(...choices);
    const name = fc.string({ minLength: 1, unit: 'grapheme' }).filter((text) => text.trim() !== '');
    const members: fc.Arbitrary<MemberBody> = fc.record(
      {
        firstName: name,
        lastName: name,
        gender: words('female', 'male', 'another', 'undisclosed'),
        mobile: fc
          .tuple(words('617', '781', '508'), fc.integer({ min: 100, max: 199 }))
          .map(([area, line]) => `+1${area}5550${line}`),
        language: words('en', 'es'),
        childFirstName: name,
        childGender: words('female', 'male', 'another', 'undisclosed'),
        childDob: words('2012-02-29', '2016-12-31'),
        siteCode: words('BMC', 'DOT', 'COD', 'SEC'),
        timezone: fc.constant('America/New_York'),
        attributes: fc.record(
          {
            brushFrequency: words('less_than_daily', 'once_daily', 'twice_daily_or_more'),
            lastDentalVisit: words('within_6_months', '6_to_12_months', 'over_a_year', 'never'),
            bottleInBed: fc.boolean(),
            topic: words('bottle', 'sugary_drinks', 'fluoride', 'physical_activity', 'second_hand_smoke', 'stress'),
          },
          { requiredKeys: [] },
        ),
      },
      {
        requiredKeys: [
          'firstName', 'lastName', 'mobile', 'language', 'childFirstName', 'childGender', 'childDob', 'siteCode', 'timezone', 'attributes',
        ],
      },
    ) as fc.Arbitrary<MemberBody>; // prettier-ignore
    fc.assert(fc.property(members, (member) => expect(agile.member(agile.fromMember(member))).toEqual(member)));
  });

  it.each(memberMapping.fields.filter((field) => field.codes !== null).map((field) => field.field))(
    'is refused for an unknown code in %s',
    (field) => {
      expect(() => agile.member(person({ [field]: '77' }))).toThrow(
        expect.objectContaining({ code: 'UNKNOWN_CODE', errorClass: 'participant' }),
      );
    },
  );

  it('is refused as PHONE_INVALID for a number that is none', () => {
    expect(() => agile.member(person({ part_mobile_number: '12345' }))).toThrow(
      expect.objectContaining({ name: 'MappingError', code: 'PHONE_INVALID' }),
    );
  });
});

describe('a US number', () => {
  it.each(['(617) 555-0123', '617-555-0123', '6175550123', '617.555.0123', '+1 617 555 0123', '1-617-555-0123'])(
    'is read from %s',
    (text) => expect(usPhone(text)).toBe('+16175550123'),
  );

  it.each([
    '',
    'none',
    '555-0123',
    '(411) 555-0142',
    '617-555-01234',
    '+52 55 1234 5678',
    '+1 416 555 0123',
    '617-555-0123 x9',
  ])('is not read from %s', (text) => expect(usPhone(text)).toBeNull());
});

describe('the enrolment gate', () => {
  it('lets a complete family in', () => {
    expect(agile.gate(person())).toBeNull();
  });

  const cases: [ReasonCode, Record<string, string>][] = [
    ['WITHDRAWN', { part_withdrawn: '1' }],
    ['NOT_ELIGIBLE', { eligible: '0' }],
    ['CAREGIVER_NAME_MISSING', { part_last_name: '' }],
    ['PHONE_MISSING', { part_mobile_number: ' ' }],
    ['PHONE_INVALID', { part_mobile_number: '(411) 555-0142' }],
    ['TEXTING_NOT_ALLOWED', { part_mobile_ok_to_text: '' }],
    ['LANGUAGE_MISSING', { part_lang: '' }],
    ['CHILD_DETAILS_MISSING', { child_dob: '' }],
    ['SITE_MISSING', { site_id: '' }],
    ['BASELINE_SURVEY_INCOMPLETE', { baseline_survey_complete: '1' }],
  ];
  it.each(cases)('holds for %s', (reason, changes) => {
    expect(agile.gate(person(changes))).toBe(reason);
  });

  it.each([
    ['NOT_ELIGIBLE', { eligible: '' }],
    ['CAREGIVER_NAME_MISSING', { part_first_name: '' }],
    ['CHILD_DETAILS_MISSING', { child_first_name: '' }],
    ['CHILD_DETAILS_MISSING', { child_gender: '' }],
    ['TEXTING_NOT_ALLOWED', { part_mobile_ok_to_text: '0' }],
    ['BASELINE_SURVEY_INCOMPLETE', { baseline_survey_complete: '' }],
  ])('holds for %s also by %o', (reason, changes) => {
    expect(agile.gate(person(changes))).toBe(reason);
  });

  it('names the first reason in the stated order, whatever else is wrong', () => {
    for (let first = 0; first < cases.length; first += 1) {
      // later cases first, so that of two wrong phones the earlier reason's stands
      const wrong = Object.assign(
        {},
        ...cases
          .slice(first)
          .map(([, changes]) => changes)
          .reverse(),
      );
      expect(agile.gate(person(wrong))).toBe(cases[first]![0]);
    }
  });

  it('never guesses at an unknown code', () => {
    expect(() => agile.gate(person({ part_withdrawn: '2' }))).toThrow(MappingError);
  });

  it('asks for consent apart from the gate', () => {
    expect(agile.consented(person())).toBe(true);
    expect(agile.consentDate(person())).toBe('2018-09-04');
    expect(agile.consented(person({ part_consent_date: '' }))).toBe(false);
    expect(agile.consentDate([])).toBeNull();
    expect(agile.withdrawn(person({ part_withdrawn: '1' }))).toBe(true);
    expect(agile.withdrawn(person({ part_withdrawn: '0' }))).toBe(false);
  });
});

describe('the arm', () => {
  it('needs both the arm and the date', () => {
    expect(agile.arm(person())).toBeNull();
    expect(agile.arm(person({ rand_arm: '2' }))).toBeNull();
    expect(agile.arm(person({ rand_date: '2018-09-05' }))).toBeNull();
    expect(agile.arm(person({ rand_arm: '3', rand_date: '2018-09-05' }))).toEqual({
      arm: 'CWT',
      randomizedOn: '2018-09-05',
    });
  });

  it('is REDCap’s arm 2 or 3 by the randomisation field, and none before', () => {
    const { armOf } = study.projects.main;
    expect(armOf(person())).toBeNull();
    expect(armOf(person({ rand_arm: '2' }))).toBe(2);
    expect(armOf(person({ rand_arm: '3' }))).toBe(3);
    expect(() => armOf(person({ rand_arm: '4' }))).toThrow(MappingError);
  });

  it('goes back as the randomisation’s code', () => {
    expect([agile.armCode('OHT'), agile.armCode('CWT')]).toEqual(['2', '3']);
  });
});

describe('statuses', () => {
  it('may follow one another by one or several of the partner’s moves', () => {
    const allowed: [string | null, string][] = [
      [null, 'RECEIVED'],
      ['RECEIVED', 'OPT_IN_SENT'],
      ['RECEIVED', 'ACTIVE'],
      ['ACTIVE', 'ACTIVE'],
      ['OPT_IN_EXPIRED', 'OPT_IN_SENT'],
      ['OPTED_OUT', 'OPT_IN_SENT'],
      ['COMPLETED', 'BOOSTER_COMPLETED'],
      ['BOOSTER_ACTIVE', 'WITHDRAWN'],
      ['INVALID_NUMBER', 'NUMBER_CHECKING'],
      ['LEGACY_HOLD', 'ACTIVE'],
    ];
    for (const [before, after] of allowed)
      expect([before, after, agile.mayMove(before, after)]).toEqual([before, after, true]);
  });

  it('may not go back to where no move leads, nor to an unknown word', () => {
    const refused: [string | null, string][] = [
      ['ACTIVE', 'RECEIVED'],
      ['COMPLETED', 'ACTIVE'],
      ['BOOSTER_COMPLETED', 'BOOSTER_ACTIVE'],
      ['WITHDRAWN', 'ACTIVE'],
      ['ACTIVE', 'LEGACY_HOLD'],
      [null, 'LEGACY_HOLD'],
      ['ACTIVE', 'toString'],
    ];
    for (const [before, after] of refused)
      expect([before, after, agile.mayMove(before, after)]).toEqual([before, after, false]);
  });
});

describe('what needs attention', () => {
  const now = new Date('2018-10-01T12:00:00Z');
  const hoursAgo = (hours: number): Date => new Date(now.getTime() - hours * 3_600_000);
  const facts = (more: Partial<AttentionFacts>): AttentionFacts => ({
    status: 'ACTIVE',
    statusAt: hoursAgo(1),
    moveAllowed: true,
    randomizedOn: '2018-09-01',
    problems: [],
    now,
    ...more,
  });

  it.each(['RECEIVED', 'NUMBER_CHECKING', 'ACTIVE', 'PAUSED', 'COMPLETED', 'BOOSTER_ACTIVE', 'WITHDRAWN', null])(
    'is nothing for %s',
    (status) => expect(agile.attentionOf(facts({ status, statusAt: hoursAgo(1000) }))).toEqual([]),
  );

  it.each(['INVALID_NUMBER', 'SHORTCODE_BLOCKED', 'OPT_IN_EXPIRED', 'UNDELIVERABLE'])('is %s at once', (status) => {
    expect(agile.attentionOf(facts({ status }))).toEqual([status]);
  });

  it.each([
    ['OPT_IN_SENT', 72, 'OPT_IN_WAITING'],
    ['OPTED_IN', 24, 'ARM_WAITING'],
  ])('for %s begins after %d hours', (status, hours, reason) => {
    expect(agile.attentionOf(facts({ status, statusAt: hoursAgo(hours) }))).toEqual([]);
    expect(agile.attentionOf(facts({ status, statusAt: new Date(hoursAgo(hours).getTime() - 1) }))).toEqual([reason]);
  });

  it('is an opt-out within four calendar months of the randomisation, or before it', () => {
    const optedOut = (at: string, randomizedOn: string | null): ReasonCode[] =>
      agile.attentionOf(
        facts({ status: 'OPTED_OUT', statusAt: new Date(at), randomizedOn, now: new Date('2019-06-01T00:00:00Z') }),
      );
    // 31 October + 4 months ends on 28 February, midnight in Boston
    expect(optedOut('2019-02-28T04:59:59Z', '2018-10-31')).toEqual(['OPTED_OUT_EARLY']);
    expect(optedOut('2019-02-28T05:00:00Z', '2018-10-31')).toEqual([]);
    expect(optedOut('2019-05-01T00:00:00Z', null)).toEqual(['OPTED_OUT_EARLY']);
  });

  it('is a word or a move that is not known', () => {
    expect(agile.attentionOf(facts({ status: 'LEGACY_HOLD', moveAllowed: false }))).toEqual(['UNKNOWN_STATUS']);
    expect(agile.attentionOf(facts({ status: 'ACTIVE', moveAllowed: false }))).toEqual(['UNKNOWN_STATUS']);
  });

  it('puts what is most pressing first, and says nothing of a withdrawn member', () => {
    const problems: ReasonCode[] = ['EFFECT_IN_DOUBT', 'REFUSED_FIELDS', 'ARM_CONFLICT'];
    expect(agile.attentionOf(facts({ status: 'INVALID_NUMBER', problems }))).toEqual([
      'ARM_CONFLICT',
      'REFUSED_FIELDS',
      'INVALID_NUMBER',
      'EFFECT_IN_DOUBT',
    ]);
    expect(agile.attentionOf(facts({ status: null, problems: ['DUPLICATE_MOBILE'] }))).toEqual(['DUPLICATE_MOBILE']);
    expect(agile.attentionOf(facts({ status: 'WITHDRAWN', problems }))).toEqual([]);
  });
});

describe('cells', () => {
  it.each([
    ['ag_status', 'agile-health'],
    ['vt_window_open', 'visit-tracking'],
    ['txt_message', 'messaging'],
    ['sms_survey_log_complete', 'messaging'],
    ['txt_manual_date', 'staff'],
    ['part_lang', 'staff'],
    ['agile_link_complete', 'staff'],
  ])('%s belong to %s', (field, owner) => expect(study.projects.main.ownerOf(field)).toBe(owner));
});

describe('schedules', () => {
  it('are those of the coordinating centre, in the server’s zone', () => {
    const zone = 'America/Los_Angeles';
    expect(study.schedules).toEqual({
      'redcap-poll': [
        { cron: '*/15 5-22 * * 1-5', zone },
        { cron: '4 3,7,11,15,19,23 * * 0,6', zone },
      ],
      'agile-status': [{ cron: '16 0,4 * * *', zone }],
      'agile-compare': [{ cron: '40 4 * * *', zone }],
      'survey-invitations': [{ cron: '50 13 * * *', zone }],
      'full-comparison': [{ cron: '30 2 * * *', zone }],
    });
  });
});

describe('what stops contact', () => {
  const row = (values: Record<string, string>): Row => ({
    event: 'baseline_arm_1',
    instrument: 'participant_info',
    instance: 0,
    values,
  });

  it('is read from its own field, whatever else the form holds (law 2)', () => {
    const person = [row({ part_consent_date: '2018-09-04', part_mobile_ok_to_text: '7', part_withdrawn: '1' })];
    expect(agile.withdrawn(person)).toBe(true);
    expect(agile.consentDate(person)).toBe('2018-09-04');
    expect(() => agile.gate(person)).toThrow(expect.objectContaining({ code: 'UNKNOWN_CODE' }));
  });
});
