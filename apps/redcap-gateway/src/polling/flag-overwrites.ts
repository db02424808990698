import { wallTime } from '@studybridge/redcap-client';
import type { EntityManager } from 'typeorm';
import type { RedcapProject } from '../projects/redcap-project';
import type { EditLine } from './log-lines';

/**
 * Flags cells of ours that the log shows a person saved at or after the moment we wrote them, also where our value stands
 * again: a save in the middle of a write leaves no other trace (law 3). Cells flagged once stay flagged.
 */
export async function flagOverwrites(
  em: EntityManager,
  project: RedcapProject,
  edits: readonly EditLine[],
  now: Date,
): Promise<number> {
  const touches = edits
    .filter((edit) => !edit.viaApi)
    .flatMap((edit) =>
      [...edit.fields]
        .filter((field) => project.definition.ownerOf(field) !== 'staff')
        .map((field) => ({ record: edit.record, field, wall: edit.wallTime })),
    );
  if (touches.length === 0) return 0;
  const cells = await em.query<{ id: string; field: string; record: string; written: Date }[]>(
    `SELECT DISTINCT d.participant_id AS id, d.field, p.record_id AS record, d.written_at AS written
       FROM desired_cell d JOIN participant p ON p.id = d.participant_id
       JOIN jsonb_to_recordset($3::jsonb) AS i(record text, field text) ON i.record = p.record_id AND i.field = d.field
      WHERE p.binding = $1 AND p.role = $2 AND p.presence <> 'deleted' AND d.written_at IS NOT NULL
        AND d.overwrote_at IS NULL`,
    [project.binding.id, project.role, JSON.stringify(touches)],
  );
  const hit = cells.filter((cell) => {
    const written = wallTime(cell.written, project.serverZone).slice(0, 16);
    return touches.some((one) => one.record === cell.record && one.field === cell.field && one.wall >= written);
  });
  if (hit.length === 0) return 0;
  await em.query(
    `UPDATE desired_cell d SET overwrote_at = $2 FROM jsonb_to_recordset($1::jsonb) AS i(id uuid, field text)
      WHERE d.participant_id = i.id AND d.field = i.field AND d.written_at IS NOT NULL`,
    [JSON.stringify(hit.map(({ id, field }) => ({ id, field }))), now],
  );
  return hit.length;
}
