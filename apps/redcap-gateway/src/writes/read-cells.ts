import type { FlatRow } from '@studybridge/redcap-client';
import { IncompleteAnswerError } from '../projects/gateway-errors';
import { baseField, type LiveDesign } from '../projects/live-design';
import type { RedcapProject } from '../projects/redcap-project';
import { flatRowKey, flatRowKeyOf } from '../polling/split-rows';

interface Place {
  event: string;
  instrument: string;
  instance: number;
}

/** What REDCap holds just now in the cells that a write is about. */
export class CellReading {
  constructor(
    private readonly design: LiveDesign,
    private readonly rows: ReadonlyMap<string, ReadonlyMap<string, FlatRow>>,
  ) {}

  hasRecord(record: string): boolean {
    return this.rows.has(record);
  }

  hasRow(record: string, place: Place): boolean {
    return this.rows.get(record)?.has(flatRowKeyOf(this.design, place)) ?? false;
  }

  value(record: string, place: Place & { field: string }): string {
    return this.rows.get(record)?.get(flatRowKeyOf(this.design, place))?.[place.field] ?? '';
  }
}

/**
 * Reads fields of records as JSON. Every record asked for must come, and every row that the record's own id list has; where
 * not, both are asked once more. A record that neither answer holds is gone; a contradiction is an `IncompleteAnswerError`.
 */
export async function readCells(
  project: RedcapProject,
  design: LiveDesign,
  records: readonly string[],
  columns: Iterable<string>,
): Promise<CellReading> {
  const { recordIdField } = project.definition;
  const fields = [recordIdField, ...new Set([...columns].map(baseField))];
  const ask = async (asked: readonly string[], of: readonly string[]) => {
    const found = new Map<string, Map<string, FlatRow>>();
    for (const row of await project.client.exportRecords({ records: asked, fields: of })) {
      const record = row[recordIdField] ?? '';
      found.set(record, (found.get(record) ?? new Map<string, FlatRow>()).set(flatRowKey(row), row));
    }
    return found;
  };
  const rows = await ask(records, fields);
  const absent = records.filter((record) => !rows.has(record));
  if (absent.length > 0) {
    const ids = await ask(absent, [recordIdField]);
    const second = await ask(absent, fields);
    for (const [record, found] of second) rows.set(record, found);
    const contradicted = absent.filter((record) => ids.has(record) && !second.has(record));
    if (contradicted.length > 0) throw new IncompleteAnswerError(contradicted.length);
  }
  return new CellReading(design, rows);
}
