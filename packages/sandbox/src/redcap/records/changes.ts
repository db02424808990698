import type { Column } from '../codebook';
import type { StoredRecord, StoredRow } from '../data-store';
import type { Project } from '../project';

/** What happened to one record in one action, for its line of the log. */
export interface RecordChange {
  record: StoredRecord;
  created: boolean;
  /** The parts of the log's details: `field = 'v'`, `box(1) = checked`. */
  details: string[];
  /** Names of the fields that changed. */
  fields: Set<string>;
}

/** How the log tells what was reckoned, not entered. */
export const autoCalculation = '(Auto calculation)';

/** A value as the log tells it (§5). */
export function logDetail(column: Column, value: string | undefined): string {
  if (column.kind === 'checkbox') {
    return `${column.fieldName}(${column.code}) = ${value === '1' ? 'checked' : value === undefined ? 'unchecked' : `'${value}'`}`;
  }
  return `${column.name} = '${value ?? ''}'`;
}

/**
 * Puts a value into a row and notes it when it differs from what was there. `value` empty (or an unchecked checkbox)
 * removes. A newly created record's unchecked options are noted although nothing was there (§5).
 */
export function putValue(change: RecordChange, row: StoredRow, column: Column, value: string): void {
  const before = row.get(column);
  const after = value === '' || (column.kind === 'checkbox' && value === '0') ? undefined : value;
  if (before !== after) {
    row.set(column, after);
    change.fields.add(column.fieldName);
    change.details.push(logDetail(column, after));
  } else if (change.created && column.kind === 'checkbox' && value === '0') {
    change.details.push(logDetail(column, undefined));
  }
}

/** Writes the log line of a change, if there was one; `how` is `''` for the browser, `(API)` or `(import)`. Answers whether. */
export function logChange(project: Project, change: RecordChange, at: string, user: string, how: string): boolean {
  if (change.details.length === 0) return false;
  const words = [change.created ? 'Create record' : 'Update record', how, change.record.id];
  change.record.touched.push(at);
  project.write(at, user, words.filter((word) => word !== '').join(' '), change.details.join(', '), change.record.id);
  return true;
}
