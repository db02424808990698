import Papa from 'papaparse';

/** How a cell is quoted: as PHP's fputcsv does (§1.6), only where it must be, or always. */
export type Quoting = 'fputcsv' | 'minimal' | 'always';

/** A function that writes one cell for a delimiter. */
export function csvCell(delimiter: string, quoting: Quoting = 'fputcsv'): (text: string) => string {
  const special = new Uint8Array(128);
  for (const mark of `"\n\r${delimiter}${quoting === 'minimal' ? '' : '\t '}`) special[mark.charCodeAt(0)] = 1;
  // Runs once per cell of an export: a look-up per character is a third of what a regular expression takes here.
  const mustQuote = (text: string): boolean => {
    for (let i = 0; i < text.length; i += 1) {
      const code = text.charCodeAt(i);
      if (code < 128 && special[code] === 1) return true;
    }
    return false;
  };
  return (text) => {
    if (text === '') return '';
    if (quoting !== 'always' && !mustQuote(text)) return text;
    return text.includes('"') ? `"${text.replaceAll('"', '""')}"` : `"${text}"`;
  };
}

/** CSV with a header row as cells; throws a plain Error when it cannot be read. Blank lines are skipped. */
export function parseCsv(text: string, delimiter: string): string[][] {
  const parsed = Papa.parse<string[]>(text.replace(/^\ufeff/, ''), { delimiter, header: false, skipEmptyLines: true });
  const fault = parsed.errors.find((error) => error.type === 'Quotes');
  if (fault !== undefined) throw new Error(fault.message);
  return parsed.data;
}
