import { differenceKinds, StudybridgeError, type ReasonCode, reasons } from '@studybridge/contracts';
import { z } from 'zod';
import { carryOut } from '../carry-out';
import { compareJob } from '../differences/compare-binding';
import { listDifferences } from '../differences/difference-store';
import { type PreviewLine, previewRelease, releasable } from '../differences/preview';
import { repairDifference } from '../differences/repair-difference';
import { lockParticipant, readParticipant, saveParticipant } from '../participants/participant-store';
import type { Place, Room } from '../room';
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
    'enrolment.preview',
    z.object({ binding: z.string().optional(), participantId: z.uuid().optional() }),
    async ({ binding, participantId }) => {
      const lines: PreviewLine[] = [];
      for (const place of placesOf(room, binding)) lines.push(...(await previewRelease(room, place, participantId)));
      return lines;
    },
    'Shows what waits for a release (baseline, changed mapping, restore) and which fields would change; sends nothing.',
  );

  ops.add(
    'enrolment.release',
    z.object({
      participantId: z.uuid().optional(),
      all: z.stringbool().or(z.boolean()).optional(),
      because: z.enum([...releasable, 'baseline', 'schema', 'restore']).optional(),
      binding: z.string().optional(),
    }),
    async ({ participantId, all, because, binding }) => {
      if ((participantId === undefined) === !all || (all && because === undefined)) throw whomToRelease();
      await context.clock.refresh();
      if (!(await room.bus.mayAct(dataSource))) throw stillComparing();
      if (participantId !== undefined) return { participantId, held: await release(room, participantId) };
      const ids = await waitingBecause(room, because ?? '', binding);
      for (const id of ids) await release(room, id);
      return { released: ids.length };
    },
    'Lets a family held by a baseline, a changed mapping, a restore, the go-live date, its age or a refusal go on; all=true because=REASON for many.',
  );

  ops.add(
    'differences.list',
    z.object({
      binding: z.string().optional(),
      kind: z.enum(differenceKinds).optional(),
      cause: z.string().optional(),
      participantId: z.uuid().optional(),
      limit: z.coerce.number().int().min(1).max(100_000).default(1_000),
    }),
    (args) => listDifferences(dataSource, args),
    'Lists how REDCap, the partner and what was agreed differed at the last nightly comparison, each with its cause.',
  );

  ops.add(
    'differences.strangers',
    z.object({}),
    () => dataSource.query('SELECT binding, member_id AS "memberId", since FROM stranger ORDER BY since, member_id'),
    'Lists members at the partner that are nobody of ours.',
  );

  ops.add(
    'differences.repair',
    z.object({ participantId: z.uuid(), kind: z.enum(differenceKinds) }),
    async ({ participantId, kind }) => {
      await context.clock.refresh();
      if (!(await room.bus.mayAct(dataSource))) throw stillComparing();
      const participant = await readParticipant(dataSource.manager, participantId);
      const place = participant && room.places.get(participant.binding);
      if (!place) throw unknownParticipant();
      const done = await repairDifference(room, place, participantId, kind);
      room.effects.wake();
      room.bus.wake();
      context.logger.warn({ participantId, kind }, 'a difference was repaired by a person');
      return { participantId, kind, done };
    },
    'Puts one difference of one participant right, through the same guarded way as everything else.',
  );

  ops.add(
    'differences.now',
    z.object({ binding: z.string().optional() }),
    async ({ binding }) => {
      const runs: string[] = [];
      for (const place of placesOf(room, binding)) {
        runs.push(await context.jobs.run(compareJob, { binding: place.binding.id, wait: true }));
      }
      return { runs };
    },
    'Compares REDCap, the partner and what was agreed now: the same as jobs.run agile-compare.',
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

function placesOf(room: Room, binding: string | undefined): Place[] {
  return [...room.places.values()].filter((place) => binding === undefined || place.binding.id === binding);
}

/** A person's word that what is held of one family may go out. Returns what still holds it. */
async function release(room: Room, participantId: string): Promise<ReasonCode | null> {
  const held = await room.context.dataSource.transaction(async (em) => {
    await lockParticipant(em, participantId);
    const participant = await readParticipant(em, participantId);
    if (!participant) throw unknownParticipant();
    await room.effects.unpark(em, participantId);
    await saveParticipant(em, {
      ...participant,
      acts: true,
      released: true,
      baselineHold: false,
      heldDetails: null,
      heldArm: null,
      holdCause: null,
      refusal: null,
    });
    await carryOut(em, room, participantId);
    return (await readParticipant(em, participantId))?.held ?? null;
  });
  room.effects.wake();
  room.bus.wake();
  room.context.logger.warn({ participantId, held }, 'a family was released by a person');
  return held;
}

async function waitingBecause(room: Room, because: string, binding: string | undefined): Promise<string[]> {
  const found: { id: string }[] = await room.context.dataSource.query(
    `SELECT participant_id AS id FROM participant
      WHERE presence = 'present' AND ($2::text IS NULL OR binding = $2)
        AND (held = $1 OR (hold_cause = $1 AND (held_details IS NOT NULL OR held_arm IS NOT NULL)))
      ORDER BY participant_id`,
    [because, binding ?? null],
  );
  return found.map(({ id }) => id);
}

function whomToRelease(): StudybridgeError {
  return new StudybridgeError('Name one participant, or all of them with the reason for which they wait.', {
    code: 'BAD_ARGUMENTS',
    errorClass: 'participant',
    remedy:
      'participantId=…, or all=true because=BASELINE_NOT_RELEASED; `ops enrolment preview` shows what would go out.',
  });
}

function stillComparing(): StudybridgeError {
  return new StudybridgeError('The database was put back, and both sides are still being compared.', {
    code: 'RESTORE_RUNNING',
    errorClass: 'participant',
    remedy: 'Wait until `ops restore status` says clear.',
  });
}

function unknownParticipant(): StudybridgeError {
  return new StudybridgeError('There is no such participant.', {
    code: 'UNKNOWN_PARTICIPANT',
    errorClass: 'participant',
    remedy: 'See `ops members.list`.',
  });
}
