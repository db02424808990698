import { asList, parse, readLine, sendForCount, toFlatRow } from './answers';
import type { CallControl, Params, RedcapWire } from './call';
import { RedcapBadAnswerError, RedcapRefusedError } from './errors';
import { needIntent, type Intent } from './intent';
import { readCsvRows, type FlatRow } from './read-csv';
import { eavSchema, randomizedSchema, type EavRow, type Randomized } from './types';

/** Which records, fields and rows to export, and how. Times are the server's wall time, `YYYY-MM-DD HH:MM:SS`. */
export interface RecordQuery {
  records?: readonly string[];
  /** Name the record id field too: REDCap adds it, and with it the system columns, only when asked (redcap-api.md §3.1). */
  fields?: readonly string[];
  forms?: readonly string[];
  events?: readonly string[];
  dateRangeBegin?: string;
  dateRangeEnd?: string;
  filterLogic?: string;
  /** Labels instead of codes; such rows cannot be imported. */
  rawOrLabel?: 'raw' | 'label';
  /** With labels: the choice's own label instead of Checked/Unchecked. */
  exportCheckboxLabel?: boolean;
  exportSurveyFields?: boolean;
  exportDataAccessGroups?: boolean;
  /** A form status that was never saved as blank instead of 0. */
  exportBlankForGrayFormStatus?: boolean;
  combineCheckboxOptions?: boolean;
  decimalCharacter?: '.' | ',';
}

/** How a whole export is written. */
export interface RecordFormat {
  format: 'csv' | 'json' | 'xml' | 'odm';
  type?: 'flat' | 'eav';
  /** CSV only. */
  csvDelimiter?: ',' | ';' | '|' | '^' | 'tab';
  /** Flat CSV only. */
  rawOrLabelHeaders?: 'raw' | 'label';
}

/** How REDCap takes rows in. */
export interface ImportOptions {
  /** `overwrite` lets a blank clear a field; then send only the fields that are meant. */
  overwriteBehavior: 'normal' | 'overwrite';
  /** How dates in the rows are written. */
  dateFormat?: 'YMD' | 'MDY' | 'DMY';
  /** Whether to repeat after a lost answer. True only where the same rows twice do no harm and nobody else decides. */
  repeatable?: boolean;
}

/** What to delete of records: everything, or one arm, or one instrument, event or instance (§2.3). */
export interface RecordDeletion {
  records: readonly string[];
  arm?: number;
  instrument?: string;
  /** Needed beside `instrument` in a longitudinal project. */
  event?: string;
  repeatInstance?: number;
  /** Blanks what REDCap's log says of the records, as a law may demand. */
  deleteLogging?: boolean;
}

/** Records (redcap-api.md §2.1 to §2.6). */
export interface RecordMethods {
  /** Rows as JSON: a cut-off answer cannot parse. For ids and for reading cells back. */
  exportRecords(query: RecordQuery, control?: CallControl): Promise<FlatRow[]>;
  /**
   * Rows as JSON, each taken into `start()` as it comes and none kept: for id lists as long as a project. Begins anew, with another
   * `start()`, when an answer breaks off.
   */
  foldRecords<T>(
    query: RecordQuery,
    start: () => T,
    take: (into: T, row: FlatRow) => void,
    control?: CallControl,
  ): Promise<T>;
  /** Rows as a CSV stream. An error while reading means that the rows already given must be thrown away. */
  streamRecords(query: RecordQuery, control?: CallControl): AsyncGenerator<FlatRow, void, undefined>;
  /** A bounded number of rows through the CSV stream, read again from the start when an answer breaks off. */
  readRecords(query: RecordQuery, control?: CallControl): Promise<FlatRow[]>;
  /** Stored values only, one per row and per checked option. */
  exportValues(query: RecordQuery, control?: CallControl): Promise<EavRow[]>;
  /** A whole export as REDCap writes it, for handing on. */
  exportText(query: RecordQuery, format: RecordFormat, control?: CallControl): Promise<string>;
  /** Imports rows; answers with the distinct records REDCap says it touched. Throws when they are not those sent. */
  importRecords(
    rows: readonly FlatRow[],
    recordIdField: string,
    options: ImportOptions,
    control?: CallControl,
  ): Promise<string[]>;
  /** Imports single values; see `importRecords`. */
  importValues(values: readonly EavRow[], options: ImportOptions, control?: CallControl): Promise<string[]>;
  /** Imports rows as new records: REDCap gives the numbers, the rows' own only hold them together (§4.9). Never repeated. */
  importNewRecords(
    rows: readonly FlatRow[],
    recordIdField: string,
    options: ImportOptions,
    control?: CallControl,
  ): Promise<{ id: string; sent: string }[]>;
  /** Hands rows over to be imported later; nothing tells when, or whether it went well. */
  importInBackground(rows: readonly FlatRow[], options: ImportOptions, control?: CallControl): Promise<void>;
  /** Deletes; answers how many records. The record ids stand in `intent` a second time, or nothing is asked of REDCap. */
  deleteRecords(deletion: RecordDeletion, intent: Intent, control?: CallControl): Promise<number>;
  /** Renames, in one arm or in all. The record's former id stands in `intent` a second time. */
  renameRecord(
    rename: { record: string; to: string; arm?: number },
    intent: Intent,
    control?: CallControl,
  ): Promise<void>;
  /** The next free number; two callers may be told the same one. */
  nextRecordName(control?: CallControl): Promise<string>;
  /** Randomises a record, which cannot be taken back. Never repeated: after a lost answer, read the target field. */
  randomizeRecord(
    request: { record: string; randomizationId: number; returnAlt?: boolean },
    control?: CallControl,
  ): Promise<Randomized>;
}

