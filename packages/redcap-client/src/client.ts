import type { z } from 'zod';
import { RedcapWire, type Params, type RedcapClientOptions } from './call';
import { RedcapBadAnswerError, RedcapRefusedError } from './errors';
import { readCsvRows, type FlatRow } from './read-csv';
import {
  armSchema,
  eventSchema,
  logRowSchema,
  mappingSchema,
  metadataRowSchema,
  projectSchema,
  repeatingSchema,
  userSchema,
  type ArmRow,
  type EventRow,
  type LogRow,
  type MappingRow,
  type MetadataRow,
  type ProjectInfo,
  type RepeatingRow,
  type UserRow,
} from './types';

/** Which records, fields and rows to export. Times are the server's wall time, `YYYY-MM-DD HH:MM:SS`. */
export interface RecordQuery {
  records?: readonly string[];
  /** Name the record id field too: REDCap adds it, and with it the system columns, only when asked (redcap-api.md §3.1). */
  fields?: readonly string[];
  forms?: readonly string[];
  events?: readonly string[];
  dateRangeBegin?: string;
  dateRangeEnd?: string;
  filterLogic?: string;
}

export interface ImportOptions {
  /** `overwrite` lets a blank clear a field; then send only the fields that are meant. */
  overwriteBehavior: 'normal' | 'overwrite';
  /** How dates in the rows are written. */
  dateFormat?: 'YMD' | 'MDY' | 'DMY';
  /** Whether to repeat after a lost answer. True only where the same rows twice do no harm and nobody else decides. */
  repeatable?: boolean;
}

export interface LogQuery {
  logtype?: 'record' | 'record_add' | 'record_edit' | 'record_delete' | 'export' | 'manage' | 'user';
  record?: string;
  /** The server's wall time, to the minute. */
  beginTime?: string;
  endTime?: string;
}

/** A survey of a record; `event` is empty in a project without events, `instance` 0 where nothing repeats. */
export interface SurveyPlace {
  record: string;
  event: string;
  instrument: string;
  instance: number;
}

export interface RedcapClient {
  /** Rows as JSON: a cut-off answer cannot parse. For ids and for reading cells back. */
  exportRecords(query: RecordQuery): Promise<FlatRow[]>;
  /** Rows as a CSV stream. An error while reading means that the rows already given must be thrown away. */
  streamRecords(query: RecordQuery): AsyncGenerator<FlatRow, void, undefined>;
  /** A bounded number of rows through the CSV stream, read again from the start when an answer breaks off. */
  readRecords(query: RecordQuery): Promise<FlatRow[]>;
  /** Imports rows; answers with the distinct records REDCap says it touched. Throws when they are not those sent. */
  importRecords(rows: readonly FlatRow[], recordIdField: string, options: ImportOptions): Promise<string[]>;
  metadata(): Promise<MetadataRow[]>;
  arms(): Promise<ArmRow[]>;
  events(): Promise<EventRow[]>;
  formEventMapping(): Promise<MappingRow[]>;
  /** Empty where nothing repeats. */
  repeatingFormsEvents(): Promise<RepeatingRow[]>;
  project(): Promise<ProjectInfo>;
  version(): Promise<string>;
  /** Newest first. Needs the right to the log. */
  log(query: LogQuery): Promise<LogRow[]>;
  /** Users and their rights. Needs the right to see them. */
  users(): Promise<UserRow[]>;
  /** The address under which one record answers one survey (redcap-api.md §2.20). Needs the right to manage survey participants. */
  surveyLink(place: SurveyPlace): Promise<string>;
}

/** A client for one project of one REDCap server. Every method throws a `RedcapError`. */
export function createRedcapClient(options: RedcapClientOptions): RedcapClient {
  return new Client(new RedcapWire(options));
}

class Client implements RedcapClient {
  constructor(private readonly wire: RedcapWire) {}

  async exportRecords(query: RecordQuery): Promise<FlatRow[]> {
    const answer = await this.wire.json(recordParams(query, 'json'), { action: 'export', repeatable: true });
    if (!Array.isArray(answer)) throw notAList();
    return answer.map(toFlatRow);
  }

  async *streamRecords(query: RecordQuery): AsyncGenerator<FlatRow, void, undefined> {
    yield* readCsvRows(await this.wire.open(recordParams(query, 'csv'), { expected: 'csv', action: 'export' }));
  }

  async readRecords(query: RecordQuery): Promise<FlatRow[]> {
    return this.wire.repeat({ repeatable: true }, async () => {
      const rows: FlatRow[] = [];
      for await (const row of this.streamRecords(query)) rows.push(row);
      return rows;
    });
  }

