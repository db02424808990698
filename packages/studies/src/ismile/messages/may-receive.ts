import type { ReasonCode, Row } from '@studybridge/contracts';
import { usPhone } from '../../us-phone';
import { read } from '../words';

/** The number as the staff wrote it. */
export const mobileText = (person: readonly Row[]): string =>
  read(person, 'baseline_arm_1', 'part_mobile_number').trim();

/** Null when none is recorded. */
export const email = (person: readonly Row[]): string | null =>
  read(person, 'baseline_arm_1', 'part_email').trim() || null;

/** The first reason why a family is not written to; null = it may be. Each is read from its own field: an unknown code elsewhere must not hide a withdrawal (law 2). */
export function mayReceive(person: readonly Row[], channel: 'sms' | 'email'): ReasonCode | null {
  if (read(person, 'baseline_arm_1', 'part_withdrawn') === '1') return 'WITHDRAWN';
  if (read(person, 'baseline_arm_1', 'part_consent_date').trim() === '') return 'CONSENT_MISSING';
  const reason = channel === 'sms' ? reasonAgainstTexts(person) : reasonAgainstMail(person);
  if (reason !== null) return reason;
  return read(person, 'baseline_arm_1', 'part_lang').trim() === '' ? 'LANGUAGE_MISSING' : null;
}

function reasonAgainstTexts(person: readonly Row[]): ReasonCode | null {
  const text = mobileText(person);
  if (text === '') return 'PHONE_MISSING';
  if (usPhone(text) === null) return 'PHONE_INVALID';
  return read(person, 'baseline_arm_1', 'part_mobile_ok_to_text') === '1' ? null : 'TEXTING_NOT_ALLOWED';
}

function reasonAgainstMail(person: readonly Row[]): ReasonCode | null {
  const address = email(person);
  if (address === null) return 'EMAIL_MISSING';
  return /^[^\s@]+@[^\s@]+\.[^\s@]+$/.test(address) ? null : 'EMAIL_INVALID';
}