/** The methods over one wire. */
export function recordMethods(wire: RedcapWire): RecordMethods {
  const methods: RecordMethods = {
    async exportRecords(query, control) {
      const params = { ...recordParams(query), format: 'json', type: 'flat' };
      const rows = asList(await wire.json(params, { action: 'export', control })).map(toFlatRow);
      noteColumns(wire, query, rows[0]);
      return rows;
    },

    async foldRecords(query, start, take, control) {
      const params = { ...recordParams(query), format: 'json', type: 'flat' };
      return wire.repeat(params, { action: 'export', control }, async () => {
        const into = start();
        let first = true;
        await wire.eachElement(params, { action: 'export', control }, (element) => {
          const row = toFlatRow(element);
          if (first) noteColumns(wire, query, row);
          first = false;
          take(into, row);
        });
        return into;
      });
    },

    async *streamRecords(query, control) {
      const params = { ...recordParams(query), format: 'csv', type: 'flat' };
      let first = true;
      for await (const row of readCsvRows(await wire.open(params, { expected: 'csv', action: 'export', control }))) {
        if (first) noteColumns(wire, query, row);
        first = false;
        yield row;
      }
    },

    async readRecords(query, control) {
      return wire.repeat({ content: 'record' }, { action: 'export', control }, async () => {
        const rows: FlatRow[] = [];
        for await (const row of methods.streamRecords(query, control)) rows.push(row);
        return rows;
      });
    },

    async exportValues(query, control) {
      const answer = await wire.json(
        { ...recordParams(query), format: 'json', type: 'eav' },
        { action: 'export', control },
      );
      return asList(answer).map((row) => parse(eavSchema, row));
    },

    exportText(query, format, control) {
      return wire.text({ ...recordParams(query), ...format }, { expected: 'text', action: 'export', control });
    },

    async importRecords(rows, recordIdField, options, control) {
      const sent = recordsOf(rows.map((row) => row[recordIdField]));
      const params = importParams(rows, options);
      return importForIds(wire, { ...params, type: 'flat' }, sent, options, control);
    },

    async importValues(values, options, control) {
      const sent = recordsOf(values.map((value) => value.record));
      return importForIds(wire, { ...importParams(values, options), type: 'eav' }, sent, options, control);
    },

    async importNewRecords(rows, recordIdField, options, control) {
      const sent = recordsOf(rows.map((row) => row[recordIdField]));
      const answer = await wire.json(
        {
          ...importParams(rows, options),
          type: 'flat',
          forceAutoNumber: 'true',
          returnContent: 'auto_ids',
        },
        { action: 'import', repeatable: false, logLines: sent.size, control },
      );
      const pairs = asList(answer).map((pair) => {
        const text = String(pair);
        // The new number holds no comma; the sent one may.
        const comma = text.indexOf(',');
        return { id: text.slice(0, comma), sent: text.slice(comma + 1) };
      });
      if (pairs.length !== sent.size || pairs.some((pair) => pair.id === '' || !sent.has(pair.sent))) {
        throw otherRecords(pairs.length, sent.size);
      }
      return pairs;
    },

    async importInBackground(rows, options, control) {
      const answer = await wire.json(
        { ...importParams(rows, options), type: 'flat', backgroundProcess: 'true' },
        { action: 'import', repeatable: options.repeatable ?? false, logLines: rows.length, control },
      );
      const accepted = typeof answer === 'object' && answer !== null && 'success' in answer && answer.success;
      if (accepted !== true && accepted !== 'true') {
        throw new RedcapRefusedError('REDCap did not take the import over.', 'REDCAP_BACKGROUND');
      }
    },

    async deleteRecords(deletion, intent, control) {
      const records = [...new Set(deletion.records)];
      needIntent(records, intent);
      return sendForCount(
        wire,
        {
          content: 'record',
          action: 'delete',
          records,
          arm: deletion.arm?.toString(),
          instrument: deletion.instrument,
          event: deletion.event,
          repeat_instance: deletion.repeatInstance?.toString(),
          delete_logging: deletion.deleteLogging === undefined ? undefined : deletion.deleteLogging ? '1' : '0',
        },
        'delete',
        records.length,
        control,
      );
    },

    async renameRecord({ record, to, arm }, intent, control) {
      needIntent([record], intent);
      const params = { content: 'record', action: 'rename', record, new_record_name: to, arm: arm?.toString() };
      await sendForCount(wire, params, 'rename', 1, control);
    },

    nextRecordName(control) {
      const params = { content: 'generateNextRecordName' };
      return readLine(wire, params, { shape: /^[^\s<>{}][^\n<>{}]*$/, what: 'next record name', control });
    },

    async randomizeRecord({ record, randomizationId, returnAlt }, control) {
      const answer = await wire.json(
        {
          content: 'record',
          action: 'randomize',
          format: 'json',
          returnFormat: 'json',
          record,
          randomization_id: String(randomizationId),
          returnAlt: returnAlt ? 'true' : undefined,
        },
        { action: 'randomize', control },
      );
      return parse(randomizedSchema, Array.isArray(answer) ? answer[0] : answer);
    },
  };
  return methods;
}

