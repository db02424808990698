import type { Row } from '@studybridge/contracts';
import type { Visit } from '../windows';
import { from } from '../words';

type Arm = 2 | 3;
type FormStatus = 'incomplete' | 'unverified' | 'complete';

interface InvitationFacts {
  consentedOn?: string;
  withdrawn?: boolean;
  okToText?: boolean;
  language?: 'en' | 'es';
  arm?: Arm;
  /** `YYYY-MM-DD`. */
  randomizedOn?: string;
  /** `YYYY-MM-DD`, of the baseline survey. */
  surveyedOn?: string;
  email?: string;
  twoMonths: Record<Arm, FormStatus | undefined>;
  fourMonths: Record<Arm, FormStatus | undefined>;
}

const statuses = { '0': 'incomplete', '1': 'unverified', '2': 'complete' } as const;

/** What decides the survey invitations; a mapping, so that drift of these fields is noticed. */
export const invitationMapping = from.mapping<InvitationFacts>('survey-invitations', {
  consentedOn: from.optional(from.text('baseline_arm_1', 'part_consent_date')),
  withdrawn: from.optional(from.coded('baseline_arm_1', 'part_withdrawn', { '1': true, '0': false })),
  okToText: from.optional(from.coded('baseline_arm_1', 'part_mobile_ok_to_text', { '1': true, '0': false })),
  language: from.optional(from.coded('baseline_arm_1', 'part_lang', { '1': 'en', '2': 'es' })),
  email: from.optional(from.text('baseline_arm_1', 'part_email')),
  arm: from.optional(from.coded('baseline_arm_1', 'rand_arm', { '2': 2, '3': 3 })),
  randomizedOn: from.optional(from.text('baseline_arm_1', 'rand_date')),
  surveyedOn: from.optional(from.text('baseline_arm_1', 'bs_date')),
  twoMonths: from.group({
    2: from.optional(from.coded('2_month_arm_2', 'survey_2m_complete', statuses)),
    3: from.optional(from.coded('2_month_arm_3', 'survey_2m_complete', statuses)),
  }),
  fourMonths: from.group({
    2: from.optional(from.coded('4_month_arm_2', 'survey_4m_complete', statuses)),
    3: from.optional(from.coded('4_month_arm_3', 'survey_4m_complete', statuses)),
  }),
});

/** One survey of a family, by its arm. */
export interface SurveyOf {
  event: string;
  /** What its window is counted from: the randomisation, or without a date the baseline survey. `YYYY-MM-DD`. */
  anchor: string;
  complete: boolean;
}

/** The survey as it stands for the family; null while there is no arm or no anchor. Throws a MappingError for an unknown code. */
export function surveyOf(person: readonly Row[], visit: Extract<Visit, '2_month' | '4_month'>): SurveyOf | null {
  const facts = invitationMapping.decode(person);
  const anchor = facts.randomizedOn ?? facts.surveyedOn;
  if (facts.arm === undefined || anchor === undefined) return null;
  const status = visit === '2_month' ? facts.twoMonths[facts.arm] : facts.fourMonths[facts.arm];
  return { event: `${visit}_arm_${facts.arm}`, anchor, complete: status === 'complete' };
}
