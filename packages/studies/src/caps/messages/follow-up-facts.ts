import type { Row } from '@studybridge/contracts';
import { DateTime } from 'luxon';
import { from } from '../words';

type Arm = 2 | 3;
type FormStatus = 'incomplete' | 'unverified' | 'complete';
type ByArm<T> = Record<Arm, T | undefined>;

interface FollowUpFacts {
  firstName?: string;
  consentedOn?: string;
  arm?: Arm;
  sixMonths: ByArm<FormStatus>;
  twelveMonths: ByArm<FormStatus>;
  visitedOn: ByArm<string>;
}

const statuses = { '0': 'incomplete', '1': 'unverified', '2': 'complete' } as const;
const color = from.optional(from.coded('baseline_arm_1', 'rand_color', { '2': 2, '3': 3 }));

/** What decides the follow-up; a mapping, so that drift of these fields is noticed. */
export const followUpMapping = from.mapping<FollowUpFacts>('follow-up', {
  firstName: from.optional(from.text('baseline_arm_1', 'part_first_name')),
  consentedOn: from.optional(from.text('baseline_arm_1', 'part_consent_date')),
  arm: color,
  sixMonths: from.group({
    2: from.optional(from.coded('6_month_arm_2', 'exam_complete', statuses)),
    3: from.optional(from.coded('6_month_arm_3', 'exam_complete', statuses)),
  }),
  twelveMonths: from.group({
    2: from.optional(from.coded('12_month_arm_2', 'exam_complete', statuses)),
    3: from.optional(from.coded('12_month_arm_3', 'exam_complete', statuses)),
  }),
  visitedOn: from.group({
    2: from.optional(from.text('6_month_arm_2', 'exam_visit_date')),
    3: from.optional(from.text('6_month_arm_3', 'exam_visit_date')),
  }),
});

/** REDCap's arm by the randomisation field; null = not randomised. Throws a MappingError for an unknown colour. */
export function armOf(rows: readonly Row[]): Arm | null {
  return color.decode(rows) ?? null;
}

/** The 6-month exam of a participant, by the arm. */
interface SixMonthExam {
  event: '6_month_arm_2' | '6_month_arm_3';
  complete: boolean;
  /** The 12-month exam is complete, in whichever arm it was written. */
  finalVisitDone: boolean;
  /** `YYYY-MM-DD`; null when blank or not to be read. */
  visitedOn: string | null;
  firstName: string;
}

/** Null while there is no arm. Throws a MappingError for an unknown code. */
export function sixMonthExam(person: readonly Row[]): SixMonthExam | null {
  const facts = followUpMapping.decode(person);
  const { arm } = facts;
  if (arm === undefined) return null;
  return {
    event: `6_month_arm_${arm}`,
    complete: facts.sixMonths[arm] === 'complete',
    finalVisitDone: Object.values(facts.twelveMonths).includes('complete'),
    visitedOn: dayOf(facts.visitedOn[arm]?.trim() ?? ''),
    firstName: facts.firstName?.trim() ?? '',
  };
}

/** The field is free text: the ways in which an American office writes a date. */
function dayOf(text: string): string | null {
  for (const format of ['yyyy-MM-dd', 'M/d/yyyy', 'M-d-yyyy']) {
    const date = DateTime.fromFormat(text, format, { zone: 'utc' });
    if (date.isValid) return date.toFormat('yyyy-MM-dd');
  }
  return null;
}
