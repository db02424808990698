import Papa from 'papaparse';

/** How a cell is quoted: as PHP's fputcsv does (§1.6), only where it must be, or always. */
export type Quoting = 'fputcsv' | 'minimal' | 'always';

/** A function that writes one cell for a delimiter. */
export function csvCell(delimiter: string, quoting: Quoting = 'fputcsv'): (text: string) => string {
  const separators = quoting === 'minimal' ? '"\\n\\r' : '"\\n\\r\\t ';
  const special = new RegExp(`[${separators}${delimiter === '^' ? '\\^' : delimiter}]`);
  return (text) => {
    if (text === '') return '';
    return quoting === 'always' || special.test(text) ? `"${text.replace(/"/g, '""')}"` : text;
  };
}

/** CSV with a header row as cells; throws a plain Error when it cannot be read. Blank lines are skipped. */
export function parseCsv(text: string, delimiter: string): string[][] {
  const parsed = Papa.parse<string[]>(text.replace(/^\ufeff/, ''), { delimiter, header: false, skipEmptyLines: true });
  const fault = parsed.errors.find((error) => error.type === 'Quotes');
  if (fault !== undefined) throw new Error(fault.message);
  return parsed.data;
}
