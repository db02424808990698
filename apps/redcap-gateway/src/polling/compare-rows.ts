import type { CellAddress, Row } from '@studybridge/contracts';
import type { Sealer } from '@studybridge/service-kit';
import type { Drift } from '../drift/design-change';
import { openRow, rowKey, toSnapshotRow, type SnapshotRow } from '../participants/values';
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
  const believed = read.filter((row) => !drift.stopsPlace(row.event, row.instrument));
  const after = new Map(believed.map((row) => [rowKey(row), { ...row, values: { ...row.values } }]));
  for (const row of stored) carryStopped(sealer, project, row, after, drift);

  const result: Comparison = { rows: [...after.values()], changed: [], store: [], drop: [] };
  for (const [key, row] of after) {
    const old = before.get(key);
    const next = toSnapshotRow(sealer, project, participantId, row);
    const changed = [...differing(old?.clear ?? {}, next.clear), ...differing(old?.prints ?? {}, next.prints)];
    if (changed.length === 0) continue;
    result.store.push(next);
    for (const field of changed) result.changed.push(address(row, field));
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
  const target = after.get(rowKey(row)) ?? {
    event: row.event,
    instrument: row.instrument,
    instance: row.instance,
    values: {},
  };
  for (const field of carried) target.values[field] = values[field]!;
  after.set(rowKey(row), target);
}

function differing(before: Record<string, string>, after: Record<string, string>): string[] {
  return [...new Set([...Object.keys(before), ...Object.keys(after)])].filter((f) => before[f] !== after[f]);
}

function address(row: { event: string; instrument: string; instance: number }, field: string): CellAddress {
  return { event: row.event, instrument: row.instrument, instance: row.instance, field };
}
