import type { ReasonCode } from '@studybridge/contracts';
import { DateTime } from 'luxon';
import type { AttentionFacts } from '../../define-agile-health';
import { settings } from '../settings';
import { statuses } from './status-table';

const hour = 3_600_000;

/** The most pressing first; whatever else a service met follows in its own order. */
const order: readonly ReasonCode[] = [
  'ARM_CONFLICT',
  'DUPLICATE_MOBILE',
  'REFUSED_FIELDS',
  'UNKNOWN_STATUS',
  'INVALID_NUMBER',
  'SHORTCODE_BLOCKED',
  'UNDELIVERABLE',
  'OPT_IN_EXPIRED',
  'OPT_IN_WAITING',
  'ARM_WAITING',
  'OPTED_OUT_EARLY',
];

/** studies.md §6, "Needs attention"; nothing for a withdrawn member, whose contact has ended. */
export function attentionOf(facts: AttentionFacts): ReasonCode[] {
  if (facts.status === 'WITHDRAWN') return [];
  const reasons = new Set<ReasonCode>(facts.problems);
  const byStatus = reasonOfStatus(facts);
  if (byStatus !== null) reasons.add(byStatus);
  if (facts.status !== null && !facts.moveAllowed) reasons.add('UNKNOWN_STATUS');
  return [...order.filter((code) => reasons.has(code)), ...[...reasons].filter((code) => !order.includes(code))];
}

function reasonOfStatus(facts: AttentionFacts): ReasonCode | null {
  switch (facts.status) {
    case null:
      return null;
    case 'INVALID_NUMBER':
    case 'SHORTCODE_BLOCKED':
    case 'OPT_IN_EXPIRED':
    case 'UNDELIVERABLE':
      return facts.status;
    case 'OPT_IN_SENT':
      return olderThan(facts, settings.attentionHours.optInWaiting) ? 'OPT_IN_WAITING' : null;
    case 'OPTED_IN':
      return olderThan(facts, settings.attentionHours.armWaiting) ? 'ARM_WAITING' : null;
    case 'OPTED_OUT':
      return withinProgramme(facts) ? 'OPTED_OUT_EARLY' : null;
    default:
      return statuses[facts.status] === undefined ? 'UNKNOWN_STATUS' : null;
  }
}

function olderThan({ statusAt, now }: AttentionFacts, hours: number): boolean {
  return statusAt !== null && now.getTime() - statusAt.getTime() > hours * hour;
}

/** Before the programme began counts as within it. */
function withinProgramme({ statusAt, randomizedOn }: AttentionFacts): boolean {
  if (statusAt === null || randomizedOn === null) return true;
  const end = DateTime.fromISO(randomizedOn, { zone: settings.zone }).plus({ months: settings.programmeMonths });
  return statusAt.getTime() < end.toMillis();
}
