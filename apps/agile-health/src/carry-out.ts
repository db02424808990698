import { memberChanged, type MemberChanged, type ReasonCode, type Row } from '@studybridge/contracts';
import { openPerson } from '@studybridge/service-kit';
import { DateTime } from 'luxon';
import type { EntityManager } from 'typeorm';
import { decide, expiredOn } from './decide/decide';
import { detailsHashOf, readSituation, type ReadSituation } from './decide/read-situation';
import type { Decision, SendKind } from './decide/situation';
import { type Member, readMember } from './members/member-store';
import { metaOf, type Participant, readParticipant, saveParticipant } from './participants/participant-store';
import type { Place, Room } from './room';
import { todayIn } from './room';
import { effectKey, effectKinds } from './sends/kinds';
import { desiredCells } from './write-back/desired-cells';
import { readCells } from './write-back/cell-store';
import { problemsOfCells, requestCells } from './write-back/request-cells';

/**
 * Decides anew about one participant and carries it out inside the caller's transaction: effects planned or cancelled, cells
 * asked for, `memberChanged` said. Whoever calls has locked the participant. Making the same decision twice does nothing.
 * `late`: a job looks on; what is still pending is shown to staff. `afterRestore`: the partner's side was just taken in.
 */
export async function carryOut(
  em: EntityManager,
  room: Room,
  participantId: string,
  o: { late?: boolean; afterRestore?: boolean } = {},
): Promise<void> {
  // After the database was put back nothing is decided before the partner's side was taken in; then everybody is.
  if (!o.afterRestore && !(await room.bus.mayAct(em))) {
    await em.query('UPDATE participant SET undecided = true WHERE participant_id = $1', [participantId]);
    return;
  }
  const participant = await readParticipant(em, participantId);
  const place = participant && room.places.get(participant.binding);
  if (!participant || !place) return;
  const { context } = room;
  const now = context.clock.now();
  const member = await readMember(em, participantId);
  const person = openPerson(context.sealer, participant);
  noticeMapping(place, participant, person);
  const read = readSituation(place.agile, participant, person, member, {
    goLiveOn: place.goLiveOn,
    today: todayIn(place.study.zone, now),
    expiresAfterDays: context.config.ENROLMENT_EXPIRES_DAYS,
  });
  const decision = decide(read.situation);

  if (decision.refusalOver && participant.refusal) {
    participant.refusal = null;
    await room.effects.unpark(em, participantId);
  }
  for (const kind of ['adopt', 'enrol', 'update', 'arm', 'withdraw'] as const) {
    await bringUnderWay(em, room, place, participant, member, kind, decision, read);
  }

  const cells = await readCells(em, participantId);
  decision.problems.push(...problemsOfCells(cells.values(), place.agile.cells.fields.lastTimestamp));
  const attention = attentionFor(place, read, decision, member, now);
  participant.consented = read.situation.consented;
  const { enrol, update, arm, withdraw } = decision.sends;
  participant.wanted = Object.fromEntries(
    Object.entries({ enrol, update, arm, withdraw }).filter(([, content]) => content !== null),
  );
  participant.undecided = false;
  participant.held = decision.held;
  participant.baselineHold = decision.baselineHold;
  const { heldDetails, heldArm, baselineHold } = decision;
  const holds = heldDetails !== null || heldArm !== null || baselineHold;
  Object.assign(participant, { heldDetails, heldArm, holdCause: holds ? read.situation.holdCause : null });
  participant.attention = attention;
  // Nothing is written while the record is gone or in doubt: the gateway would have to refuse it.
  if (participant.presence === 'present') {
    const desired = desiredCells(place, { participant, member, attention, late: o.late ?? false });
    if (desired) await requestCells(em, room, place, participant, cells, desired, now);
  }
  await sayMember(em, room, participant, member);
  await saveParticipant(em, participant);
}

/** The same rows mean something else to the partner than when they were heard: the mapping changed, which sends nothing. */
function noticeMapping(place: Place, participant: Participant, person: Row[]): void {
  const hash = detailsHashOf(place.agile, person);
  if (participant.detailsHash !== null && hash !== participant.detailsHash) {
    participant.heldDetails = hash;
    participant.holdCause ??= 'schema';
  }
  participant.detailsHash = hash;
}

