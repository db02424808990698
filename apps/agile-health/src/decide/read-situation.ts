import { type Cause, StudybridgeError, type ReasonCode, reasons, type Row } from '@studybridge/contracts';
import type { AgileHealthDefinition, MemberBody } from '@studybridge/studies';
import type { Member } from '../members/member-store';
import { hashOfDetails } from '../partner/partner-member';
import type { Participant } from '../participants/participant-store';
import type { HoldCause, Situation } from './situation';

/** A situation together with what would be sent; the body is identifying and lives in memory only. */
export interface ReadSituation {
  situation: Situation;
  body: MemberBody | null;
}

/** Everything the decision depends on, from what is stored and the study's definition. `today` is in the study's zone. */
export function readSituation(
  agile: AgileHealthDefinition,
  participant: Participant,
  person: Row[],
  member: Member | null,
  o: { goLiveOn: string | null; today: string; expiresAfterDays: number },
): ReadSituation {
  const consentDate = agile.consentDate(person);
  const consented = consentDate !== null;
  const gate = consented ? attempt(() => agile.gate(person)) : { value: null };
  const body = consented ? attempt(() => agile.member(person)) : { value: null };
  const arm = consented ? attempt(() => agile.arm(person)) : { value: null };
  return {
    body: 'value' in body ? body.value : null,
    situation: {
      presence: participant.presence,
      consented,
      consentDate,
      withdrawn: agile.withdrawn(person),
      gate: 'value' in gate ? gate.value : gate.problem,
      details:
        'problem' in body ? body : body.value ? { hash: hashOfDetails(body.value) } : { problem: 'UNKNOWN_CODE' },
      arm: 'problem' in arm ? arm : arm.value,
      acts: participant.acts,
      released: participant.released,
      baselineHold: participant.baselineHold,
      heldDetails: participant.heldDetails,
      heldArm: participant.heldArm,
      // What was held before stays held for the reason it had.
      holdCause: participant.holdCause ?? holdCauseOf(participant.cause),
      adoption: participant.adoption,
      ...o,
      member: member && { sentHash: member.sentHash, arm: member.arm, withdrawn: member.status === 'WITHDRAWN' },
      open: {
        enrol: participant.enrolOpen,
        update: participant.updateOpen,
        arm: participant.armOpen,
        withdraw: participant.withdrawOpen,
      },
      refusal: participant.refusal,
    },
  };
}

type Attempt<T> = { value: T } | { problem: ReasonCode };

/** An unknown code concerns the one family (studies.md §1.5); every other error is not ours to answer. */
function attempt<T>(read: () => T): Attempt<T> {
  try {
    return { value: read() };
  } catch (error) {
    if (!(error instanceof StudybridgeError) || error.errorClass !== 'participant') throw error;
    return { problem: error.code in reasons ? (error.code as ReasonCode) : 'UNKNOWN_CODE' };
  }
}

/** Null for the causes that act by themselves. */
function holdCauseOf(cause: Cause): HoldCause | null {
  return cause === 'live' || cause === 'reconcile' ? null : cause;
}

/** The hash of what the partner would be told of a person now; null where that cannot be told. */
export function detailsHashOf(agile: AgileHealthDefinition, person: Row[]): string | null {
  const body = attempt(() => agile.member(person));
  return 'value' in body ? hashOfDetails(body.value) : null;
}
