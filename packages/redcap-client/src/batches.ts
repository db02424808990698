import { RedcapBadAnswerError, RedcapError, RedcapImportStoppedError, RedcapUnavailableError } from './errors';
import { Pace } from './pace';
import type { FlatRow } from './read-csv';
import type { ImportOptions, RecordMethods, RecordQuery } from './records';

/** How work on many records is cut into calls (redcap-api.md §7.1). */
export interface BatchOptions {
  /** Time one call should take, in milliseconds; the size of the next call follows from it. Default 10,000. */
  targetMs?: number;
  /** Records in the first call; default 100. */
  firstRecords?: number;
  /** Records in one call at most; default 500, never more than 900 (PHP's limit of parameters). */
  maxRecords?: number;
  /** Bytes of rows in one import call at most; default 500,000. A single record is never cut. */
  maxBytes?: number;
  /** Told after every call. `of` counts all records. */
  onProgress?: (progress: { records: number; of: number; calls: number }) => void;
  signal?: AbortSignal;
}

const mostRecords = 900;
const usualRecords = 500;
const mostBytes = 500_000;

/**
 * Exports everything a query means, record by record in several calls toward `targetMs` each, as REDCap has no paging.
 * The ids are asked first; a call that REDCap could not serve is made again with half the records. What comes is held
 * against the ids: a record that is missing and still there is a `RedcapBadAnswerError`. Gives the rows of one call at a
 * time; rows given are whole and may be used.
 */
export async function* exportInBatches(
  client: Pick<RecordMethods, 'exportRecords' | 'readRecords'>,
  recordIdField: string,
  query: RecordQuery,
  options: BatchOptions = {},
): AsyncGenerator<FlatRow[], void, undefined> {
  const control = { signal: options.signal };
  const idsOf = async (records?: readonly string[]) => {
    const rows = await client.exportRecords(
      { ...query, fields: [recordIdField], forms: undefined, ...(records ? { records } : {}) },
      control,
    );
    return [...new Set(rows.map((row) => row[recordIdField] ?? ''))].filter((record) => record !== '');
  };
  const records = await idsOf();
  const fields = query.fields && [...new Set([recordIdField, ...query.fields])];
  const pace = paceOf(options);
  let calls = 0;
  for (let at = 0; at < records.length;) {
    const part = records.slice(at, at + pace.size);
    const startedAt = Date.now();
    let rows: FlatRow[];
    try {
      rows = await client.readRecords({ ...query, records: part, fields }, control);
    } catch (error) {
      if (!tooMuch(error) || !pace.slower(part.length)) throw error;
      continue;
    }
    calls += 1;
    const came = new Set(rows.map((row) => row[recordIdField] ?? ''));
    const missing = part.filter((record) => !came.has(record));
    if (missing.length > 0 && (await idsOf(missing)).length > 0) {
      throw new RedcapBadAnswerError(`REDCap left out ${missing.length} record(s) that exist.`, 'REDCAP_INCOMPLETE');
    }
    pace.took(part.length, Date.now() - startedAt);
    at += part.length;
    yield rows;
    options.onProgress?.({ records: at, of: records.length, calls });
  }
}

/**
 * Imports rows in several calls toward `targetMs` each. A record's rows stay together. Answers the records that REDCap
 * says it touched, in the order sent. Throws a `RedcapImportStoppedError` that tells which records were imported before;
 * nothing is sent after a failure. A call too large for the server is made again with half the records: it was not taken.
 */
export async function importInBatches(
  client: Pick<RecordMethods, 'importRecords'>,
  rows: readonly FlatRow[],
  recordIdField: string,
  options: BatchOptions & ImportOptions,
): Promise<{ records: string[]; calls: number }> {
  const byRecord = new Map<string, FlatRow[]>();
  for (const row of rows) {
    const record = row[recordIdField] ?? '';
    byRecord.set(record, [...(byRecord.get(record) ?? []), row]);
  }
  const records = [...byRecord.keys()];
  const pace = paceOf(options);
  const imported: string[] = [];
  let calls = 0;
  while (imported.length < records.length) {
    const part = cut(records.slice(imported.length, imported.length + pace.size), byRecord, options.maxBytes);
    const startedAt = Date.now();
    try {
      await client.importRecords(
        part.flatMap((record) => byRecord.get(record)!),
        recordIdField,
        options,
        { signal: options.signal },
      );
    } catch (error) {
      if (error instanceof RedcapUnavailableError && error.code === 'REDCAP_413' && pace.slower(part.length)) continue;
      throw error instanceof RedcapError ? new RedcapImportStoppedError(error, imported) : error;
    }
    calls += 1;
    pace.took(part.length, Date.now() - startedAt);
    imported.push(...part);
    options.onProgress?.({ records: imported.length, of: records.length, calls });
  }
  return { records: imported, calls };
}

function paceOf(options: BatchOptions): Pace {
  const most = Math.min(mostRecords, Math.max(1, options.maxRecords ?? usualRecords));
  return new Pace(options.targetMs ?? 10_000, Math.min(most, options.firstRecords ?? 100), most);
}

/** As many of the records as fit, at least one. */
function cut(
  records: readonly string[],
  byRecord: ReadonlyMap<string, readonly FlatRow[]>,
  maxBytes = mostBytes,
): string[] {
  let bytes = 0;
  const fit = records.findIndex((record, at) => {
    bytes += Buffer.byteLength(JSON.stringify(byRecord.get(record)));
    return at > 0 && bytes > maxBytes;
  });
  return fit < 0 ? [...records] : records.slice(0, fit);
}

/** Whether a smaller question may be answered where this one was not. */
function tooMuch(error: unknown): boolean {
  return (
    error instanceof RedcapUnavailableError &&
    ['REDCAP_OUT_OF_MEMORY', 'REDCAP_TIMEOUT', 'REDCAP_413', 'REDCAP_500', 'REDCAP_504'].includes(error.code)
  );
}
