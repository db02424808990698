import type { ParticipantChanged } from '@studybridge/contracts';
import type { DataSource, EntityManager } from 'typeorm';
import { copyRows, type Sealer } from '@studybridge/service-kit';
import type { RedcapProject } from '../projects/redcap-project';
import type { SnapshotRow } from './values';

/** Whether the record stands in REDCap, was deleted, or waits for a person. */
export type Presence = ParticipantChanged['presence'];

/** Why a participant's identity waits for a person. `other` is the participant it may be the same as. */
export interface Doubt {
  /** `vanished`: gone from REDCap without a trace; `appeared`: may be a vanished one renamed; `replaced`: deleted, yet there. */
  kind: 'vanished' | 'appeared' | 'replaced';
  other?: string;
}

/** A participant as the gateway knows it: one incarnation of a record number. `readMark` orders what was read of it. */
export interface Participant {
  id: string;
  recordId: string;
  incarnation: number;
  presence: Presence;
  doubt: Doubt | null;
  published: boolean;
  readMark: number;
}

const columns = `id, record_id AS "recordId", incarnation, presence, doubt, published, read_mark::float8 AS "readMark"`;

/** The participants (not deleted) behind record numbers, locked until the transaction ends. In one order, so that nobody deadlocks. */
export async function lockByRecord(
  em: EntityManager,
  project: RedcapProject,
  records: readonly string[],
): Promise<Participant[]> {
  return em.query<Participant[]>(
    `SELECT ${columns} FROM participant
      WHERE binding = $1 AND role = $2 AND record_id = ANY($3) AND presence <> 'deleted' ORDER BY id FOR UPDATE`,
    [project.binding.id, project.role, records],
  );
}

/** Participants by id, locked until the transaction ends. */
export async function lockById(em: EntityManager, ids: readonly string[]): Promise<Participant[]> {
  return em.query<Participant[]>(
    `SELECT ${columns} FROM participant WHERE id = ANY($1::uuid[]) ORDER BY id FOR UPDATE`,
    [ids],
  );
}

/** Participants by id. */
export async function findById(db: DataSource | EntityManager, ids: readonly string[]): Promise<Participant[]> {
  return db.query<Participant[]>(`SELECT ${columns} FROM participant WHERE id = ANY($1::uuid[])`, [ids]);
}

/** Every participant of a project that is not deleted. */
export async function findLiving(db: DataSource | EntityManager, project: RedcapProject): Promise<Participant[]> {
  return db.query<Participant[]>(
    `SELECT ${columns} FROM participant WHERE binding = $1 AND role = $2 AND presence <> 'deleted'`,
    [project.binding.id, project.role],
  );
}

/**
 * Makes participants for record numbers that had none: the first incarnation, or the next one of a number that was deleted
 * before. Numbers that somebody else took in the meantime are left out of the answer. `said`: from which export they are
 * stored, and published in the same transaction.
 */
export async function insertParticipants(
  em: EntityManager,
  sealer: Sealer,
  project: RedcapProject,
  items: readonly { recordId: string; presence: Presence; doubt?: Doubt }[],
  now: Date,
  said: { mark: number } | null = null,
): Promise<Participant[]> {
  if (items.length === 0) return [];
  const places = await freshPlaces(
    em,
    sealer,
    project,
    items.map((item) => item.recordId),
  );
  const rows = await em.query<Participant[]>(
    `INSERT INTO participant (id, binding, role, record_id, incarnation, presence, doubt, first_seen_at, changed_at,
        published, read_mark)
     SELECT i.id, $1, $2, i.record_id, i.incarnation, i.presence, i.doubt, $4, $4, $5::bigint IS NOT NULL, coalesce($5, 0)
       FROM jsonb_to_recordset($3::jsonb) AS i(id uuid, record_id text, incarnation integer, presence text, doubt jsonb)
     ON CONFLICT DO NOTHING RETURNING ${columns}`,
    [
      project.binding.id,
      project.role,
      JSON.stringify(
        items.map((item) => ({
          ...places.get(item.recordId),
          record_id: item.recordId,
          presence: item.presence,
          doubt: item.doubt ?? null,
        })),
      ),
      now,
      said?.mark ?? null,
    ],
  );
  return rows;
}

/**
 * The id and incarnation of whoever comes next under a number. The id follows from the number and how many came before, under
 * the study's key: a database that was put back, or lost, gives everybody the id under which the partner knows them.
 */
