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

export const rowKey = (row: { event: string; instrument: string; instance: number }): string =>
  `${row.event}/${row.instrument}/${row.instance}`;
export const cellKey = (cell: { event: string; instrument: string; instance: number; field: string }): string =>
  `${rowKey(cell)}/${cell.field}`;

/** Whether the value of a column may only be kept sealed (law 9). */
export function identifies(project: RedcapProject, column: string): boolean {
  return project.definition.identifyingFields.has(baseField(column));
}

/** Keyed, so that equality can be seen without the value. */
export function fingerprint(sealer: Sealer, project: RedcapProject, field: string, value: string): string {
  return sealer.fingerprint(project.study.id, `cell:${field}`, value);
}

const snapshotContext = (participantId: string, key: string) => `snapshot:${participantId}/${key}`;

/** Splits the values of a row into what is stored clear and what is sealed. Blanks are left out. */
export function toSnapshotRow(sealer: Sealer, project: RedcapProject, participantId: string, row: Row): SnapshotRow {
  const clear: Record<string, string> = {};
  const secret: Record<string, string> = {};
  const prints: Record<string, string> = {};
  for (const [field, value] of Object.entries(row.values)) {
    if (value === '') continue;
    if (identifies(project, field)) {
      secret[field] = value;
      prints[field] = fingerprint(sealer, project, field, value);
    } else clear[field] = value;
  }
  const sealed =
    Object.keys(secret).length === 0
      ? null
      : sealer.seal(project.study.id, snapshotContext(participantId, rowKey(row)), secret);
  return { participantId, event: row.event, instrument: row.instrument, instance: row.instance, clear, sealed, prints };
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