  async importRecords(rows: readonly FlatRow[], recordIdField: string, options: ImportOptions): Promise<string[]> {
    const sent = new Set(rows.map((row) => row[recordIdField] ?? ''));
    if (sent.has('')) throw new RedcapRefusedError('A row of an import names no record.', 'REDCAP_ROW_WITHOUT_RECORD');
    const answer = await this.wire.json(
      {
        content: 'record',
        action: 'import',
        format: 'json',
        type: 'flat',
        overwriteBehavior: options.overwriteBehavior,
        forceAutoNumber: 'false',
        dateFormat: options.dateFormat ?? 'YMD',
        returnContent: 'ids',
        returnFormat: 'json',
        data: JSON.stringify(rows),
      },
      { action: 'import', repeatable: options.repeatable ?? false },
    );
    if (!Array.isArray(answer)) throw notAList();
    const touched = answer.map(String);
    if (touched.length !== sent.size || touched.some((record) => !sent.has(record))) {
      throw new RedcapBadAnswerError(
        `REDCap says it imported ${touched.length} record(s) where ${sent.size} were sent.`,
        'REDCAP_IMPORT_COUNT',
      );
    }
    return touched;
  }

  metadata(): Promise<MetadataRow[]> {
    return this.list({ content: 'metadata' }, metadataRowSchema);
  }

  async arms(): Promise<ArmRow[]> {
    return this.orClassic(() => this.list({ content: 'arm' }, armSchema));
  }

  async events(): Promise<EventRow[]> {
    return this.orClassic(() => this.list({ content: 'event' }, eventSchema));
  }

  async formEventMapping(): Promise<MappingRow[]> {
    return this.orClassic(() => this.list({ content: 'formEventMapping' }, mappingSchema));
  }

  async repeatingFormsEvents(): Promise<RepeatingRow[]> {
    return this.orClassic(() => this.list({ content: 'repeatingFormsEvents' }, repeatingSchema));
  }

  async project(): Promise<ProjectInfo> {
    const answer = await this.wire.json(
      { content: 'project', format: 'json', returnFormat: 'json' },
      { action: 'export', repeatable: true },
    );
    return parse(projectSchema, Array.isArray(answer) ? answer[0] : answer);
  }

  async version(): Promise<string> {
    const text = await this.wire.text({ content: 'version' }, { expected: 'text', action: 'export', repeatable: true });
    const version = /^\s*(\d+(\.\d+)+)\s*$/.exec(text)?.[1];
    if (version === undefined) throw new RedcapBadAnswerError('REDCap told no version.', 'REDCAP_BAD_VERSION');
    return version;
  }

  log(query: LogQuery): Promise<LogRow[]> {
    return this.list({ content: 'log', ...query }, logRowSchema);
  }

  users(): Promise<UserRow[]> {
    return this.list({ content: 'user' }, userSchema);
  }

  async surveyLink({ record, event, instrument, instance }: SurveyPlace): Promise<string> {
    const text = await this.wire.text(
      {
        content: 'surveyLink',
        record,
        instrument,
        event: event === '' ? undefined : event,
        repeat_instance: instance === 0 ? undefined : String(instance),
        returnFormat: 'json',
      },
      { expected: 'text', action: 'export', repeatable: true },
    );
    const link = /^\s*(https?:\/\/\S+)\s*$/.exec(text)?.[1];
    if (link === undefined) throw new RedcapBadAnswerError('REDCap gave no address of a survey.', 'REDCAP_BAD_LINK');
    return link;
  }

  private async list<S extends z.ZodType>(params: Params, schema: S): Promise<z.infer<S>[]> {
    const answer = await this.wire.json(
      { ...params, format: 'json', returnFormat: 'json' },
      { action: 'export', repeatable: true },
    );
    if (!Array.isArray(answer)) throw notAList();
    return answer.map((row) => parse(schema, row));
  }

  /** A project without arms, events or repeats answers 400 (redcap-api.md §1.8); that means an empty list. */
  private async orClassic<T>(ask: () => Promise<T[]>): Promise<T[]> {
    try {
      return await ask();
    } catch (error) {
      if (error instanceof RedcapRefusedError) return [];
      throw error;
    }
  }
}

function recordParams(query: RecordQuery, format: 'json' | 'csv'): Params {
  return {
    content: 'record',
    action: 'export',
    format,
    type: 'flat',
    rawOrLabel: 'raw',
    returnFormat: 'json',
    records: query.records,
    // Comma-separated: hundreds of fields as an array would meet PHP's limit of 1,000 parameters.
    fields: query.fields?.join(','),
    forms: query.forms,
    events: query.events,
    dateRangeBegin: query.dateRangeBegin,
    dateRangeEnd: query.dateRangeEnd,
    filterLogic: query.filterLogic,
  };
}

function toFlatRow(value: unknown): FlatRow {
  if (typeof value !== 'object' || value === null) throw notAList();
  return Object.fromEntries(
    Object.entries(value).map(([name, cell]) => [name, cell === null ? '' : String(cell).replaceAll('\r\n', '\n')]),
  );
}

function parse<S extends z.ZodType>(schema: S, value: unknown): z.infer<S> {
  const result = schema.safeParse(value);
  if (!result.success) {
    const where = result.error.issues[0]?.path.join('.') ?? '';
    throw new RedcapBadAnswerError(`REDCap’s answer lacks ${where || 'what was asked for'}.`, 'REDCAP_SHAPE');
  }
  return result.data;
}

function notAList(): RedcapBadAnswerError {
  return new RedcapBadAnswerError('REDCap answered with something else than a list.', 'REDCAP_SHAPE');
}
