import type { Row } from '@studybridge/contracts';
import type { Codebook, EventOf, FieldIn } from './codebook';

/**
 * The value of one cell that does not repeat, `''` where REDCap holds none. Clear and identifying values of the same row
 * may come as two rows: the one that has the field counts.
 */
export function cellValue(rows: readonly Row[], event: string, instrument: string, field: string): string {
  for (const row of rows) {
    if (row.event !== event || row.instrument !== instrument || row.instance !== 0) continue;
    const value = row.values[field];
    if (value !== undefined) return value;
  }
  return '';
}

/** Reads cells by the codebook's names: a misspelt field, or one whose instrument is not in the event, does not compile. */
export function cellReader<const C extends Codebook>(codebook: C) {
  return <E extends EventOf<C>, F extends FieldIn<C, E>>(rows: readonly Row[], event: E, field: F): string =>
    cellValue(rows, event, codebook.fields[field]?.instrument ?? '', field);
}
