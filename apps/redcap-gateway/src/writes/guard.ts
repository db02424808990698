import type { CellAddress, ReasonCode, Row } from '@studybridge/contracts';
import { baseField } from '../projects/live-design';
import type { Checked } from '../projects/project-checks';
import type { RedcapProject } from '../projects/redcap-project';
import type { Participant } from '../participants/participant.repository';

/** A cell that a service wants written, its values opened. */
export interface WantedCell {
  event: string;
  instrument: string;
  instance: number;
  field: string;
  owner: string;
  value: string;
  basedOn: string;
  /** What we last wrote there; null when we never did. */
  lastWritten: string | null;
  reasserted: boolean;
}

/**
 * The part of the guard (law 3) that needs no look at the current value: the participant, the event and its arm, the
 * instrument, the field, its owner, the value. The first reason that holds; null = may go on. `rows` are the participant's
 * clear rows, for the arm.
 */
export function refuseByDesign(
  project: RedcapProject,
  checked: Checked,
  participant: Participant | undefined,
  rows: readonly Row[],
  cell: WantedCell,
): ReasonCode | null {
  const { design, drift } = checked;
  const unknown = refuseParticipant(participant);
  if (unknown !== null) return unknown;
  if (drift.stops(cell.event, cell.instrument, cell.field)) return 'DRIFT';
  if (!design.hasEvent(cell.event)) return 'UNKNOWN_EVENT';
  if (design.instrumentOfColumn(cell.field) !== cell.instrument) return 'UNKNOWN_FIELD';
  const misplaced = refusePlace(project, checked, rows, cell);
  if (misplaced !== null) return misplaced;
  if (cell.field === project.definition.recordIdField) return 'NOT_OWNED';
  if (project.definition.ownerOf(baseField(cell.field)) !== cell.owner) return 'NOT_OWNED';
  if (!design.accepts(cell, cell.value)) return 'INVALID_VALUE';
  return null;
}

/** Why nothing is done about a participant whom REDCap does not show for certain; null = may go on. */
export function refuseParticipant(participant: Pick<Participant, 'presence'> | undefined): ReasonCode | null {
  if (participant === undefined) return 'UNKNOWN_RECORD';
  if (participant.presence === 'deleted') return 'RECORD_DELETED';
  return participant.presence === 'in-doubt' ? 'IDENTITY_IN_DOUBT' : null;
}

/** Why an instrument has no such place in a participant's events: the event, its arm, the instance; null = it has. */
export function refusePlace(
  project: RedcapProject,
  { design }: Checked,
  rows: readonly Row[],
  place: Pick<CellAddress, 'event' | 'instrument' | 'instance'>,
): ReasonCode | null {
  if (!design.hasEvent(place.event)) return 'UNKNOWN_EVENT';
  if (!design.instrumentsOf(place.event).includes(place.instrument)) return 'NOT_DESIGNATED';
  if (design.hasInstances(place.event, place.instrument) !== place.instance > 0) return 'NOT_DESIGNATED';
  const arm = design.armOfEvent(place.event);
  return arm !== 1 && armOf(project, rows) !== arm ? 'WRONG_ARM' : null;
}

/** An arm that cannot be told is no arm: only arm 1 may be written then. */
function armOf(project: RedcapProject, rows: readonly Row[]): number | null {
  try {
    return project.definition.armOf(rows);
  } catch {
    return null;
  }
}

/** One cell of a row with what REDCap holds there just now. */
export interface SeenCell<C extends WantedCell = WantedCell> {
  wanted: C;
  current: string;
}

/** What the guard says of the cells of one row, now that the current values are known. */
export interface RowVerdict<C extends WantedCell> {
  send: SeenCell<C>[];
  /** Already as wanted. */
  already: SeenCell<C>[];
  refused: (SeenCell<C> & { reason: ReasonCode })[];
}

/**
 * The part of the guard that looks at current values, for the wanted cells of one row: a value may be replaced when it is
 * what the decision was based on, our own last write, or already the target. A new repeat instance must be absent. A
 * timestamp goes only along with another cell of its row.
 */
export function judgeRow<C extends WantedCell>(
  project: RedcapProject,
  cells: readonly SeenCell<C>[],
  rowExists: boolean,
): RowVerdict<C> {
  const verdict: RowVerdict<C> = { send: [], already: [], refused: [] };
  const isNew = cells.every(({ wanted }) => wanted.basedOn === '' && wanted.lastWritten === null);
  const taken = rowExists && isNew && cells.some(({ wanted }) => wanted.instance > 0);
  for (const seen of cells) {
    const { wanted, current } = seen;
    if (current === wanted.value) verdict.already.push(seen);
    else if (taken) verdict.refused.push({ ...seen, reason: 'INSTANCE_TAKEN' });
    else if (current !== wanted.basedOn && current !== wanted.lastWritten) {
      verdict.refused.push({ ...seen, reason: 'VALUE_CHANGED' });
    } else verdict.send.push(seen);
  }
  return withoutLoneTimestamps(project, verdict);
}

/** Takes timestamps out that would go alone; one that is put back after a person changed it may. */
function withoutLoneTimestamps<C extends WantedCell>(project: RedcapProject, verdict: RowVerdict<C>): RowVerdict<C> {
  const isTimestamp = (seen: SeenCell<C>) => project.definition.timestampFields.has(seen.wanted.field);
  if (verdict.send.some((seen) => !isTimestamp(seen) || seen.wanted.reasserted)) return verdict;
  return {
    send: [],
    already: verdict.already,
    refused: [...verdict.refused, ...verdict.send.map((seen) => ({ ...seen, reason: 'TIMESTAMP_ALONE' as const }))],
  };
}
