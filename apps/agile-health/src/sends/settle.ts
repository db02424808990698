import { type ReasonCode, reasons, type StudybridgeError } from '@studybridge/contracts';
import type { Effect, EffectResult } from '@studybridge/effects';
import type { EntityManager } from 'typeorm';
import { carryOut } from '../carry-out';
import type { SendKind } from '../decide/situation';
import { type Member, readMember, saveMember } from '../members/member-store';
import { firstNews, type PartnerNews, takeOver } from '../members/partner-news';
import { PartnerError } from '../partner/partner-errors';
import { recallInstants } from '../members/recall-instants';
import { lockParticipant, type Participant, readParticipant, saveParticipant } from '../participants/participant-store';
import type { Place, Room } from '../room';

/** What a call came to: what the partner said, or that it was not made because it was no longer wanted. */
export interface Sent {
  news: PartnerNews | null;
  skipped?: boolean;
  /** Whoever the partner has under this id is somebody else, by all that names a family. */
  stranger?: boolean;
}

/**
 * Takes in what became of an effect: what the partner said of the member, the end of the open effect, a refusal; then
 * decides anew, which is what brings the next step under way. `onDone` notes what this kind changed.
 */
export async function settleSend(
  em: EntityManager,
  room: Room,
  kind: SendKind,
  content: string,
  effect: Effect<unknown>,
  result: EffectResult,
  onDone: (member: Member, news: PartnerNews) => void,
): Promise<void> {
  const { participantId } = effect;
  await lockParticipant(em, participantId);
  const participant = await readParticipant(em, participantId);
  const place = participant && room.places.get(participant.binding);
  if (!participant || !place) return;
  if (kind !== 'adopt') participant[`${kind}Open`] = null;

  if (result.state === 'done') {
    const { news, skipped, stranger } = result.outcome as Sent;
    if (news) await takeIn(em, place, participant, news, onDone);
    if (!skipped && participant.refusal?.kind === kind) participant.refusal = null;
    if (kind === 'adopt') participant.adoption = news ? 'found' : 'missing';
    if (stranger) participant.refusal = strangerAt(participant);
  } else if (kind === 'adopt') {
    // Nothing was proved; the next change of the record looks again.
    participant.adoption = 'missing';
  } else if (result.state === 'refused') {
    participant.refusal = {
      kind,
      reason: reasonOf(result.error),
      content,
      fields: result.error instanceof PartnerError ? result.error.fields : [],
    };
  } else if (result.state === 'in-doubt') {
    participant.refusal = { kind, reason: 'EFFECT_IN_DOUBT', content, fields: [] };
  }
  await saveParticipant(em, participant);
  await carryOut(em, room, participantId);
}

/** Holds a family of whom the partner has somebody else under the same id, until a person has looked. */
export function strangerAt(participant: Participant): Participant['refusal'] {
  return { kind: 'enrol', reason: 'IDENTITY_IN_DOUBT', content: participant.detailsHash ?? '', fields: [] };
}

/** Takes over what the partner has; `onDone` notes what the send itself changed. `recall`: also what REDCap still knows. */
export async function takeIn(
  em: EntityManager,
  place: Place,
  participant: Participant,
  news: PartnerNews,
  onDone: (member: Member, news: PartnerNews) => void,
  o: { recall?: boolean } = {},
): Promise<void> {
  const { participantId, binding } = participant;
  const before = await readMember(em, participantId);
  const member = before ?? firstNews(place.agile, participantId, binding, news);
  if (before) takeOver(place.agile, member, news);
  onDone(member, news);
  if (!before || o.recall) await recallInstants(em, place, member);
  await saveMember(em, member);
}

function reasonOf(error: StudybridgeError): ReasonCode {
  return error.code in reasons ? (error.code as ReasonCode) : 'OUT_OF_STEP';
}
