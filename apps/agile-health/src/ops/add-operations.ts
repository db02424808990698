import { StudybridgeError, type ReasonCode, reasons } from '@studybridge/contracts';
import { z } from 'zod';
import { carryOut } from '../carry-out';
import { lockParticipant, readParticipant, saveParticipant } from '../participants/participant-store';
import type { Room } from '../room';
import { tellStatus } from './status';

/** The job's name, also for `status.now`. */
export const statusJob = 'agile-status';

/** The operator's commands of this service. Their answers hold no participant data and no arm. */
export function addOperations(room: Room): void {
  const { context } = room;
  const { dataSource, ops } = context;
  ops.addStatus('agile-health', () => tellStatus(room));

  ops.add(
    'members.list',
    z.object({
      held: z.string().optional(),
      attention: z.string().optional(),
      limit: z.coerce.number().int().min(1).max(10_000).default(200),
    }),
    ({ held, attention, limit }) =>
      dataSource.query(
        `SELECT p.participant_id AS "participantId", p.binding, p.presence, m.member_id AS "memberId", m.status,
                m.status_at AS "statusAt", p.held, p.attention, p.refusal -> 'fields' AS "refusedFields"
           FROM participant p LEFT JOIN member m USING (participant_id)
          WHERE (p.consented OR m.member_id IS NOT NULL)
            AND ($1::text IS NULL OR p.held = $1) AND ($2::text IS NULL OR $2 = ANY(p.attention))
          ORDER BY p.binding, p.participant_id LIMIT $3`,
        [held ?? null, attention ?? null, limit],
      ),
    'Lists families and members with their status, what holds them, and what needs attention.',
  );

  ops.add(
    'attention.list',
    z.object({}),
    async () => {
      const rows: { participantId: string; binding: string; attention: ReasonCode[] }[] = await dataSource.query(
        `SELECT participant_id AS "participantId", binding, attention FROM participant
          WHERE attention <> '{}' ORDER BY attention[1], participant_id LIMIT 10000`,
      );
      return rows.flatMap(({ participantId, binding, attention }) =>
        attention.map((reason) => {
          const { sentence, todo } = reasons[reason];
          return { participantId, binding, reason, sentence, todo };
        }),
      );
    },
    'Lists whom staff should look at, why, and what to do.',
  );

  ops.add(
    'enrolment.release',
    z.object({ participantId: z.uuid() }),
    async ({ participantId }) => {
      await context.clock.refresh();
      const held = await dataSource.transaction(async (em) => {
        await lockParticipant(em, participantId);
        const participant = await readParticipant(em, participantId);
        if (!participant) throw unknownParticipant();
        await room.effects.unpark(em, participantId);
        await saveParticipant(em, {
          ...participant,
          acts: true,
          released: true,
          baselineHold: false,
          refusal: null,
        });
        await carryOut(em, room, participantId);
        return (await readParticipant(em, participantId))?.held ?? null;
      });
      room.effects.wake();
      room.bus.wake();
      context.logger.warn({ participantId, held }, 'a family was released by a person');
      return { participantId, held };
    },
    'Lets a family held by a baseline, the go-live date, its age or a refusal go on; asks the partner again.',
  );

  ops.add(
    'status.now',
    z.object({ binding: z.string().optional() }),
    async ({ binding }) => {
      const bindings = binding === undefined ? [...room.places.keys()] : [binding];
      const runs: string[] = [];
      for (const one of bindings) runs.push(await context.jobs.run(statusJob, { binding: one, wait: true }));
      return { runs };
    },
    'Asks the partner for every status now, while the family is still in the room.',
  );
}

function unknownParticipant(): StudybridgeError {
  return new StudybridgeError('There is no such participant.', {
    code: 'UNKNOWN_PARTICIPANT',
    errorClass: 'participant',
    remedy: 'See `ops members.list`.',
  });
}
