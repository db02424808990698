import type { MemberAttributes, MemberBody } from '../../define-agile-health';
import { settings } from '../settings';
import { usPhoneConversion } from '../../us-phone';
import { from } from '../words';

const genders = { '1': 'female', '2': 'male', '3': 'another', '9': 'undisclosed' } as const;

/** The member's body (studies.md §6), both ways. */
export const memberMapping = from.mapping<MemberBody>('agile-member', {
  firstName: from.text('baseline_arm_1', 'part_first_name'),
  lastName: from.text('baseline_arm_1', 'part_last_name'),
  gender: from.optional(from.coded('baseline_arm_1', 'part_gender', genders)),
  mobile: from.converted('baseline_arm_1', 'part_mobile_number', usPhoneConversion),
  language: from.coded('baseline_arm_1', 'part_lang', { '1': 'en', '2': 'es' }),
  childFirstName: from.text('baseline_arm_1', 'child_first_name'),
  childGender: from.coded('baseline_arm_1', 'child_gender', genders),
  childDob: from.text('baseline_arm_1', 'child_dob'),
  siteCode: from.coded('baseline_arm_1', 'site_id', { '1': 'BMC', '2': 'DOT', '3': 'COD', '4': 'SEC' }),
  timezone: from.constant<string>(settings.zone),
  attributes: from.group<MemberAttributes>({
    brushFrequency: from.optional(
      from.coded('baseline_arm_1', 'bs_brush_freq', {
        '1': 'less_than_daily',
        '2': 'once_daily',
        '3': 'twice_daily_or_more',
      }),
    ),
    lastDentalVisit: from.optional(
      from.coded('baseline_arm_1', 'bs_last_dental_visit', {
        '1': 'within_6_months',
        '2': '6_to_12_months',
        '3': 'over_a_year',
        '4': 'never',
      }),
    ),
    bottleInBed: from.optional(from.coded('baseline_arm_1', 'bs_bottle_bed', { '1': true, '0': false })),
    topic: from.optional(
      from.coded('baseline_arm_1', 'bs_topic_choice', {
        '1': 'bottle',
        '2': 'sugary_drinks',
        '3': 'fluoride',
        '4': 'physical_activity',
        '5': 'second_hand_smoke',
        '6': 'stress',
      }),
    ),
  }),
});
