import { StudybridgeError } from '@studybridge/contracts';
import type { Effect } from '@studybridge/effects';
import type { FoundMember } from '../partner/partner-client';
import type { Place, Room } from '../room';

/** The partner's name in the ledger: together with a binding it is what pauses when calls fail. */
export const partner = 'agile-health';

/** Where an effect belongs. Throws a `setting` error when the binding is no longer configured. */
export function placeOf(room: Room, effect: Pick<Effect<unknown>, 'binding'>): Place {
  const place = room.places.get(effect.binding);
  if (place) return place;
  throw new StudybridgeError(`The binding ${effect.binding} is not configured with the texting partner.`, {
    code: 'BINDING_MISSING',
    errorClass: 'setting',
    remedy: 'Add it to the bindings again.',
  });
}

/** The participant's member as the partner has it, or null: authoritative, by our own id. */
export function lookUpMember(room: Room, effect: Effect<unknown>): Promise<FoundMember | null> {
  return placeOf(room, effect).client.find(effect.participantId);
}
