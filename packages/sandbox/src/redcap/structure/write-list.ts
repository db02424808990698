import type { ApiFormat } from '../api-error';
import { csvCell, type Quoting } from '../csv-text';
import { cdata, escapeXml, xmlDeclaration } from '../xml-text';

/** A value of a list: text, number, or a map (users' rights per form). */
type ListValue = string | number | Record<string, number>;
/** One entry of a list export, keys in order. */
export type ListRow = Record<string, ListValue>;

/** How a list is written, per method (§1.6, §1.7). */
export interface ListStyle {
  /** Name of the XML root. */
  root: string;
  keys: readonly string[];
  quoting?: Quoting;
  /** Columns whose CSV cells are always quoted. */
  alwaysQuoted?: readonly string[];
  delimiter?: string;
}

function csvText(value: ListValue): string {
  if (typeof value !== 'object') return String(value);
  return Object.entries(value)
    .map(([form, right]) => `${form}:${right}`)
    .join(',');
}

function xmlText(value: ListValue): string {
  if (typeof value === 'number') return String(value);
  if (typeof value === 'string') return cdata(value);
  const inner = Object.entries(value).map(([name, right]) => `<${name}>${escapeXml(String(right))}</${name}>`);
  return inner.join('');
}

/** A list in the asked format: the header line alone, `[]` or an empty root when there is nothing (§1.6). */
export function writeList(rows: readonly ListRow[], format: ApiFormat, style: ListStyle): string {
  if (format === 'json') return JSON.stringify(rows);
  if (format === 'xml') {
    const items = rows.map((row) => {
      const cells = style.keys.map((key) => `<${key}>${xmlText(row[key] ?? '')}</${key}>`);
      return `<item>${cells.join('')}</item>`;
    });
    return `${xmlDeclaration}<${style.root}>${items.join('')}</${style.root}>`;
  }
  const delimiter = style.delimiter ?? ',';
  const plain = csvCell(delimiter, style.quoting ?? 'fputcsv');
  const always = csvCell(delimiter, 'always');
  const lines = rows.map((row) =>
    style.keys
      .map((key) => (style.alwaysQuoted?.includes(key) === true ? always : plain)(csvText(row[key] ?? '')))
      .join(delimiter),
  );
  return [style.keys.join(delimiter), ...lines].map((line) => `${line}\n`).join('');
}
