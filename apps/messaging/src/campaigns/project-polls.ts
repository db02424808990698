import { StudybridgeError, type Envelope, type ProjectPolled } from '@studybridge/contracts';
import type { Clock } from '@studybridge/contracts';
import type { EntityManager } from 'typeorm';
import type { Place, Room } from '../room';

/** A poll finished: until when we know all that the project held. */
export async function hearPolled(em: EntityManager, room: Room, envelope: Envelope<ProjectPolled>): Promise<void> {
  const { binding, project, asOf } = envelope.payload;
  if (!room.places.has(binding)) return;
  await em.query(
    `INSERT INTO project_poll AS p (binding, project, as_of) VALUES ($1, $2, $3)
     ON CONFLICT (binding, project) DO UPDATE SET as_of = greatest(p.as_of, excluded.as_of)`,
    [binding, project, asOf],
  );
}

/**
 * Throws POLL_TOO_OLD (dependency: tried again) unless the last poll is as fresh as a campaign needs. In a played world a poll
 * passes over its instants while nothing outside changes, so there the last one is as fresh as any.
 */
export async function assertComplete(
  em: EntityManager,
  place: Place,
  clock: Clock,
  withinMinutes: number,
): Promise<void> {
  const [row]: { as_of: Date }[] = await em.query(
    'SELECT as_of FROM project_poll WHERE binding = $1 AND project = $2',
    [place.binding.id, place.messaging.project],
  );
  const oldest = clock.now().getTime() - withinMinutes * 60_000;
  if (row && (clock.outsideChangedAt() !== null || row.as_of.getTime() >= oldest)) return;
  throw new StudybridgeError('REDCap was not read recently enough to tell who is due a message.', {
    code: 'POLL_TOO_OLD',
    errorClass: 'dependency',
    remedy: 'Look at the job redcap-poll; the campaign goes on when it has run.',
  });
}
