import type { Envelope, MessageRequested } from '@studybridge/contracts';
import type { EntityManager } from 'typeorm';
import type { Room } from '../room';
import { dataContext } from './message-data';
import { planMessage } from './plan-message';

/** Another service asks for a message. */
export async function hearRequest(em: EntityManager, room: Room, envelope: Envelope<MessageRequested>): Promise<void> {
  const { binding, study, cause, correlationId, payload } = envelope;
  if (!room.places.has(binding)) return;
  const { data, notBefore, expiresAt, ...request } = payload;
  await planMessage(em, room, {
    ...request,
    binding,
    study,
    cause,
    correlationId,
    data: room.context.sealer.open(study, dataContext(request.requestId), data),
    notBefore: notBefore === null ? null : new Date(notBefore),
    expiresAt: new Date(expiresAt),
  });
}