function recordParams(query: RecordQuery): Params {
  const flag = (value: boolean | undefined) => (value === undefined ? undefined : String(value));
  return {
    content: 'record',
    action: 'export',
    rawOrLabel: query.rawOrLabel ?? 'raw',
    returnFormat: 'json',
    records: query.records,
    // Comma-separated: hundreds of fields as an array would meet PHP's limit of 1,000 parameters.
    fields: query.fields?.join(','),
    forms: query.forms,
    events: query.events,
    dateRangeBegin: query.dateRangeBegin,
    dateRangeEnd: query.dateRangeEnd,
    filterLogic: query.filterLogic,
    exportCheckboxLabel: flag(query.exportCheckboxLabel),
    exportSurveyFields: flag(query.exportSurveyFields),
    exportDataAccessGroups: flag(query.exportDataAccessGroups),
    exportBlankForGrayFormStatus: flag(query.exportBlankForGrayFormStatus),
    combineCheckboxOptions: flag(query.combineCheckboxOptions),
    decimalCharacter: query.decimalCharacter,
  };
}

function importParams(rows: readonly object[], options: ImportOptions): Params {
  return {
    content: 'record',
    action: 'import',
    format: 'json',
    overwriteBehavior: options.overwriteBehavior,
    forceAutoNumber: 'false',
    dateFormat: options.dateFormat ?? 'YMD',
    returnContent: 'ids',
    returnFormat: 'json',
    data: JSON.stringify(rows),
  };
}

async function importForIds(
  wire: RedcapWire,
  params: Params,
  sent: ReadonlySet<string>,
  options: ImportOptions,
  control: CallControl | undefined,
): Promise<string[]> {
  const answer = await wire.json(params, {
    action: 'import',
    repeatable: options.repeatable ?? false,
    logLines: sent.size,
    control,
  });
  const touched = asList(answer).map(String);
  if (touched.length !== sent.size || touched.some((record) => !sent.has(record))) {
    throw otherRecords(touched.length, sent.size);
  }
  return touched;
}

function recordsOf(ids: readonly (string | undefined)[]): Set<string> {
  if (ids.some((id) => id === undefined || id === '')) {
    throw new RedcapRefusedError('A row of an import names no record.', 'REDCAP_ROW_WITHOUT_RECORD');
  }
  return new Set(ids as string[]);
}

function otherRecords(touched: number, sent: number): RedcapBadAnswerError {
  return new RedcapBadAnswerError(
    `REDCap says it imported ${touched} record(s) where ${sent} were sent.`,
    'REDCAP_IMPORT_COUNT',
  );
}

const systemColumns =
  /^(redcap_(event_name|repeat_instrument|repeat_instance|data_access_group|survey_identifier)|.*_timestamp)$/;

/** Columns that nobody asked for. Only where fields were named and nothing else can bring columns. */
function noteColumns(wire: RedcapWire, query: RecordQuery, row: FlatRow | undefined): void {
  if (row === undefined || query.fields === undefined || query.forms !== undefined) return;
  const asked = new Set(query.fields);
  wire.unknownNames(
    'record',
    Object.keys(row).filter((name) => {
      const base = name.split('___')[0]!;
      return !asked.has(name) && !asked.has(base) && !systemColumns.test(name);
    }),
  );
}
