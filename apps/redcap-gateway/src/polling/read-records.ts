import type { Row } from '@studybridge/contracts';
import type { FlatRow } from '@studybridge/redcap-client';
import { IncompleteAnswerError } from '../projects/gateway-errors';
import type { Checked } from '../projects/project-checks';
import type { RedcapProject } from '../projects/redcap-project';
import { flatRowKey, splitRow } from './split-rows';

/** By record, the keys of flat rows that an answer must hold (`flatRowKey`). */
export type Expected = ReadonlyMap<string, ReadonlySet<string>>;

/** The flat rows that an id list announces, by record. */
export function announcedBy(rows: readonly FlatRow[], recordIdField: string): Map<string, Set<string>> {
  const announced = new Map<string, Set<string>>();
  for (const row of rows) {
    const record = row[recordIdField] ?? '';
    if (record === '') continue;
    const keys = announced.get(record) ?? new Set<string>();
    keys.add(flatRowKey(row));
    announced.set(record, keys);
  }
  return announced;
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
    const ids = announcedBy(
      await project.client.exportRecords({ records: doubtful, fields: [recordIdField] }, control),
      recordIdField,
    );
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
