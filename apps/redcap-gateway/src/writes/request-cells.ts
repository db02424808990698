import type { CellAddress, CellValue, Envelope, WriteRequested } from '@studybridge/contracts';
import type { EntityManager } from 'typeorm';
import type { Gateway } from '../gateway';
import { cellKey, keepValue, openValue } from '../participants/values';
import type { RedcapProject } from '../projects/redcap-project';

/** Takes a request in: a later one for the same cell replaces an earlier one, also while that is being written. */
export async function requestCells(
  em: EntityManager,
  gateway: Gateway,
  project: RedcapProject,
  envelope: Envelope<WriteRequested>,
): Promise<void> {
  const { sealer, clock } = gateway.context;
  const { payload } = envelope;
  const kept = (cell: CellAddress, value: CellValue): CellValue => {
    const own = { ...cell, participantId: payload.participantId };
    // One that does not open is its asker's trouble here; in the writer it would be everybody's.
    if (typeof value !== 'string') openValue(sealer, project, own, value);
    return keepValue(sealer, project, own, value);
  };
  const cells = [...new Map(payload.cells.map((cell) => [cellKey(cell), cell])).values()];
  await em.query(
    `INSERT INTO desired_cell AS d (participant_id, event, instrument, instance, field, binding, role, study, owner, value,
        based_on, state, cause, correlation_id, requested_at)
     SELECT $2, i.event, i.instrument, i.instance, i.field, $3, $4, $5, $6, i.value, i.based_on, 'wanted', $7, $8, $9
       FROM jsonb_to_recordset($1::jsonb) AS i(event text, instrument text, instance integer, field text, value jsonb, based_on jsonb)
     ON CONFLICT (participant_id, event, instrument, instance, field) DO UPDATE SET
        owner = excluded.owner, value = excluded.value, based_on = excluded.based_on, version = d.version + 1,
        state = 'wanted', reason = NULL, message = NULL, attempts = 0, reasserted = false, cap_waived = false,
        cause = excluded.cause, correlation_id = excluded.correlation_id, requested_at = excluded.requested_at`,
    [
      JSON.stringify(
        cells.map((cell) => ({
          event: cell.event,
          instrument: cell.instrument,
          instance: cell.instance,
          field: cell.field,
          value: kept(cell, cell.value),
          based_on: kept(cell, cell.basedOn),
        })),
      ),
      payload.participantId,
      project.binding.id,
      project.role,
      project.study.id,
      payload.owner,
      envelope.cause,
      envelope.correlationId,
      clock.now(),
    ],
  );
}
