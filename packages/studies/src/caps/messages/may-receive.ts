import type { ReasonCode, Row } from '@studybridge/contracts';
import { usPhone } from '../../us-phone';
import { read } from '../words';

/** The number as the staff wrote it. */
export const mobileText = (person: readonly Row[]): string =>
  read(person, 'baseline_arm_1', 'part_mobile_number').trim();

/** The first reason why somebody is not written to; null = may be. */
export function mayReceive(person: readonly Row[], channel: 'sms' | 'email'): ReasonCode | null {
  if (read(person, 'baseline_arm_1', 'part_consent_date').trim() === '') return 'CONSENT_MISSING';
  if (channel === 'email') return 'EMAIL_MISSING';
  const text = mobileText(person);
  if (text === '') return 'PHONE_MISSING';
  return usPhone(text) === null ? 'PHONE_INVALID' : null;
}
