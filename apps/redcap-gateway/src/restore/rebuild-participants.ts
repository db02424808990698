import { type Envelope, participantChanged, type ParticipantChanged } from '@studybridge/contracts';
import { openPerson } from '@studybridge/service-kit';
import type { EntityManager } from 'typeorm';
import type { Gateway } from '../gateway';
import { storeSnapshots } from '../participants/participant.repository';
import { toSnapshotRow } from '../participants/values';
import type { RedcapProject } from '../projects/redcap-project';

/**
 * Participants as this service last told them since the copy: who they are, under which number, and what REDCap held. So nobody
 * gets a second id, which would make a second member at the partner.
 */
export async function rebuildParticipants(
  em: EntityManager,
  gateway: Gateway,
  projects: readonly RedcapProject[],
  basePosition: number,
): Promise<number> {
  const told: { envelope: string }[] = await em.query(
    `SELECT DISTINCT ON (key) envelope FROM bus_outbox WHERE position > $1 AND topic = $2 ORDER BY key, seq DESC`,
    [basePosition, participantChanged.topic],
  );
  const news = told.flatMap(({ envelope }) => {
    const read = JSON.parse(envelope) as Envelope;
    const payload = participantChanged.schema.safeParse(read.payload);
    const project = projects.find((one) => one.binding.id === read.binding && one.role === payload.data?.project);
    return payload.success && project ? [{ project, payload: payload.data }] : [];
  });
  if (news.length === 0) return 0;
  const { sealer } = gateway.context;
  const ids = news.map(({ payload }) => payload.participantId);
  // First off their numbers, then onto the ones they had last: numbers may have changed hands.
  await em.query('UPDATE participant SET record_id = id::text WHERE id = ANY($1::uuid[])', [ids]);
  for (const { project, payload } of news) await keepParticipant(em, project, payload);
  await em.query('DELETE FROM snapshot WHERE participant_id = ANY($1::uuid[])', [ids]);
  await storeSnapshots(
    em,
    news.flatMap(({ project, payload }) =>
      openPerson(sealer, { ...payload, study: project.study.id }).map((row) =>
        toSnapshotRow(sealer, project, payload.participantId, row),
      ),
    ),
  );
  return news.length;
}

async function keepParticipant(em: EntityManager, project: RedcapProject, told: ParticipantChanged): Promise<void> {
  const { participantId, recordId, incarnation, presence, asOf } = told;
  const where = [project.binding.id, project.role];
  if (presence !== 'deleted') {
    await em.query(
      `DELETE FROM participant WHERE binding = $1 AND role = $2 AND record_id = $3 AND presence <> 'deleted' AND NOT published
          AND id <> $4`,
      [...where, recordId, participantId],
    );
  }
  await em.query(
    `INSERT INTO participant AS p (id, binding, role, record_id, incarnation, presence, doubt, published, first_seen_at, changed_at)
     VALUES ($3, $1, $2, $4, $5, $6, $7, true, $8, $8)
     ON CONFLICT (id) DO UPDATE SET record_id = excluded.record_id, incarnation = excluded.incarnation,
       presence = excluded.presence, doubt = coalesce(p.doubt, excluded.doubt), published = true,
       changed_at = excluded.changed_at`,
    [
      ...where,
      participantId,
      recordId,
      incarnation,
      presence,
      presence === 'in-doubt' ? JSON.stringify({ kind: 'vanished' }) : null,
      asOf,
    ],
  );
  if (presence !== 'in-doubt') await em.query('UPDATE participant SET doubt = NULL WHERE id = $1', [participantId]);
}
