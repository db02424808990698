import { openPerson } from '@studybridge/service-kit';
import type { MemberBody } from '@studybridge/studies';
import { readParticipant } from '../participants/participant-store';
import type { FoundMember } from '../partner/partner-client';
import type { Room } from '../room';

/** What names a family: one of these being equal is enough, since people move, marry and are misspelt. */
const naming: (keyof MemberBody)[][] = [['mobile'], ['firstName', 'lastName'], ['childFirstName', 'childDob']];

/** Whether a member's details are about the same family as what REDCap says; nothing identifying leaves memory. */
function sameFamily(details: Record<string, unknown>, ours: MemberBody): boolean {
  return naming.some((fields) =>
    fields.every((field) => details[field] !== undefined && details[field] === ours[field]),
  );
}

/** Whether a member whom the partner has under a participant's id is that participant; a record that says too little is believed. */
export async function isOurs(room: Room, participantId: string, found: FoundMember): Promise<boolean> {
  const participant = await readParticipant(room.context.dataSource.manager, participantId);
  const place = participant && room.places.get(participant.binding);
  if (!participant || !place) return true;
  let ours: MemberBody;
  try {
    ours = place.agile.member(openPerson(room.context.sealer, participant));
  } catch {
    return true;
  }
  return sameFamily(found.details, ours);
}
