import type { Envelope, WriteSettled } from '@studybridge/contracts';
import { openCellValue } from '@studybridge/service-kit';
import type { EntityManager } from 'typeorm';
import { carryOut } from '../carry-out';
import { lockParticipant } from '../participants/participant-store';
import type { Room } from '../room';
import { blankCell, readCells, saveCells } from './cell-store';

/** What became of the cells we asked for: remembered, and decided upon anew (a changed value may be asked for once more). */
export async function hearSettled(em: EntityManager, room: Room, envelope: Envelope<WriteSettled>): Promise<void> {
  const { payload } = envelope;
  const place = room.places.get(envelope.binding);
  if (!place || payload.owner !== room.context.name || payload.project !== place.agile.project) return;
  const { participantId } = payload;
  await lockParticipant(em, participantId);
  const known: unknown[] = await em.query('SELECT 1 FROM participant WHERE participant_id = $1', [participantId]);
  if (known.length === 0) return;
  const cells = await readCells(em, participantId);
  const { event, instrument } = place.agile.cells;
  const settledAt = new Date(envelope.occurredAt);
  const touched = payload.cells
    .filter((one) => one.event === event && one.instrument === instrument && one.instance === 0)
    .map((one) => {
      const cell = cells.get(one.field) ?? blankCell(one.field);
      cells.set(one.field, cell);
      cell.settledAt = settledAt;
      const value =
        one.value === null
          ? null
          : openCellValue(room.context.sealer, { ...one, participantId, study: envelope.study }, one.value);
      if (one.outcome === 'applied') {
        cell.known = value ?? cell.asked ?? cell.known;
        if (cell.asked === cell.known) cell.asked = null;
        // A value overwritten by a person stays on record, so that it is re-asserted once only.
        if (cell.refusedReason !== 'STAFF_OVERWROTE') {
          Object.assign(cell, { refusedValue: null, refusedReason: null, refusals: 0 });
        }
      } else {
        cell.known = value ?? cell.known;
        cell.refusals = cell.refusedValue === cell.asked && cell.refusedValue !== null ? cell.refusals + 1 : 1;
        cell.refusedValue = cell.asked;
        cell.refusedReason = one.reason ?? 'REDCAP_REFUSED';
        cell.asked = null;
      }
      return cell;
    });
  await saveCells(em, participantId, [...new Set(touched)]);
  await carryOut(em, room, participantId);
}
