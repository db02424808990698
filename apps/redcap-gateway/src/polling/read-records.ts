import type { Row } from '@studybridge/contracts';
import type { FlatRow } from '@studybridge/redcap-client';
import { IncompleteAnswerError } from '../projects/gateway-errors';
import type { Checked } from '../projects/project-checks';
import type { RedcapProject } from '../projects/redcap-project';
import { flatRowKey, splitRow } from './split-rows';

/** By record, the keys of flat rows that an answer must hold (`flatRowKey`). */
export type Expected = ReadonlyMap<string, ReadonlySet<string>>;

/** The flat rows that REDCap's id list announces, by record. Records with the same rows share one set of keys. */
export async function announcedRows(
  project: RedcapProject,
  query: { records?: readonly string[]; dateRangeBegin?: string } = {},
  control?: { signal: AbortSignal },
): Promise<Map<string, ReadonlySet<string>>> {
  const { recordIdField } = project.definition;
  const announced = await project.client.foldRecords(
    { ...query, fields: [recordIdField] },
    () => new Announced(),
    (into, row) => into.add(row[recordIdField] ?? '', flatRowKey(row)),
    control,
  );
  return announced.rows();
}

/** Collects row keys by record. REDCap gives the rows of a record one after the other; where it does not, they still come together. */
class Announced {
  private readonly byRecord = new Map<string, ReadonlySet<string>>();
  private readonly shared = new Map<string, ReadonlySet<string>>();
  private record = '';
  private keys = new Set<string>();

  add(record: string, key: string): void {
    if (record === '') return;
    if (record !== this.record) {
      this.close();
      this.record = record;
      this.keys = new Set(this.byRecord.get(record));
    }
    this.keys.add(key);
  }

  rows(): Map<string, ReadonlySet<string>> {
    this.close();
    return this.byRecord;
  }

  private close(): void {
    if (this.record === '') return;
    const name = [...this.keys].join('\n');
    let keys = this.shared.get(name);
    if (keys === undefined) this.shared.set(name, (keys = this.keys));
    this.byRecord.set(this.record, keys);
    this.record = '';
  }
}

/**
 * Reads the declared fields of records and holds the answer against what was announced: by the id list that named them,
 * and by the rows we know. Where something is missing, both are asked for once more; what both answers then agree on is
 * true, and what they still contradict each other on is an `IncompleteAnswerError` (law 4). Records that neither answer
 * holds are left out.
 */
export async function readRecords(
  project: RedcapProject,
  checked: Checked,
  records: readonly string[],
  announced: Expected,
  knownRows: Expected,
  control?: { signal: AbortSignal },
): Promise<Map<string, Row[]>> {
  const { recordIdField, declaredFields } = project.definition;
  const fields = [recordIdField, ...declaredFields.filter((field) => !checked.drift.stopped.has(field))];
  const ask = async (asked: readonly string[]) =>
    group(await project.client.readRecords({ records: asked, fields }, control));
  const group = (rows: readonly FlatRow[]) => {
    const byRecord = new Map<string, Map<string, FlatRow>>();
    for (const row of rows) {
      const record = row[recordIdField] ?? '';
      const found = byRecord.get(record) ?? new Map<string, FlatRow>();
      found.set(flatRowKey(row), row);
      byRecord.set(record, found);
    }
    return byRecord;
  };

  const first = await ask(records);
  const holds = (found: ReadonlyMap<string, FlatRow> | undefined, keys: ReadonlySet<string> | undefined) =>
    [...(keys ?? [])].every((key) => found?.has(key));
  const doubtful = records.filter((record) => {
    const found = first.get(record);
    return found === undefined || !holds(found, announced.get(record)) || !holds(found, knownRows.get(record));
  });
  if (doubtful.length > 0) {
    const ids = await announcedRows(project, { records: doubtful }, control);
    const second = await ask(doubtful);
    let missing = 0;
    for (const record of doubtful) {
      const before = first.get(record);
      const now = second.get(record);
      if (!holds(now, ids.get(record)) || !holds(now, new Set(before?.keys()))) missing += 1;
      else if (now === undefined) first.delete(record);
      else first.set(record, now);
    }
    if (missing > 0) throw new IncompleteAnswerError(missing);
  }
  const result = new Map<string, Row[]>();
  for (const [record, rows] of first) {
    result.set(
      record,
      [...rows.values()].flatMap((row) => splitRow(checked.design, recordIdField, row)),
    );
  }
  return result;
}
