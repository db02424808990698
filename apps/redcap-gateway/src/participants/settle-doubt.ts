import { StudybridgeError } from '@studybridge/contracts';
import type { Gateway } from '../gateway';
import { nextReadMark } from '../projects/project.repository';
import type { RedcapProject } from '../projects/redcap-project';
import { moveParticipants, type IdentityMove } from '../polling/settle-identity';
import { lockById, type Doubt } from './participant.repository';

/** One participant whose identity waits for a person. No participant data. */
export interface DoubtView {
  participantId: string;
  recordId: string;
  incarnation: number;
  doubt: Doubt | null;
  since: Date;
}

/** Everyone in doubt. */
export async function listDoubts(gateway: Gateway): Promise<DoubtView[]> {
  return gateway.context.dataSource.query<DoubtView[]>(
    `SELECT id AS "participantId", record_id AS "recordId", incarnation, doubt, changed_at AS since
       FROM participant WHERE presence = 'in-doubt' ORDER BY changed_at, id`,
  );
}

/**
 * A person's word on a doubt. `same`: it is the one we know. `deleted`: that one is gone (and whoever stands under its number
 * is new). `renamed`: it now goes by `record`. `new`: somebody who appeared is new. Answers the project to read again.
 */
export async function settleDoubt(
  gateway: Gateway,
  projects: readonly RedcapProject[],
  o: { participantId: string; as: 'same' | 'deleted' | 'renamed' | 'new'; record?: string },
): Promise<RedcapProject> {
  const { dataSource, clock } = gateway.context;
  const [home] = await dataSource.query<{ binding: string; role: string }[]>(
    'SELECT binding, role FROM participant WHERE id = $1',
    [o.participantId],
  );
  const project = projects.find((one) => one.binding.id === home?.binding && one.role === home.role);
  if (!project) throw cannot('There is no such participant.');
  const mark = await nextReadMark(dataSource);
  await dataSource.transaction(async (em) => {
    const [participant] = await lockById(em, [o.participantId]);
    if (participant?.presence !== 'in-doubt') throw cannot('The participant is not in doubt.');
    const appeared = participant.doubt?.kind === 'appeared';
    if (appeared !== (o.as === 'new')) {
      throw cannot(
        appeared ? 'Somebody who appeared can only be settled as new.' : 'Only somebody who appeared is new.',
      );
    }
    if (o.as === 'new') {
      // Nothing was ever said of them: the next look takes the record in as anybody new.
      await em.query('DELETE FROM participant WHERE id = $1 AND NOT published', [o.participantId]);
      return;
    }
    const recordId = o.as === 'renamed' ? o.record : participant.recordId;
    if (recordId === undefined || recordId === '') throw cannot('A renamed record needs its new number (record).');
    if (o.as === 'renamed') {
      await em.query(
        `DELETE FROM participant WHERE binding = $1 AND role = $2 AND record_id = $3 AND presence = 'in-doubt' AND NOT published`,
        [project.binding.id, project.role, recordId],
      );
      const taken = await em.query<unknown[]>(
        `SELECT 1 FROM participant WHERE binding = $1 AND role = $2 AND record_id = $3 AND presence <> 'deleted' AND id <> $4`,
        [project.binding.id, project.role, recordId, o.participantId],
      );
      if (taken.length > 0) throw cannot('Another participant has that record number.');
    }
    const move: IdentityMove =
      o.as === 'deleted'
        ? { participantId: o.participantId, to: 'deleted' }
        : { participantId: o.participantId, to: 'renamed', recordId };
    await moveParticipants(em, gateway, project, { moves: [move], cause: 'live', asOf: clock.now(), mark });
  });
  return project;
}

function cannot(sentence: string): StudybridgeError {
  return new StudybridgeError(sentence, {
    code: 'CANNOT_SETTLE',
    errorClass: 'participant',
    remedy: '`ops identity list` shows who is in doubt, and why.',
  });
}