async function freshPlaces(
  em: EntityManager,
  sealer: Sealer,
  project: RedcapProject,
  recordIds: readonly string[],
): Promise<Map<string, { id: string; incarnation: number }>> {
  const where = [project.binding.id, project.role];
  const known = await em.query<{ record: string; incarnation: number }[]>(
    `SELECT record_id AS record, max(incarnation) AS incarnation FROM participant
      WHERE binding = $1 AND role = $2 AND record_id = ANY($3) GROUP BY record_id`,
    [...where, recordIds],
  );
  const last = new Map(known.map((row) => [row.record, row.incarnation]));
  const nth = new Map(recordIds.map((record) => [record, 1 + (last.get(record) ?? 0)]));
  const idOf = (record: string) => participantIdOf(sealer, project, record, nth.get(record) ?? 1);
  for (let open = [...recordIds]; open.length > 0;) {
    const taken = new Set(
      (await em.query<{ id: string }[]>('SELECT id FROM participant WHERE id = ANY($1::uuid[])', [open.map(idOf)])).map(
        (row) => row.id,
      ),
    );
    // Somebody who began under this number goes by another one now.
    open = open.filter((record) => taken.has(idOf(record)));
    for (const record of open) nth.set(record, (nth.get(record) ?? 1) + 1);
  }
  return new Map(
    recordIds.map((record) => [record, { id: idOf(record), incarnation: 1 + (last.get(record) ?? 0) }] as const),
  );
}

/** A UUID (version 8) from a keyed fingerprint of the nth participant who began under a record number. */
function participantIdOf(sealer: Sealer, project: RedcapProject, recordId: string, nth: number): string {
  const hex = sealer.fingerprint(
    project.study.id,
    'participant',
    JSON.stringify([project.binding.id, project.role, recordId, nth]),
  );
  const variant = ((parseInt(hex.slice(16, 17), 16) & 0x3) | 0x8).toString(16);
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-${variant}${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}

/** The stored rows of participants, by participant. */
export async function loadSnapshots(
  db: DataSource | EntityManager,
  ids: readonly string[],
): Promise<Map<string, SnapshotRow[]>> {
  const found = new Map<string, SnapshotRow[]>(ids.map((id) => [id, []]));
  if (ids.length === 0) return found;
  const rows = await db.query<SnapshotRow[]>(
    `SELECT participant_id AS "participantId", event, instrument, instance, clear, sealed, prints
       FROM snapshot WHERE participant_id = ANY($1::uuid[]) ORDER BY participant_id, event, instrument, instance`,
    [ids],
  );
  for (const row of rows) found.get(row.participantId)?.push(row);
  return found;
}

/** Stores rows of snapshots, in one statement. */
export async function storeSnapshots(em: EntityManager, rows: readonly SnapshotRow[]): Promise<void> {
  if (rows.length === 0) return;
  await em.query(
    `INSERT INTO snapshot (participant_id, event, instrument, instance, clear, sealed, prints)
     SELECT i."participantId", i.event, i.instrument, i.instance, i.clear, i.sealed, i.prints
       FROM jsonb_to_recordset($1::jsonb) AS i("participantId" uuid, event text, instrument text, instance integer,
            clear jsonb, sealed jsonb, prints jsonb)
     ON CONFLICT (participant_id, event, instrument, instance)
       DO UPDATE SET clear = excluded.clear, sealed = excluded.sealed, prints = excluded.prints`,
    [JSON.stringify(rows)],
  );
}

/** Stores rows of participants who were made in this very transaction, and hence have none. */
export async function addSnapshots(em: EntityManager, rows: readonly SnapshotRow[]): Promise<void> {
  if (rows.length === 0) return;
  await copyRows(
    em,
    'snapshot (participant_id, event, instrument, instance, clear, sealed, prints)',
    rows.map(({ participantId, event, instrument, instance, clear, sealed, prints }) => [
      participantId,
      event,
      instrument,
      instance,
      JSON.stringify(clear),
      sealed === null ? null : JSON.stringify(sealed),
      JSON.stringify(prints),
    ]),
  );
}

/** Forgets rows that are no longer in REDCap. */
export async function dropSnapshots(
  em: EntityManager,
  rows: readonly { participantId: string; event: string; instrument: string; instance: number }[],
): Promise<void> {
  if (rows.length === 0) return;
  await em.query(
    `DELETE FROM snapshot s USING jsonb_to_recordset($1::jsonb)
         AS i("participantId" uuid, event text, instrument text, instance integer)
      WHERE s.participant_id = i."participantId" AND s.event = i.event AND s.instrument = i.instrument AND s.instance = i.instance`,
    [JSON.stringify(rows)],
  );
}

/** Notes from which export participants were last stored, and whether they were published. */
export async function markRead(
  em: EntityManager,
  ids: readonly string[],
  mark: number,
  changedIds: readonly string[],
  now: Date,
): Promise<void> {
  if (ids.length === 0) return;
  await em.query(
    `UPDATE participant SET read_mark = $2, published = published OR id = ANY($3::uuid[]),
        changed_at = CASE WHEN id = ANY($3::uuid[]) THEN $4 ELSE changed_at END WHERE id = ANY($1::uuid[])`,
    [ids, mark, changedIds, now],
  );
}
