import type { Member } from '../members/member-store';
import type { Participant } from '../participants/participant-store';
import type { ReadSituation } from '../decide/read-situation';
import { detailsOf } from '../partner/partner-member';
import type { FoundMember } from '../partner/partner-client';
import type { Place } from '../room';
import type { Cell } from '../write-back/cell-store';
import type { DesiredCells } from '../write-back/desired-cells';
import type { Difference, DifferenceCause } from './difference';

/** The three sides of one participant. */
export interface Sides {
  participant: Participant;
  /** REDCap, as last heard, mapped to the partner's words. */
  redcap: ReadSituation;
  /** What we last agreed with the partner. */
  agreed: Member | null;
  /** What the partner has under the participant's id, perhaps several. */
  partner: readonly FoundMember[];
  cells: ReadonlyMap<string, Cell>;
  desired: DesiredCells | null;
  /** Study time until which the partner's statuses were taken in; null = never. */
  statusesUntil: Date | null;
}

/**
 * How the three sides differ, each difference with its cause. What is on its way (an open effect, a requested cell, a status
 * that came after the last poll) is none. Pure; values stay here, only names leave.
 */
export function compareSides(place: Place, sides: Sides): Difference[] {
  const { participant, redcap, agreed, partner } = sides;
  const { situation } = redcap;
  const found: Difference[] = [];
  const [member] = partner;
  if (partner.length > 1) found.push({ kind: 'SEVERAL_MEMBERS', cause: 'PARTNER_CHANGED', fields: [] });
  if (member === undefined) {
    if (agreed !== null) found.push({ kind: 'NOT_AT_PARTNER', cause: 'PARTNER_CHANGED', fields: [] });
    else if (participant.held !== null && participant.held !== 'PARTNER_PENDING') {
      found.push({ kind: 'NOT_ENROLLED', cause: participant.held, fields: [] });
    }
  } else if (agreed === null) {
    if (participant.enrolOpen === null && participant.adoption !== 'pending') {
      found.push({ kind: 'NOT_TAKEN_IN', cause: participant.refusal?.reason ?? 'MISSING', fields: [] });
    }
  } else found.push(...compareMember(sides, member, agreed));
  // Nothing may be written while the record is gone or in doubt.
  if (situation.presence === 'present') found.push(...compareCells(place, sides));
  return found;
}

function compareMember(sides: Sides, member: FoundMember, agreed: Member): Difference[] {
  const { participant, redcap, statusesUntil } = sides;
  const { situation, body } = redcap;
  const found: Difference[] = [];
  const fresh = statusesUntil === null || member.statusAt > statusesUntil;
  if (member.status !== agreed.status && !fresh) {
    found.push({ kind: 'STATUS', cause: 'PARTNER_CHANGED', fields: ['status'] });
  }
  const gone = member.status === 'WITHDRAWN';
  const left = situation.withdrawn || situation.presence === 'deleted' || !situation.consented;
  if (situation.presence !== 'in-doubt' && gone !== left && participant.withdrawOpen === null && !(gone && fresh)) {
    found.push({ kind: 'WITHDRAWAL', cause: whyNotWithdrawn(sides, gone), fields: ['participation'] });
  }
  if (gone || left || situation.presence !== 'present') return found;

  const { details } = situation;
  if ('hash' in details && body !== null && member.detailsHash !== undefined && participant.updateOpen === null) {
    if (details.hash !== member.detailsHash) {
      const moved = whoMoved(details.hash, agreed.sentHash, member.detailsHash);
      const cause = moved === 'REDCAP_CHANGED' ? whyNotSent(sides, 'details') : moved;
      found.push({ kind: 'DETAILS', cause, fields: differingFields(body, member.details) });
    }
  } else if ('problem' in details) found.push({ kind: 'DETAILS', cause: details.problem, fields: [] });

  const arm = situation.arm === null ? null : 'arm' in situation.arm ? situation.arm.arm : situation.arm.problem;
  const theirs = member.arm ?? null;
  if (arm !== theirs && participant.armOpen === null) {
    const cause = theirs === null ? whyNotSent(sides, 'arm') : 'ARM_CONFLICT';
    found.push({ kind: 'ARM', cause, fields: ['arm'] });
  }
  return found;
}

function whoMoved(
  redcap: string,
  agreed: string | null,
  partner: string,
): 'REDCAP_CHANGED' | 'PARTNER_CHANGED' | 'BOTH_CHANGED' {
  if (agreed === partner) return 'REDCAP_CHANGED';
  return agreed === redcap ? 'PARTNER_CHANGED' : 'BOTH_CHANGED';
}

function whyNotWithdrawn({ participant, redcap }: Sides, gone: boolean): DifferenceCause {
  if (gone) return 'PARTNER_CHANGED';
  if (redcap.situation.presence === 'deleted') return 'RECORD_DELETED';
  return participant.refusal?.kind === 'withdraw' ? participant.refusal.reason : 'REDCAP_CHANGED';
}

/** Why something of REDCap's side was not sent by itself. */
function whyNotSent({ participant, redcap }: Sides, what: 'details' | 'arm'): DifferenceCause {
  const { situation } = redcap;
  if (situation.gate !== null && what === 'details') return situation.gate;
  const refusal = participant.refusal;
  if (refusal !== null && (refusal.kind === 'arm') === (what === 'arm')) return refusal.reason;
  const held = what === 'arm' ? participant.heldArm : participant.heldDetails;
  if (held !== null && participant.holdCause !== null) {
    return ({ baseline: 'HELD_AT_BASELINE', schema: 'HELD_BY_SCHEMA', restore: 'HELD_BY_RESTORE' } as const)[
      participant.holdCause
    ];
  }
  const { arm, goLiveOn } = situation;
  const early = arm !== null && 'arm' in arm && goLiveOn !== null && arm.randomizedOn < goLiveOn;
  return what === 'arm' && early ? 'BEFORE_GO_LIVE' : 'REDCAP_CHANGED';
}

/** Names of the partner's fields that differ, attributes as `attributes.topic`. */
export function differingFields(ours: object, theirs: Record<string, unknown>): string[] {
  const one = flat(detailsOf(ours as Record<string, unknown>));
  const other = flat(theirs);
  return [...new Set([...one.keys(), ...other.keys()])].filter((name) => one.get(name) !== other.get(name)).sort();
}

function flat(details: Record<string, unknown>): Map<string, string> {
  const entries = Object.entries(details).flatMap(([name, value]): [string, unknown][] =>
    value !== null && typeof value === 'object'
      ? Object.entries(value).map(([inner, one]): [string, unknown] => [`${name}.${inner}`, one])
      : [[name, value]],
  );
  return new Map(
    entries
      .filter(([, value]) => value !== undefined && value !== null)
      .map(([name, value]) => [name, JSON.stringify(value)]),
  );
}

/** Cells of ours that do not hold what they should, and that nobody is about to write. */
function compareCells(place: Place, { cells, desired }: Sides): Difference[] {
  if (desired === null) return [];
  const byCause = new Map<DifferenceCause, string[]>();
  for (const [field, value] of Object.entries(desired)) {
    const cell = cells.get(field);
    if (cell?.asked != null || (cell?.known ?? '') === value) continue;
    const cause = cell?.refusedReason ?? 'REDCAP_CHANGED';
    byCause.set(cause, [...(byCause.get(cause) ?? []), field]);
  }
  const [first] = byCause;
  if (first === undefined) return [];
  const fields = [...byCause.values()].flat().sort();
  return [
    { kind: 'CELLS', cause: first[0], fields: fields.filter((field) => field !== place.agile.cells.fields.armSent) },
  ];
}