/** Makes the ledger hold exactly the effect that is wanted, as far as what is already on its way allows. */
async function bringUnderWay(
  em: EntityManager,
  room: Room,
  place: Place,
  participant: Participant,
  member: Member | null,
  kind: SendKind,
  decision: Decision,
  read: ReadSituation,
): Promise<void> {
  const { participantId } = participant;
  if (kind === 'adopt') {
    if (!decision.sends.adopt || participant.adoption !== 'none') return;
    participant.adoptNo += 1;
    participant.adoption = 'pending';
    await plan(em, room, participant, kind, participant.adoptNo, {});
    return;
  }
  const wanted = decision.sends[kind];
  const open = participant[`${kind}Open`];
  if (wanted === open) return;
  if (open !== null) {
    // What was attempted cannot be called back: its outcome decides what comes next.
    if ((await room.effects.cancel(em, participantId, [effectKinds[kind]])) === 0) return;
    participant[`${kind}Open`] = null;
  }
  if (wanted === null) return;
  const body = bodyOf(kind, read, member);
  if (body === null) return;
  const no = (participant[`${kind}No`] += 1);
  participant[`${kind}Open`] = wanted;
  await plan(
    em,
    room,
    participant,
    kind,
    no,
    body,
    kind === 'enrol' ? expiryOf(room, place, participant, read) : undefined,
  );
}

function bodyOf(kind: SendKind, read: ReadSituation, member: Member | null): object | null {
  switch (kind) {
    case 'adopt':
      return {};
    case 'enrol':
      return read.body && { details: read.body };
    case 'update':
      return member && read.body && { memberId: member.memberId, details: read.body };
    case 'arm': {
      const { arm } = read.situation;
      return member && arm && 'arm' in arm ? { memberId: member.memberId, arm } : null;
    }
    case 'withdraw':
      return member && { memberId: member.memberId };
  }
}

async function plan(
  em: EntityManager,
  room: Room,
  participant: Participant,
  kind: SendKind,
  no: number,
  body: object,
  expiresAt?: Date,
): Promise<void> {
  await room.effects.plan(em, {
    key: effectKey(kind, participant.participantId, no),
    kind: effectKinds[kind],
    participantId: participant.participantId,
    binding: participant.binding,
    study: participant.study,
    stops: kind === 'withdraw',
    cause: participant.cause,
    correlationId: participant.correlationId,
    expiresAt,
    body,
  });
}

/** A released family does not expire; any other does at the end of its last day in the study's zone. */
function expiryOf(room: Room, place: Place, participant: Participant, read: ReadSituation): Date | undefined {
  if (participant.released) return undefined;
  const day = expiredOn(read.situation.consentDate, room.context.config.ENROLMENT_EXPIRES_DAYS);
  const at = DateTime.fromISO(day, { zone: place.study.zone });
  return at.isValid ? at.toJSDate() : undefined;
}

function attentionFor(
  place: Place,
  { situation }: ReadSituation,
  decision: Decision,
  member: Member | null,
  now: Date,
): ReasonCode[] {
  const stays = situation.presence === 'present';
  const attention = place.agile.attentionOf({
    // A status of a record that is gone or in doubt asks nothing of the staff; that it is so does.
    status: stays ? (member?.status ?? null) : null,
    statusAt: member?.statusAt ?? null,
    moveAllowed: member?.moveAllowed ?? true,
    randomizedOn: situation.arm && 'arm' in situation.arm ? situation.arm.randomizedOn : null,
    problems: decision.problems,
    now,
  });
  // Contact has ended, but the two sides say different things: a person has to look.
  const also = decision.problems.filter((code) => code === 'OUT_OF_STEP' && !attention.includes(code));
  return [...attention, ...also];
}

/** Says what is known at the partner when it differs from what was said last; never the arm (law 8). */
async function sayMember(
  em: EntityManager,
  room: Room,
  participant: Participant,
  member: Member | null,
): Promise<void> {
  const payload: MemberChanged = {
    participantId: participant.participantId,
    memberId: member?.memberId ?? null,
    status: member?.status ?? null,
    statusAt: member?.statusAt.toISOString() ?? null,
    held: participant.held,
    attention: participant.attention,
  };
  const nothingYet = !participant.said && !member && !participant.held && participant.attention.length === 0;
  if (nothingYet || sameSaying(participant.said, payload)) return;
  participant.said = payload;
  await room.bus.publish(em, memberChanged, payload, metaOf(participant));
}

function sameSaying(before: MemberChanged | null, now: MemberChanged): boolean {
  return (
    before !== null &&
    before.memberId === now.memberId &&
    before.status === now.status &&
    before.statusAt === now.statusAt &&
    before.held === now.held &&
    before.attention.join() === now.attention.join()
  );
}
