import type { CellAddress, Row } from '@studybridge/contracts';
import type { Sealer } from '@studybridge/service-kit';
import type { Drift } from '../drift/design-change';
import { openRow, rowKey, sealSplit, splitValues, type SnapshotRow } from '../participants/values';
import type { RedcapProject } from '../projects/redcap-project';

/** How what was read differs from what was stored. */
export interface Comparison {
  /** Everything that is there now, identifying values included. */
  rows: Row[];
  changed: CellAddress[];
  /** Rows to store. */
  store: SnapshotRow[];
  /** Rows that are no longer there. */
  drop: SnapshotRow[];
}

/** What a comparison must know of drift. */
type Stops = Pick<Drift, 'stops' | 'stopsPlace'>;

/**
 * Compares one participant's rows with the stored ones. What drift stopped keeps its last known value: a field
 * that vanished from the dictionary, or an event from the project, must not look like one that was cleared.
 */
export function compareRows(
  sealer: Sealer,
  project: RedcapProject,
  participantId: string,
  stored: readonly SnapshotRow[],
  read: readonly Row[],
  drift: Stops,
): Comparison {
  const before = new Map(stored.map((row) => [rowKey(row), row]));
  const after = new Map<string, Row>();
  for (const row of read) if (!drift.stopsPlace(row.event, row.instrument)) after.set(rowKey(row), row);
  for (const row of stored) carryStopped(sealer, project, row, after, drift);

  const result: Comparison = { rows: [...after.values()], changed: [], store: [], drop: [] };
  for (const [key, row] of after) {
    const old = before.get(key);
    const split = splitValues(sealer, project, row);
    const known = result.changed.length;
    noteDiffering(result.changed, row, old?.clear ?? {}, split.clear);
    noteDiffering(result.changed, row, old?.prints ?? {}, split.prints);
    if (result.changed.length > known) result.store.push(sealSplit(sealer, project, participantId, row, split));
  }
  for (const [key, old] of before) {
    if (after.has(key)) continue;
    result.drop.push(old);
    for (const field of [...Object.keys(old.clear), ...Object.keys(old.prints)]) {
      result.changed.push(address(old, field));
    }
  }
  return result;
}

function carryStopped(
  sealer: Sealer,
  project: RedcapProject,
  row: SnapshotRow,
  after: Map<string, Row>,
  drift: Stops,
): void {
  const carried = [...Object.keys(row.clear), ...Object.keys(row.prints)].filter((field) =>
    drift.stops(row.event, row.instrument, field),
  );
  if (carried.length === 0) return;
  const values = { ...row.clear, ...openRow(sealer, project, row) };
  const { event, instrument, instance } = row;
  const found = after.get(rowKey(row));
  const target: Row = { event, instrument, instance, values: { ...found?.values } };
  for (const field of carried) target.values[field] = values[field]!;
  after.set(rowKey(row), target);
}

/** Adds the fields of a row that differ; blanks are in neither. */
function noteDiffering(
  changed: CellAddress[],
  row: Row,
  before: Record<string, string>,
  after: Record<string, string>,
): void {
  for (const field in before) if (before[field] !== after[field]) changed.push(address(row, field));
  for (const field in after) if (!Object.hasOwn(before, field)) changed.push(address(row, field));
}

function address(row: { event: string; instrument: string; instance: number }, field: string): CellAddress {
  return { event: row.event, instrument: row.instrument, instance: row.instance, field };
}
