import { type ReasonCode, reasons, type WriteRequested, writeRequested } from '@studybridge/contracts';
import type { EntityManager } from 'typeorm';
import { metaOf, type Participant } from '../participants/participant-store';
import { type Place, type Room, wallTime } from '../room';
import { blankCell, type Cell, saveCells } from './cell-store';
import type { DesiredCells } from './desired-cells';

/**
 * Asks the gateway for the cells that differ from what REDCap holds as far as we know, all in one request, the timestamp only
 * together with another cell. What was refused for good, or overwritten by a person twice, is not asked for again until
 * another value is due.
 */
export async function requestCells(
  em: EntityManager,
  room: Room,
  place: Place,
  participant: Participant,
  cells: ReadonlyMap<string, Cell>,
  desired: DesiredCells,
  now: Date,
): Promise<void> {
  const { event, instrument, fields } = place.agile.cells;
  const asked: WriteRequested['cells'] = [];
  const touched: Cell[] = [];
  const ask = (field: string, value: string) => {
    const cell = cells.get(field) ?? blankCell(field);
    if ((cell.asked ?? cell.known) === value) return;
    // A timestamp that was refused because it would have gone alone may go along with another cell now.
    if (field !== fields.lastTimestamp && isRefusedForGood(cell, value)) return;
    // Another value than the one that was refused or overwritten starts with a clean slate.
    if (cell.refusedValue !== null && cell.refusedValue !== value) {
      Object.assign(cell, { refusals: 0, refusedReason: null, refusedValue: null, overwrites: 0 });
    }
    cell.asked = value;
    touched.push(cell);
    asked.push({ event, instrument, instance: 0, field, value, basedOn: cell.known });
  };
  for (const [field, value] of Object.entries(desired)) ask(field, value);
  if (asked.length === 0) return;
  ask(fields.lastTimestamp, wallTime(place.study.zone, now));
  await saveCells(em, participant.participantId, touched);
  await room.bus.publish(
    em,
    writeRequested,
    { participantId: participant.participantId, project: place.agile.project, owner: room.context.name, cells: asked },
    metaOf(participant),
  );
}

/** A value that changed under us is decided upon anew once; any other refusal waits for something to change. */
function isRefusedForGood(cell: Cell, value: string): boolean {
  if (cell.refusedValue !== value) return false;
  return cell.refusedReason !== 'VALUE_CHANGED' || cell.refusals >= 2;
}

/** What staff should look at because cells could not be written. */
export function problemsOfCells(cells: Iterable<Cell>, timestampField: string): ReasonCode[] {
  const problems = new Set<ReasonCode>();
  for (const cell of cells) {
    const reason = cell.refusedReason;
    if (reason === null || cell.field === timestampField) continue;
    // That the record is gone is told by the record itself.
    if (reason === 'RECORD_DELETED' || reason === 'UNKNOWN_RECORD') continue;
    if (reason === 'VALUE_CHANGED') {
      if (cell.refusals >= 2) problems.add('STAFF_OVERWROTE');
    } else problems.add((reasons[reason].kinds as readonly string[]).includes('attention') ? reason : 'OUT_OF_STEP');
  }
  return [...problems];
}
