import type { CellAddress, CellValue, Envelope, WriteRequested } from '@studybridge/contracts';
import type { EntityManager } from 'typeorm';
import type { Gateway } from '../gateway';
import { cellKey, keepValue, openValue } from '../participants/values';
import type { RedcapProject } from '../projects/redcap-project';

/**
 * Takes requests in, all in one statement: a later one for the same cell replaces an earlier one, also while that is being
 * written.
 */
export async function requestCells(
  em: EntityManager,
  gateway: Gateway,
  project: RedcapProject,
  envelopes: readonly Envelope<WriteRequested>[],
): Promise<void> {
  const { sealer, clock } = gateway.context;
  const cells = new Map<string, object>();
  for (const { payload, cause, correlationId } of envelopes) {
    const { participantId, owner } = payload;
    const kept = (cell: CellAddress, value: CellValue): CellValue => {
      const own = { ...cell, participantId };
      // One that does not open is its asker's trouble here; in the writer it would be everybody's.
      if (typeof value !== 'string') openValue(sealer, project, own, value);
      return keepValue(sealer, project, own, value);
    };
    for (const cell of payload.cells) {
      cells.set(`${participantId}/${cellKey(cell)}`, {
        participant_id: participantId,
        event: cell.event,
        instrument: cell.instrument,
        instance: cell.instance,
        field: cell.field,
        owner,
        value: kept(cell, cell.value),
        based_on: kept(cell, cell.basedOn),
        cause,
        correlation_id: correlationId,
      });
    }
  }
  // In one order, so that two batches of requests cannot wait for each other.
  await em.query(
    `INSERT INTO desired_cell AS d (participant_id, event, instrument, instance, field, binding, role, study, owner, value,
        based_on, state, cause, correlation_id, requested_at)
     SELECT i.participant_id, i.event, i.instrument, i.instance, i.field, $2, $3, $4, i.owner, i.value, i.based_on, 'wanted',
        i.cause, i.correlation_id, $5
       FROM jsonb_to_recordset($1::jsonb) AS i(participant_id uuid, event text, instrument text, instance integer, field text,
            owner text, value jsonb, based_on jsonb, cause text, correlation_id text)
      ORDER BY 1, 2, 3, 4, 5
     ON CONFLICT (participant_id, event, instrument, instance, field) DO UPDATE SET
        owner = excluded.owner, value = excluded.value, based_on = excluded.based_on, version = d.version + 1,
        state = 'wanted', reason = NULL, message = NULL, attempts = 0, reasserted = false, cap_waived = false,
        cause = excluded.cause, correlation_id = excluded.correlation_id, requested_at = excluded.requested_at`,
    [JSON.stringify([...cells.values()]), project.binding.id, project.role, project.study.id, clock.now()],
  );
}
