import { RedcapUnknownCodeError } from './errors';
import type { FlatRow } from './read-csv';
import type { RecordMethods, RecordQuery } from './records';

/** What a generated codebook holds (`npm run codebook`); `missingDataCodes` are allowed in every field (redcap-api.md §4.1). */
export interface CodebookShape {
  readonly recordIdField: string;
  readonly events: Readonly<Record<string, { readonly arm: number; readonly instruments: readonly string[] }>>;
  readonly fields: Readonly<
    Record<
      string,
      { readonly instrument: string; readonly type: string; readonly choices: Readonly<Record<string, string>> }
    >
  >;
  readonly missingDataCodes?: Readonly<Record<string, string>>;
}

type Names<T> = keyof T & string;
type Codes<T> = `${keyof T & (string | number)}`;
type MissingCodes<C extends CodebookShape> = C['missingDataCodes'] extends object
  ? Codes<C['missingDataCodes']>
  : never;

/** What a raw export may hold in a field: one of its codes or blank; any text where it has no codes. */
export type CellOf<C extends CodebookShape, F extends Names<C['fields']>> = [keyof C['fields'][F]['choices']] extends [
  never,
]
  ? string
  : Codes<C['fields'][F]['choices']> | MissingCodes<C> | '';

/** The system columns of a flat row; only those that the project has are there. */
interface SystemColumns<C extends CodebookShape> {
  readonly redcap_event_name?: Names<C['events']>;
  readonly redcap_repeat_instrument?: string;
  readonly redcap_repeat_instance?: string;
}

/** One flat row of a raw export: `row.part_lang` is `'1' | '2' | ''`. The record id is always there, descriptive fields never. */
export type RecordOf<C extends CodebookShape, F extends Names<C['fields']> = Names<C['fields']>> = {
  readonly [
    K in F | (C['recordIdField'] & Names<C['fields']>) as C['fields'][K]['type'] extends 'descriptive' ? never : K
  ]: CellOf<C, K>;
} & SystemColumns<C>;

/** What of the records to read, in the codebook's own words; all its fields when none are named. */
export interface TypedQuery<C extends CodebookShape, F extends Names<C['fields']>> extends Pick<
  RecordQuery,
  'records' | 'dateRangeBegin' | 'dateRangeEnd' | 'filterLogic'
> {
  fields?: readonly F[];
  events?: readonly Names<C['events']>[];
  /** Told of a cell that holds none of its field's codes; the row is then left out. Without it, such a cell throws. */
  onUnknownCode?: (cell: { record: string; event: string; field: string }) => void;
  signal?: AbortSignal;
}

/**
 * Reads records as the codebook types them. Throws a `RedcapUnknownCodeError` for a code that the codebook does not have
 * (the dictionary changed since it was generated), so that the types hold, and otherwise what `readRecords` throws.
 */
export async function readTypedRecords<
  const C extends CodebookShape,
  F extends Names<C['fields']> = Names<C['fields']>,
>(client: Pick<RecordMethods, 'readRecords'>, codebook: C, query: TypedQuery<C, F> = {}): Promise<RecordOf<C, F>[]> {
  const { fields: asked, events, onUnknownCode, signal, ...rest } = query;
  const columns: readonly string[] = [
    codebook.recordIdField,
    ...(asked ?? Object.keys(codebook.fields).filter((field) => codebook.fields[field]?.type !== 'descriptive')),
  ];
  // A checkbox is asked for by its own name, not by that of an option.
  const fields = [...new Set(columns.map((column) => column.split('___')[0]!))];
  const rows = await client.readRecords({ ...rest, fields, events }, { signal });
  const missing = new Set(Object.keys(codebook.missingDataCodes ?? {}));
  return rows.filter((row) => {
    const unknown = columns.find((column) => !allows(codebook, missing, column, row));
    if (unknown === undefined) return true;
    const cell = { record: row[codebook.recordIdField] ?? '', event: row.redcap_event_name ?? '', field: unknown };
    if (onUnknownCode === undefined) throw new RedcapUnknownCodeError(cell.record, unknown);
    onUnknownCode(cell);
    return false;
  }) as unknown as RecordOf<C, F>[];
}

function allows(codebook: CodebookShape, missing: ReadonlySet<string>, column: string, row: FlatRow): boolean {
  const value = row[column] ?? '';
  const choices = codebook.fields[column]?.choices ?? {};
  return value === '' || Object.keys(choices).length === 0 || Object.hasOwn(choices, value) || missing.has(value);
}
