import { exportInBatches, importInBatches, RedcapImportStoppedError, type FlatRow } from '../src';
import { csv, fakeServer, json, send } from './fake-server';

type Fake = Awaited<ReturnType<typeof fakeServer>>;
let fake: Fake | undefined;
afterEach(async () => {
  await fake?.close();
  fake = undefined;
});

const records = Array.from({ length: 25 }, (_, at) => String(at + 1));
const named = (request: URLSearchParams) =>
  [...request].filter(([name]) => name.startsWith('records[')).map((p) => p[1]);
const idRows = (ids: readonly string[]) => ids.map((record_id) => ({ record_id }));

/** A server that serves at most `most` records a call, and leaves those in `hidden` out of CSV. */
const exporting = (most: number, hidden: ReadonlySet<string> = new Set()) =>
  fakeServer((request, response) => {
    const ids = named(request);
    if (request.get('format') === 'json') return json(response, idRows(ids.length > 0 ? ids : records));
    if (ids.length > most) {
      return json(response, { error: 'REDCap ran out of server memory. The request cannot be processed.' }, 400);
    }
    const shown = ids.filter((id) => !hidden.has(id));
    return csv(response, ['record_id,note', ...shown.map((id) => `${id},n${id}`), ''].join('\n'));
  });

async function collect(batches: AsyncIterable<FlatRow[]>): Promise<FlatRow[][]> {
  const all: FlatRow[][] = [];
  for await (const rows of batches) all.push(rows);
  return all;
}

describe('exporting in batches', () => {
  it('reads everything in parts, told as it goes', async () => {
    fake = await exporting(100);
    const told: number[] = [];
    const parts = await collect(
      exportInBatches(
        fake.client(),
        'record_id',
        { fields: ['note'] },
        {
          firstRecords: 10,
          maxRecords: 10,
          onProgress: (progress) => told.push(progress.records),
        },
      ),
    );
    expect(parts.map((part) => part.length)).toEqual([10, 10, 5]);
    expect(parts.flat().map((row) => row.record_id)).toEqual(records);
    expect(told).toEqual([10, 20, 25]);
    expect(fake.asked[1]!.get('fields')).toBe('record_id,note');
  });

  it('asks for half as much when it was too much, and goes on', async () => {
    fake = await exporting(7);
    const parts = await collect(
      exportInBatches(
        fake.client({ retry: { attempts: 1, baseDelayMs: 1 } }),
        'record_id',
        {},
        { firstRecords: 20, maxRecords: 20 },
      ),
    );
    expect(parts.flat().map((row) => row.record_id)).toEqual(records);
    expect(Math.max(...parts.map((part) => part.length))).toBeLessThanOrEqual(7);
  });

  it('gives up when one record alone is too much', async () => {
    fake = await exporting(0);
    const client = fake.client({ retry: { attempts: 1, baseDelayMs: 1 } });
    await expect(collect(exportInBatches(client, 'record_id', {}))).rejects.toMatchObject({
      code: 'REDCAP_OUT_OF_MEMORY',
    });
  });

  it('does not believe an answer that leaves out a record', async () => {
    fake = await exporting(100, new Set(['13']));
    await expect(collect(exportInBatches(fake.client(), 'record_id', {}))).rejects.toMatchObject({
      code: 'REDCAP_INCOMPLETE',
      errorClass: 'dependency',
    });
  });

  it('ends with its caller’s signal, at once and without another call', async () => {
    fake = await exporting(100);
    const stop = new AbortController();
    const batches = exportInBatches(
      fake.client(),
      'record_id',
      {},
      { firstRecords: 5, maxRecords: 5, signal: stop.signal },
    );
    await batches.next();
    stop.abort();
    await expect(batches.next()).rejects.toMatchObject({ code: 'REDCAP_ABORTED' });
    expect(fake.asked).toHaveLength(2);
  });
});

/** A server that takes bodies up to `limit` bytes, and refuses a record by name. */
const importing = (limit: number, bad?: string) =>
  fakeServer((request, response) => {
    const data = request.get('data')!;
    const ids = [...new Set((JSON.parse(data) as FlatRow[]).map((row) => row.record_id!))];
    if (data.length > limit) return send(response, 413, 'text/html', '<html>too large</html>');
    if (bad !== undefined && ids.includes(bad)) {
      return json(response, { error: `"${bad}","note","secret","This value you provided is not a number."` }, 400);
    }
    return json(response, ids);
  });
const rows = records.flatMap((record_id) => [
  { record_id, redcap_event_name: 'a_arm_1', note: 'x' },
  { record_id, redcap_event_name: 'b_arm_1', note: 'y' },
]);
const overwrite = { overwriteBehavior: 'overwrite' } as const;

describe('importing in batches', () => {
  it('keeps a record’s rows together, within records and bytes', async () => {
    fake = await importing(Infinity);
    const perRecord = JSON.stringify(rows.slice(0, 2)).length;
    const done = await importInBatches(fake.client(), rows, 'record_id', { ...overwrite, maxBytes: perRecord * 4.5 });
    expect(done.records).toEqual(records);
    const parts = fake.asked.map((request) => JSON.parse(request.get('data')!) as FlatRow[]);
    expect(parts.every((part) => part.length % 2 === 0)).toBe(true);
    expect(Math.max(...parts.map((part) => JSON.stringify(part).length))).toBeLessThanOrEqual(perRecord * 4.5);
    expect(done.calls).toBe(parts.length);
  });

  it('sends less when the server takes no more', async () => {
    fake = await importing(600);
    expect((await importInBatches(fake.client(), rows, 'record_id', overwrite)).records).toEqual(records);
  });

  it('stops at a refusal, and says what is in REDCap already', async () => {
    fake = await importing(Infinity, '13');
    const stopped = await importInBatches(fake.client(), rows, 'record_id', {
      ...overwrite,
      firstRecords: 5,
      maxRecords: 5,
    }).catch((error: unknown) => error as RedcapImportStoppedError);
    expect(stopped).toBeInstanceOf(RedcapImportStoppedError);
    expect(stopped).toMatchObject({
      code: 'REDCAP_REFUSED',
      errorClass: 'participant',
      imported: records.slice(0, 10),
      reason: { cells: [{ record: '13', field: 'note' }] },
    });
    expect(JSON.stringify(stopped)).not.toContain('secret');
    expect(fake.asked).toHaveLength(3);
  });

  it('does not send the same rows again after a lost answer', async () => {
    fake = await fakeServer((_request, response) => response.destroy());
    await expect(importInBatches(fake.client(), rows, 'record_id', overwrite)).rejects.toMatchObject({
      code: 'REDCAP_CONNECTION_LOST',
      imported: [],
    });
    expect(fake.asked).toHaveLength(1);
  });
});
