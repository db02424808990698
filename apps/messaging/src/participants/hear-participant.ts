import { StudybridgeError, type Envelope, type ParticipantChanged } from '@studybridge/contracts';
import { openPerson } from '@studybridge/service-kit';
import type { EntityManager } from 'typeorm';
import { lookAgainAtParticipant } from '../decide/look-at-message';
import { printOf } from '../messages/prints';
import type { Room } from '../room';
import { lockParticipant, type Participant, saveParticipant } from './participant-store';

/** A participant's state in REDCap changed: kept, and what waits for the participant is decided upon anew. */
export async function hearParticipant(
  em: EntityManager,
  room: Room,
  envelope: Envelope<ParticipantChanged>,
): Promise<void> {
  const { payload, cause } = envelope;
  const place = room.places.get(envelope.binding);
  if (!place || payload.project !== place.messaging.project) return;
  const { participantId } = payload;
  await lockParticipant(em, participantId);
  const participant: Participant = {
    participantId,
    binding: envelope.binding,
    study: envelope.study,
    recordId: payload.recordId,
    incarnation: payload.incarnation,
    presence: payload.presence,
    cause,
    correlationId: envelope.correlationId,
    asOf: new Date(payload.asOf),
    rows: payload.rows,
    sealed: payload.sealed,
    mobilePrint: null,
    emailPrint: null,
  };
  const person = openPerson(room.context.sealer, participant);
  const reached = (read: (p: typeof person) => string | null): string | null => orNull(() => read(person));
  participant.mobilePrint = printOf(room.context, place.study.id, 'sms', reached(place.messaging.mobile));
  participant.emailPrint = printOf(room.context, place.study.id, 'email', reached(place.messaging.email));
  await saveParticipant(em, participant);
  await lookAgainAtParticipant(em, room, participantId);
  for (const hook of room.hooks.participant) await hook(em, participant);
}

/** A number that is none is no way to reach anybody; why is said when a message is due. */
function orNull(read: () => string | null): string | null {
  try {
    return read();
  } catch (error) {
    if (error instanceof StudybridgeError && error.errorClass === 'participant') return null;
    throw error;
  }
}
