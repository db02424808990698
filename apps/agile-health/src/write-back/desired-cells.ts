import type { ReasonCode } from '@studybridge/contracts';
import type { AgileFields } from '@studybridge/studies';
import type { Member } from '../members/member-store';
import type { Participant } from '../participants/participant-store';
import { type Place, wallTime } from '../room';

/** What the cells of this service should hold, by field name; the timestamp is not among them. */
export type DesiredCells = Record<string, string>;

/** Held reasons with which the partner itself refused the family. */
const refusedByPartner = new Set<ReasonCode>(['DUPLICATE_MOBILE', 'REFUSED_FIELDS', 'OUT_OF_STEP']);

/**
 * What REDCap should show about one participant (studies.md §1.3). Null when there is nothing to show: not consented and no
 * member, or an enrolment on its way whose outcome is moments off.
 */
export function desiredCells(
  place: Place,
  o: { participant: Participant; member: Member | null; attention: ReasonCode[]; late: boolean },
): DesiredCells | null {
  const { participant, member, attention } = o;
  const { agile, study } = place;
  if (!member && !participant.consented) return null;
  if (!member && participant.held === 'PARTNER_PENDING' && !o.late) return null;

  const status = member && (agile.statuses[member.status] ?? { ...agile.unknownStatus, label: member.status });
  const refusal = participant.refusal?.reason ?? (attention.includes('ARM_CONFLICT') ? 'ARM_CONFLICT' : null);
  const arm = member?.arm === 'OHT' || member?.arm === 'CWT' ? agile.armCode(member.arm) : '';
  const values: Record<Exclude<keyof AgileFields, 'lastTimestamp'>, string> = {
    memberId: member?.memberId ?? '',
    enrollStatus: enrollStatusOf(place, participant, member),
    status: status?.code ?? '',
    statusLabel: status?.label ?? '',
    statusDate: wallTime(study.zone, member?.statusAt ?? null),
    optinDate: wallTime(study.zone, member?.optInAt ?? null),
    optoutDate: wallTime(study.zone, member?.optOutAt ?? null),
    armSent: arm,
    armSentTs: arm === '' ? '' : wallTime(study.zone, member?.armSentAt ?? null),
    lastSentHash: member?.sentHash ?? '',
    lastError: (member ? refusal : participant.held) ?? '',
    needsAttention: attention.length > 0 ? '1' : '0',
    attentionReason: attention[0] ?? '',
  };
  const { fields } = agile.cells;
  // An instant that we do not know any more is not one that never was: REDCap may still hold it.
  const unknown = new Set<string>();
  if (member && arm !== '' && member.armSentAt === null) unknown.add('armSentTs');
  if (member && member.optOutAt === null) unknown.add('optoutDate');
  return Object.fromEntries(
    Object.entries(values)
      .filter(([meaning]) => !unknown.has(meaning))
      .map(([meaning, value]) => [fields[meaning as keyof AgileFields], value]),
  );
}

function enrollStatusOf(place: Place, participant: Participant, member: Member | null): string {
  const { enrollStatuses } = place.agile;
  if (member) return enrollStatuses.confirmed;
  if (participant.held === null) return '';
  if (participant.held === 'PARTNER_PENDING') return enrollStatuses.notSent;
  return refusedByPartner.has(participant.held) && participant.refusal ? enrollStatuses.refused : enrollStatuses.held;
}
