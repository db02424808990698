import Papa from 'papaparse';
import type { RefusedCell } from './errors';

/**
 * Reads REDCap's answer to a refused import: one CSV line `"record","field","value","message"` per value
 * (redcap-api.md §1.9). The value is dropped, also where the message quotes it. Null when the text has another shape.
 */
export function parseRefusedCells(text: string): RefusedCell[] | null {
  const parsed = Papa.parse<string[]>(text.replace(/\r\n?/g, '\n').trim(), { delimiter: ',', newline: '\n' });
  const cells: RefusedCell[] = [];
  for (const columns of parsed.data) {
    const [record, field, value, ...rest] = columns;
    if (record === undefined || field === undefined || value === undefined || rest.length === 0) return null;
    if (!/^[a-z][a-z0-9_]*$/.test(field)) return null;
    cells.push({ record, field, message: withoutValue(rest.join(','), value) });
  }
  return cells.length > 0 && parsed.errors.length === 0 ? cells : null;
}

function withoutValue(message: string, value: string): string {
  return value.trim() === '' ? message : message.split(value).join('…');
}
