import type { ReasonCode, Row } from '@studybridge/contracts';
import { from, read } from '../words';
import { usPhone } from '../../us-phone';

interface EnrolmentFacts {
  eligible?: boolean;
  consentedOn?: string;
  withdrawn?: boolean;
  okToText?: boolean;
  baselineSurvey?: 'incomplete' | 'unverified' | 'complete';
}

/** The facts beside the member's details that decide an enrolment; a mapping, so that drift of these fields is noticed. */
export const enrolmentMapping = from.mapping<EnrolmentFacts>('agile-enrolment', {
  eligible: from.optional(from.coded('screening_arm_1', 'eligible', { '1': true, '0': false })),
  consentedOn: from.optional(from.text('baseline_arm_1', 'part_consent_date')),
  withdrawn: from.optional(from.coded('baseline_arm_1', 'part_withdrawn', { '1': true, '0': false })),
  okToText: from.optional(from.coded('baseline_arm_1', 'part_mobile_ok_to_text', { '1': true, '0': false })),
  baselineSurvey: from.optional(
    from.coded('baseline_arm_1', 'baseline_survey_complete', { '0': 'incomplete', '1': 'unverified', '2': 'complete' }),
  ),
});

type Check = (person: readonly Row[], facts: EnrolmentFacts) => boolean;

const blank = (value: string): boolean => value.trim() === '';

/** In this order: the first one that holds is the reason that staff read (studies.md §1.5). */
const checks: readonly [ReasonCode, Check][] = [
  ['WITHDRAWN', (_, facts) => facts.withdrawn === true],
  ['NOT_ELIGIBLE', (_, facts) => facts.eligible !== true],
  [
    'CAREGIVER_NAME_MISSING',
    (person) =>
      blank(read(person, 'baseline_arm_1', 'part_first_name')) ||
      blank(read(person, 'baseline_arm_1', 'part_last_name')),
  ],
  ['PHONE_MISSING', (person) => blank(read(person, 'baseline_arm_1', 'part_mobile_number'))],
  ['PHONE_INVALID', (person) => usPhone(read(person, 'baseline_arm_1', 'part_mobile_number')) === null],
  ['TEXTING_NOT_ALLOWED', (_, facts) => facts.okToText !== true],
  ['LANGUAGE_MISSING', (person) => blank(read(person, 'baseline_arm_1', 'part_lang'))],
  [
    'CHILD_DETAILS_MISSING',
    (person) =>
      blank(read(person, 'baseline_arm_1', 'child_first_name')) ||
      blank(read(person, 'baseline_arm_1', 'child_gender')) ||
      blank(read(person, 'baseline_arm_1', 'child_dob')),
  ],
  ['SITE_MISSING', (person) => blank(read(person, 'baseline_arm_1', 'site_id'))],
  ['BASELINE_SURVEY_INCOMPLETE', (_, facts) => facts.baselineSurvey !== 'complete'],
];

/** The first reason that keeps a consented family from being enrolled; null = may enrol. Throws MappingError for an unknown code. */
export function enrolmentGate(person: readonly Row[]): ReasonCode | null {
  const facts = enrolmentMapping.decode(person);
  return checks.find(([, holds]) => holds(person, facts))?.[0] ?? null;
}
