import type { ReasonCode } from '@studybridge/contracts';
import { DateTime } from 'luxon';
import type { Decision, Situation } from './situation';

/** Gate reasons that do not make a member's details unfit to be sent. */
const harmlessForMembers = new Set<ReasonCode>(['BASELINE_SURVEY_INCOMPLETE']);

/**
 * What to do about one participant now (studies.md §1.5 and §1.6, law 7). Pure: the same situation always gives the same
 * decision, so it can be made again after any event, answer or release without harm.
 */
export function decide(s: Situation): Decision {
  const none: Decision = {
    held: null,
    problems: [],
    sends: { adopt: false, enrol: null, update: null, arm: null, withdraw: null },
    refusalOver: false,
    baselineHold: s.baselineHold,
    heldDetails: null,
    heldArm: null,
  };
  const left = s.member !== null && !s.member.withdrawn;

  if (s.presence === 'deleted') {
    return { ...none, held: s.consented && !s.member ? 'RECORD_DELETED' : null, problems: left ? ['OUT_OF_STEP'] : [] };
  }
  if (s.presence === 'in-doubt') {
    return {
      ...none,
      held: s.consented && !s.member ? 'IDENTITY_IN_DOUBT' : null,
      problems: s.consented || s.member ? ['IDENTITY_IN_DOUBT'] : [],
    };
  }

  const adopt =
    (s.member !== null || !s.released) &&
    (s.adoption === 'pending' || (s.adoption === 'none' && !s.acts)) &&
    (s.consented || s.member !== null);
  const looking: Decision = { ...none, sends: { ...none.sends, adopt } };
  if (s.withdrawn) return decideWithdrawn(s, looking);
  if (!s.consented) return { ...none, problems: left ? ['OUT_OF_STEP'] : [] };
  return s.member ? decideMember(s, s.member, looking) : decideNewcomer(s, looking);
}

/** Stopping contact goes out at once and whatever the cause, as soon as the member is known. */
function decideWithdrawn(s: Situation, base: Decision): Decision {
  if (!s.member) return { ...base, held: s.consented ? 'WITHDRAWN' : null };
  if (s.member.withdrawn) return base;
  if (s.refusal?.kind === 'withdraw') return { ...base, problems: ['OUT_OF_STEP'] };
  return { ...base, sends: { ...base.sends, withdraw: 'withdrawn' } };
}

function decideMember(s: Situation, member: NonNullable<Situation['member']>, base: Decision): Decision {
  // Withdrawn is final at the partner: who takes it back in REDCap has to talk to the partner.
  if (member.withdrawn) return { ...base, problems: ['OUT_OF_STEP'] };
  const problems = new Set<ReasonCode>();
  const sends = { ...base.sends };
  let refusalOver = false;
  let heldDetails: string | null = null;
  let heldArm: string | null = null;
  // A change of the mapping makes everybody differ: it is offered as a preview, and is nobody's attention.
  const flagHeld = () => s.holdCause === 'schema' || problems.add('OUT_OF_STEP');

  if (s.gate !== null && !harmlessForMembers.has(s.gate)) {
    problems.add('OUT_OF_STEP');
  } else if ('problem' in s.details) {
    problems.add(s.details.problem);
  } else {
    const { hash } = s.details;
    const refused = s.refusal?.kind === 'update' || s.refusal?.kind === 'enrol' ? s.refusal : null;
    if (refused && (refused.content !== hash || hash === member.sentHash)) refusalOver = true;
    if (hash !== member.sentHash || (s.open.update !== null && s.open.update !== hash)) {
      const held = !s.acts || hash === s.heldDetails;
      if (refused && !refusalOver) problems.add(refused.reason);
      // Decided before: what has been given out stays so.
      else if (!held || s.open.update === hash) sends.update = hash === member.sentHash ? null : hash;
      else if (hash !== member.sentHash) {
        heldDetails = hash;
        flagHeld();
      }
    }
  }

  if (s.arm !== null && 'problem' in s.arm) {
    problems.add(s.arm.problem);
  } else if (member.arm !== null) {
    if (s.arm?.arm !== member.arm) problems.add('ARM_CONFLICT');
  } else if (s.arm !== null) {
    const refused = s.refusal?.kind === 'arm' ? s.refusal : null;
    const held = !s.acts || s.arm.arm === s.heldArm;
    const live = !held && (s.released || s.goLiveOn === null || s.arm.randomizedOn >= s.goLiveOn);
    if (refused && refused.reason === 'ARM_CONFLICT') problems.add('ARM_CONFLICT');
    else if (refused && refused.content === s.arm.arm) problems.add(refused.reason);
    else if (live || s.open.arm !== null) {
      sends.arm = s.arm.arm;
      if (refused) refusalOver = true;
    } else if (held) {
      heldArm = s.arm.arm;
      flagHeld();
    } else problems.add('OUT_OF_STEP');
  }
  return { ...base, sends, problems: [...problems], refusalOver, heldDetails, heldArm };
}

function decideNewcomer(s: Situation, base: Decision): Decision {
  if (s.gate !== null) return { ...base, held: s.gate, refusalOver: s.refusal !== null };
  if ('problem' in s.details) return { ...base, held: s.details.problem, problems: [s.details.problem] };
  const { hash } = s.details;
  if (s.refusal && s.refusal.content === hash) {
    return { ...base, held: s.refusal.reason, problems: [s.refusal.reason] };
  }
  const refusalOver = s.refusal !== null;
  const enrol: Decision = {
    ...base,
    held: 'PARTNER_PENDING',
    sends: { ...base.sends, enrol: hash },
    refusalOver,
  };
  // Decided before: what has been given out stays so.
  if (s.open.enrol !== null) return enrol;
  if (!s.released) {
    const baselineHold = s.baselineHold || !s.acts;
    if (base.sends.adopt) return { ...base, held: 'PARTNER_PENDING', baselineHold };
    if (baselineHold) {
      const held = s.holdCause === 'restore' ? 'RESTORE_NOT_RELEASED' : 'BASELINE_NOT_RELEASED';
      return { ...base, held, baselineHold };
    }
    if (s.goLiveOn !== null && (s.consentDate ?? '') < s.goLiveOn) return { ...base, held: 'BEFORE_GO_LIVE' };
    if (expiredOn(s.consentDate, s.expiresAfterDays) <= s.today) return { ...base, held: 'EXPIRED' };
  }
  return enrol;
}

/** The first day on which a fact of that day has expired, `YYYY-MM-DD`. */
export function expiredOn(date: string | null, expiresAfterDays: number): string {
  const day = DateTime.fromISO(date ?? '', { zone: 'utc' });
  // An unreadable date cannot be shown to be fresh.
  return day.isValid ? day.plus({ days: expiresAfterDays + 1 }).toISODate() : '0000-00-00';
}
