import {
  RedcapImportRefusedError,
  RedcapRefusedError,
  RedcapUnknownFieldsError,
  type FlatRow,
} from '@studybridge/redcap-client';
import type { LiveDesign } from '../projects/live-design';
import type { RedcapProject } from '../projects/redcap-project';

/** A cell on its way into REDCap. */
export interface OutgoingCell {
  record: string;
  event: string;
  instrument: string;
  instance: number;
  field: string;
  value: string;
}

/** A cell that REDCap did not take, with its sentence (never the value). */
export interface RefusedOutgoing {
  cell: OutgoingCell;
  message: string;
}

const unnamed = 'REDCap refused the row without naming a cell.';

/**
 * Imports cells in overwrite mode, so that a blank clears the field it names and nothing else: a row holds only the fields
 * meant, and rows that mean different fields go in calls of their own, since a column that is merely absent from one row of
 * a call must not be taken for a blank. What REDCap refuses is taken out and the rest sent again; a refusal that names no
 * cell is bisected by record. Throws what is neither. `beforeSending` is asked right before each request leaves, however long that
 * waited for its turn, and stops everything by throwing.
 */
export async function importCells(
  project: RedcapProject,
  design: LiveDesign,
  cells: readonly OutgoingCell[],
  beforeSending: () => void,
): Promise<{ refused: RefusedOutgoing[]; unknownFields: boolean }> {
  const refused: RefusedOutgoing[] = [];
  let unknownFields = false;
  const byColumns = new Map<string, OutgoingCell[]>();
  for (const row of rowsOf(project, design, cells)) {
    const columns = Object.keys(row.flat).sort().join();
    const group = byColumns.get(columns);
    if (group === undefined) byColumns.set(columns, [...row.cells]);
    else group.push(...row.cells);
  }
  for (const group of byColumns.values()) await send(group);
  return { refused, unknownFields };

  async function send(group: readonly OutgoingCell[]): Promise<void> {
    if (group.length === 0) return;
    const rows = rowsOf(project, design, group).map((row) => row.flat);
    try {
      const { recordIdField } = project.definition;
      await project.client.importRecords(rows, recordIdField, { overwriteBehavior: 'overwrite' }, { beforeSending });
    } catch (error) {
      if (error instanceof RedcapImportRefusedError) {
        const named = new Map(error.cells.map((cell) => [`${cell.record}/${cell.field}`, cell.message]));
        const hit = group.filter((cell) => named.has(`${cell.record}/${cell.field}`));
        if (hit.length === 0) return bisect(group, error.cells[0]?.message ?? unnamed);
        for (const cell of hit) refused.push({ cell, message: named.get(`${cell.record}/${cell.field}`)! });
        const timestamps = project.definition.timestampFields;
        const rest = group.filter((cell) => !hit.includes(cell));
        // A timestamp whose row lost all its other cells stays behind.
        const carried = rest.filter(
          (cell) =>
            !timestamps.has(cell.field) || rest.some((other) => sameRow(cell, other) && !timestamps.has(other.field)),
        );
        return (await importCellsInto(carried), undefined);
      }
      if (error instanceof RedcapUnknownFieldsError) unknownFields = true;
      if (error instanceof RedcapRefusedError) return bisect(group, unnamed);
      throw error;
    }
  }

  /** After cells were taken out the rows may differ in their columns again. */
  async function importCellsInto(rest: readonly OutgoingCell[]): Promise<void> {
    const more = await importCells(project, design, rest, beforeSending);
    refused.push(...more.refused);
    unknownFields ||= more.unknownFields;
  }

  async function bisect(group: readonly OutgoingCell[], message: string): Promise<void> {
    const records = [...new Set(group.map((cell) => cell.record))];
    if (records.length === 1) {
      refused.push(...group.map((cell) => ({ cell, message })));
      return;
    }
    const half = new Set(records.slice(0, Math.ceil(records.length / 2)));
    await send(group.filter((cell) => half.has(cell.record)));
    await send(group.filter((cell) => !half.has(cell.record)));
  }
}

function rowsOf(
  project: RedcapProject,
  design: LiveDesign,
  cells: readonly OutgoingCell[],
): { flat: FlatRow; cells: OutgoingCell[] }[] {
  const rows = new Map<string, { flat: FlatRow; cells: OutgoingCell[] }>();
  for (const cell of cells) {
    const itself = cell.instance > 0 && design.repeatsByItself(cell.event, cell.instrument);
    const key = JSON.stringify([cell.record, cell.event, itself ? cell.instrument : '', cell.instance]);
    const row = rows.get(key) ?? { flat: systemColumns(project, cell, itself), cells: [] };
    row.flat[cell.field] = cell.value;
    row.cells.push(cell);
    rows.set(key, row);
  }
  return [...rows.values()];
}

function systemColumns(project: RedcapProject, cell: OutgoingCell, itself: boolean): FlatRow {
  const flat: FlatRow = { [project.definition.recordIdField]: cell.record };
  if (cell.event !== '') flat.redcap_event_name = cell.event;
  if (cell.instance > 0) {
    flat.redcap_repeat_instrument = itself ? cell.instrument : '';
    flat.redcap_repeat_instance = String(cell.instance);
  }
  return flat;
}

function sameRow(one: OutgoingCell, other: OutgoingCell): boolean {
  return (
    one.record === other.record &&
    one.event === other.event &&
    one.instrument === other.instrument &&
    one.instance === other.instance
  );
}
