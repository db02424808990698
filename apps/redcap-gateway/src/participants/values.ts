import type { CellAddress, CellValue, Row, Sealed } from '@studybridge/contracts';
import { openCellValue, sealCellValue, type Sealer } from '@studybridge/service-kit';
import { baseField } from '../projects/live-design';
import type { RedcapProject } from '../projects/redcap-project';

/** A snapshot row as stored: clear values, the identifying ones in one envelope, and their keyed fingerprints by field. */
export interface SnapshotRow {
  participantId: string;
  event: string;
  instrument: string;
  instance: number;
  clear: Record<string, string>;
  sealed: Sealed | null;
  prints: Record<string, string>;
}

/** A participant's cell. */
export type OwnCell = CellAddress & { participantId: string };

/** A row’s place within a participant, as a key. */
export const rowKey = (row: { event: string; instrument: string; instance: number }): string =>
  `${row.event}/${row.instrument}/${row.instance}`;
/** A cell’s place within a participant, as a key. */
export const cellKey = (cell: { event: string; instrument: string; instance: number; field: string }): string =>
  `${rowKey(cell)}/${cell.field}`;

/** Answers of {@link identifies} by column, since every cell that is read is asked about. */
const identifying = new WeakMap<RedcapProject, Map<string, boolean>>();

/** Whether the value of a column may only be kept sealed (law 9). */
export function identifies(project: RedcapProject, column: string): boolean {
  let known = identifying.get(project);
  if (known === undefined) identifying.set(project, (known = new Map()));
  let answer = known.get(column);
  if (answer === undefined) {
    answer = project.definition.identifyingFields.has(baseField(column));
    known.set(column, answer);
  }
  return answer;
}

/** Keyed, so that equality can be seen without the value. */
export function fingerprint(sealer: Sealer, project: RedcapProject, field: string, value: string): string {
  return sealer.fingerprint(project.study.id, `cell:${field}`, value);
}

const snapshotContext = (participantId: string, key: string) => `snapshot:${participantId}/${key}`;

/** A row on its way into the snapshot, its identifying values not sealed yet: most rows are compared only. */
interface SplitValues {
  clear: Record<string, string>;
  secret: Record<string, string>;
  prints: Record<string, string>;
}

/** Splits the values of a row into what may be kept clear and what may not. Blanks are left out. */
export function splitValues(sealer: Sealer, project: RedcapProject, row: Row): SplitValues {
  const split: SplitValues = { clear: {}, secret: {}, prints: {} };
  for (const field in row.values) {
    const value = row.values[field]!;
    if (value === '') continue;
    if (identifies(project, field)) {
      split.secret[field] = value;
      split.prints[field] = fingerprint(sealer, project, field, value);
    } else split.clear[field] = value;
  }
  return split;
}

/** The row as it is stored. */
export function sealSplit(
  sealer: Sealer,
  project: RedcapProject,
  participantId: string,
  { event, instrument, instance }: Row,
  { clear, secret, prints }: SplitValues,
): SnapshotRow {
  const context = snapshotContext(participantId, rowKey({ event, instrument, instance }));
  const sealed = isEmpty(secret) ? null : sealer.seal(project.study.id, context, secret);
  return { participantId, event, instrument, instance, clear, sealed, prints };
}

function isEmpty(values: Record<string, string>): boolean {
  for (const _ in values) return false;
  return true;
}

/** Splits the values of a row into what is stored clear and what is sealed. Blanks are left out. */
export function toSnapshotRow(sealer: Sealer, project: RedcapProject, participantId: string, row: Row): SnapshotRow {
  return sealSplit(sealer, project, participantId, row, splitValues(sealer, project, row));
}

/** The identifying values of a stored row. */
export function openRow(sealer: Sealer, project: RedcapProject, row: SnapshotRow): Record<string, string> {
  if (row.sealed === null) return {};
  return sealer.open(project.study.id, snapshotContext(row.participantId, rowKey(row)), row.sealed);
}

/** All values of a stored row. */
export function wholeRow(sealer: Sealer, project: RedcapProject, row: SnapshotRow): Row {
  const values = { ...row.clear, ...openRow(sealer, project, row) };
  return { event: row.event, instrument: row.instrument, instance: row.instance, values };
}

/** A value as it rests in a queue table and is said: sealed where the field identifies, and where it came sealed. */
export function keepValue(sealer: Sealer, project: RedcapProject, cell: OwnCell, value: CellValue): CellValue {
  if (typeof value !== 'string' || !identifies(project, cell.field)) return value;
  return sealCellValue(sealer, { ...cell, study: project.study.id }, value);
}

/** The text behind a kept value. */
export function openValue(sealer: Sealer, project: RedcapProject, cell: OwnCell, kept: CellValue): string {
  return openCellValue(sealer, { ...cell, study: project.study.id }, kept);
}
