import type { JobRun } from '@studybridge/service-kit';
import { lookAtMessage } from '../decide/look-at-message';
import { lockMessage } from '../messages/message-store';
import { lockParticipant } from '../participants/participant-store';
import type { Place, Room } from '../room';

const batch = 500;

/** Decides about the messages whose moment has come: a window that opens, a cap that has room again, an end. */
export async function lookAtDue(room: Room, place: Place, run: JobRun): Promise<Record<string, number>> {
  const { dataSource, clock } = room.context;
  const counts = { due: 0, queued: 0, held: 0, ended: 0 };
  for (let after = '0'; !run.signal.aborted;) {
    const due: { id: string; position: string; participantId: string | null }[] = await dataSource.query(
      `SELECT id, position, participant_id AS "participantId" FROM message
        WHERE binding = $1 AND look_at <= $2 AND state IN ('planned', 'held') AND position > $3
        ORDER BY position LIMIT $4`,
      [place.binding.id, clock.now(), after, batch],
    );
    counts.due += due.length;
    if (run.dryRun || due.length === 0) break;
    for (const { id, participantId } of due) {
      if (run.signal.aborted) break;
      await dataSource.transaction(async (em) => {
        if (participantId !== null) await lockParticipant(em, participantId);
        await run.lease.assert(em);
        const message = await lockMessage(em, id);
        if (!message) return;
        await lookAtMessage(em, room, message);
        if (message.state === 'queued') counts.queued += 1;
        else if (message.state === 'planned' || message.state === 'held') counts.held += 1;
        else counts.ended += 1;
      });
    }
    after = due.at(-1)?.position ?? after;
  }
  return counts;
}
