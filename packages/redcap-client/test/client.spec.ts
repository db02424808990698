import { StudybridgeError } from '@studybridge/contracts';
import type { FlatRow, RedcapImportRefusedError, RedcapUnknownFieldsError } from '../src';
import { csv, fakeServer, json, send, token } from './fake-server';

type Fake = Awaited<ReturnType<typeof fakeServer>>;
let fake: Fake | undefined;
afterEach(async () => {
  await fake?.close();
  fake = undefined;
});

const failure = async (promise: Promise<unknown>) =>
  promise.then(
    () => {
      throw new Error('it should have failed');
    },
    (error: unknown) => error as { code: string; errorClass: string; message: string; retryAfterSeconds?: number },
  );

describe('survey links', () => {
  it('asks for one place and takes an address only', async () => {
    let answer = 'https://redcap.example.org/surveys/?s=AB12CD34EF56GH78\n';
    fake = await fakeServer((_request, response) => send(response, 200, 'text/html; charset=UTF-8', answer));
    const client = fake.client();
    const place = { record: '17', event: '2_month_arm_2', instrument: 'survey_2m', instance: 0 };
    expect(await client.surveyLink(place)).toBe('https://redcap.example.org/surveys/?s=AB12CD34EF56GH78');
    expect(Object.fromEntries(fake.asked[0]!)).toMatchObject({
      content: 'surveyLink',
      record: '17',
      event: '2_month_arm_2',
      instrument: 'survey_2m',
    });
    expect(fake.asked[0]!.has('repeat_instance')).toBe(false);
    await client.surveyLink({ ...place, event: '', instance: 3 });
    expect(fake.asked[1]!.get('repeat_instance')).toBe('3');
    expect(fake.asked[1]!.has('event')).toBe(false);
    answer = 'Survey not enabled';
    expect(await failure(client.surveyLink(place))).toMatchObject({
      code: 'REDCAP_BAD_LINK',
      errorClass: 'dependency',
    });
  });
});

describe('reading', () => {
  it('asks for records the way REDCap wants it', async () => {
    fake = await fakeServer((_request, response) =>
      json(response, [{ record_id: '1', redcap_repeat_instance: 2, note: 'a\r\nb' }]),
    );
    const rows = await fake.client().exportRecords({
      records: ['1', '2'],
      fields: ['record_id', 'note'],
      dateRangeBegin: '2018-09-04 08:00:00',
    });
    expect(rows).toEqual([{ record_id: '1', redcap_repeat_instance: '2', note: 'a\nb' }]);
    expect(Object.fromEntries(fake.asked[0]!)).toMatchObject({
      token,
      content: 'record',
      action: 'export',
      'records[0]': '1',
      'records[1]': '2',
      fields: 'record_id,note',
      dateRangeBegin: '2018-09-04 08:00:00',
    });
  });

  it.each([
    ['LF', '\n'],
    ['CRLF', '\r\n'],
  ])('reads CSV in pieces of any size (%s)', async (_name, lineEnd) => {
    const text = ['record_id,name,note', '1,"José, 🦷","two', 'lines and ""quotes"""', '2,,'].join(lineEnd) + lineEnd;
    const bytes = Buffer.from('\uFEFF' + text);
    for (const size of [1, 2, 3, 5, 7, 1000]) {
      fake = await fakeServer((_request, response) => {
        response.writeHead(200, { 'Content-Type': 'text/csv; charset=utf-8' });
        for (let at = 0; at < bytes.length; at += size) response.write(bytes.subarray(at, at + size));
        response.end();
      });
      expect(await fake.client().readRecords({})).toEqual([
        { record_id: '1', name: 'José, 🦷', note: 'two\nlines and "quotes"' },
        { record_id: '2', name: '', note: '' },
      ]);
      await fake.close();
    }
  });

  it('takes a lone line end as no rows, but nothing at all as an error', async () => {
    fake = await fakeServer((_request, response) => csv(response, '\n'));
    expect(await fake.client().readRecords({})).toEqual([]);
    await fake.close();
    fake = await fakeServer((_request, response) => csv(response, ''));
    expect(await failure(fake.client().readRecords({}))).toMatchObject({
      code: 'REDCAP_TRUNCATED',
      errorClass: 'dependency',
    });
    expect(fake.asked).toHaveLength(3);
  });

  it.each([
    ['within a row', 'record_id,a,b\n1,x,y\n2,x'],
    ['within quotes', 'record_id,a,b\n1,x,"y\n'],
    ['within a row of another width', 'record_id,a,b\n1,x\n2,x,y\n'],
    ['after a row without line end', 'record_id,a,b\n1,x,y'],
  ])('refuses CSV that ends %s', async (_name, body) => {
    fake = await fakeServer((_request, response) => csv(response, body));
    expect(await failure(fake.client().readRecords({}))).toMatchObject({
      code: 'REDCAP_TRUNCATED',
      errorClass: 'dependency',
    });
  });

  it('sees a body shorter than announced, and heals with the next attempt', async () => {
    fake = await fakeServer((_request, response, call) => {
      if (call > 1) return csv(response, 'record_id\n1\n2\n');
      response.writeHead(200, { 'Content-Type': 'text/csv', 'Content-Length': 1000 });
      response.write('record_id\n1\n');
      setTimeout(() => response.destroy(), 5);
    });
    expect(await fake.client().readRecords({})).toHaveLength(2);
    expect(fake.asked).toHaveLength(2);
  });

  it.each([
    ['cut off', 'application/json', '[{"record_id":"1"},{"rec', 'REDCAP_TRUNCATED'],
    ['empty', 'application/json', '', 'REDCAP_TRUNCATED'],
    ['a web page', 'text/html', '<!DOCTYPE html><html></html>', 'REDCAP_CONTENT_TYPE'],
    ['a web page that calls itself JSON', 'application/json', '<html></html>', 'REDCAP_HTML'],
    ['no list', 'application/json', '{"a":1,"b":2}', 'REDCAP_SHAPE'],
    ['a text', 'application/json', '"a"', 'REDCAP_SHAPE'],
    ['a list of something else', 'application/json', '[{"record_id":"1"},2]', 'REDCAP_SHAPE'],
    ['cut off after a row', 'application/json', '[{"record_id":"1"}', 'REDCAP_TRUNCATED'],
    ['more than a list', 'application/json', '[{"record_id":"1"}][', 'REDCAP_TRUNCATED'],
  ])('refuses a JSON answer that is %s, read whole or row by row', async (_name, type, body, code) => {
    fake = await fakeServer((_request, response) => send(response, 200, type, body));
    expect(await failure(fake.client().exportRecords({}))).toMatchObject({ code, errorClass: 'dependency' });
    const folding = fake.client().foldRecords(
      {},
      () => undefined,
      () => undefined,
    );
    expect(await failure(folding)).toMatchObject({ code, errorClass: 'dependency' });
  });

  it('takes rows of JSON as they come, and begins anew when the answer breaks off', async () => {
    const rows = Array.from({ length: 5_000 }, (_, at) => ({ record_id: `${at}`, name: 'Zoë', none: null }));
    const whole = JSON.stringify(rows);
    fake = await fakeServer((_request, response, call) => {
      if (call > 1) return send(response, 200, 'application/json', whole);
      response.writeHead(200, { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(whole) });
      response.write(whole.slice(0, 100_000));
      setTimeout(() => response.destroy(), 5);
    });
    const taken = await fake.client().foldRecords(
      {},
      () => [] as FlatRow[],
      (into, row) => into.push(row),
    );
    expect(taken).toEqual(rows.map((row) => ({ ...row, none: '' })));
    expect(fake.asked).toHaveLength(2);
  });

  it('takes a list without rows, and hands on what the taker throws', async () => {
    fake = await fakeServer((_request, response, call) => json(response, call === 1 ? [] : [{ record_id: '1' }]));
    const take = (into: string[], row: FlatRow): void => {
      if (row.record_id === '1') throw new RangeError('too many');
      into.push(row.record_id ?? '');
    };
    expect(await fake.client().foldRecords({}, () => [], take)).toEqual([]);
    expect(await failure(fake.client().foldRecords({}, () => [], take))).toMatchObject({ code: 'REDCAP_CLIENT' });
  });

  it('refuses a web page where CSV is expected', async () => {
    fake = await fakeServer((_request, response) =>
      send(response, 200, 'text/csv', '<html><body>login</body></html>\n'),
    );
    expect(await failure(fake.client().readRecords({}))).toMatchObject({
      code: 'REDCAP_HTML',
      errorClass: 'dependency',
    });
  });

  it('reads structure, and an empty list where a project has none', async () => {
    fake = await fakeServer((request, response) => {
      switch (request.get('content')) {
        case 'version':
          return send(response, 200, 'text/html', '15.2.1');
        case 'repeatingFormsEvents':
          return json(response, { error: 'You cannot export repeating instruments and events because …' }, 400);
        case 'formEventMapping':
          return json(response, { error: 'The server is being looked after' }, 400);
        case 'project':
          return json(response, {
            project_id: 12,
            project_title: 'A',
            in_production: 1,
            is_longitudinal: '1',
            purpose: 2,
          });
        case 'arm':
          return json(response, [{ arm_num: '2', name: 'OHT' }]);
        default:
          return json(response, [
            { event_name: 'Baseline', arm_num: 1, unique_event_name: 'baseline_arm_1', event_id: 9 },
          ]);
      }
    });
    const client = fake.client();
    expect(await client.version()).toBe('15.2.1');
    expect(await client.repeatingFormsEvents()).toEqual([]);
    expect(await client.project()).toMatchObject({
      project_id: 12,
      project_title: 'A',
      in_production: true,
      is_longitudinal: true,
    });
    expect(await client.arms()).toEqual([{ arm_num: 2, name: 'OHT' }]);
    // Only the refusal that says so means an empty list.
    expect(await failure(client.formEventMapping())).toMatchObject({ code: 'REDCAP_BAD_REQUEST' });
    expect(await client.events()).toEqual([
      { event_name: 'Baseline', arm_num: 1, unique_event_name: 'baseline_arm_1', event_id: 9 },
    ]);
  });
});

describe('errors', () => {
  it.each([
    [503, 'text/html', '<html>down</html>', 'REDCAP_503', 'dependency'],
    [
      403,
      'application/json',
      '{"error":"You do not have permissions to use the API"}',
      'REDCAP_ACCESS_DENIED',
      'setting',
    ],
    [403, 'text/html', '<html>banned</html>', 'REDCAP_HTML', 'dependency'],
    [404, 'text/html', '<html>not found</html>', 'REDCAP_WRONG_ADDRESS', 'setting'],
    [301, 'text/html', '', 'REDCAP_WRONG_ADDRESS', 'setting'],
    [400, 'application/json', '{"error":"The thing \\"Ana Q\\" is wrong"}', 'REDCAP_BAD_REQUEST', 'bug'],
    [200, 'application/json', '{"error":"something"}', 'REDCAP_BAD_REQUEST', 'bug'],
  ])('classifies %s %s', async (status, type, body, code, errorClass) => {
    fake = await fakeServer((_request, response) => send(response, status, type, body));
    const client = fake.client();
    const folding = () =>
      client.foldRecords(
        {},
        () => undefined,
        () => undefined,
      );
    for (const call of [() => client.exportRecords({}), folding]) {
      const before = fake.asked.length;
      const error = await failure(call());
      expect(error).toMatchObject({ code, errorClass });
      expect(JSON.stringify(error) + error.message).not.toMatch(/Ana Q|ABCDEF/);
      expect(fake.asked.length - before).toBe(errorClass === 'dependency' ? 3 : 1);
    }
  });

  it('names the fields that REDCap does not know', async () => {
    fake = await fakeServer((_request, response) =>
      json(response, { error: `The following values in the parameter "fields" are not valid: 'part_lang', 'b'` }, 400),
    );
    const error = (await failure(fake.client().exportRecords({}))) as unknown as RedcapUnknownFieldsError;
    expect(error.fields).toEqual(['part_lang', 'b']);
  });

  it('says unreachable, and shows neither address nor token', async () => {
    fake = await fakeServer(() => undefined);
    const client = fake.client();
    await fake.close();
    const error = await failure(client.version());
    expect(error).toMatchObject({ code: 'REDCAP_UNREACHABLE', errorClass: 'dependency' });
    expect(`${error.message} ${JSON.stringify(error)} ${String((error as unknown as Error).stack)}`).not.toContain(
      token,
    );
    expect((error as unknown as Error).cause).toBeUndefined();
    fake = undefined;
  });

  it('gives up on a server that never answers', async () => {
    fake = await fakeServer(() => undefined);
    const error = await failure(fake.client({ timeoutMs: 60, retry: { attempts: 1, baseDelayMs: 1 } }).version());
    expect(error).toMatchObject({ code: 'REDCAP_TIMEOUT', errorClass: 'dependency' });
  });

  it('gives up on an answer that never ends', async () => {
    fake = await fakeServer((_request, response) => {
      response.writeHead(200, { 'Content-Type': 'text/csv' });
      response.write('record_id\n1\n');
    });
    const error = await failure(
      fake.client({ timeoutMs: 100, retry: { attempts: 1, baseDelayMs: 1 } }).readRecords({}),
    );
    expect(error).toMatchObject({ errorClass: 'dependency' });
  });

  it('passes on how long a busy server wants to be left alone', async () => {
    fake = await fakeServer((_request, response) => {
      response.writeHead(429, { 'Retry-After': '60' });
      response.end();
    });
    expect(await failure(fake.client().version())).toMatchObject({ code: 'REDCAP_429', retryAfterSeconds: 60 });
    expect(fake.asked).toHaveLength(1);
  });
});

describe('importing', () => {
  const rows = [
    { record_id: '1', redcap_event_name: 'baseline_arm_1', ag_status: '' },
    { record_id: '2', redcap_event_name: 'baseline_arm_1', ag_status: '40' },
  ];

  it('sends rows and believes only the records it sent', async () => {
    fake = await fakeServer((_request, response) => json(response, ['1', '2']));
    expect(await fake.client().importRecords(rows, 'record_id', { overwriteBehavior: 'overwrite' })).toEqual([
      '1',
      '2',
    ]);
    expect(Object.fromEntries(fake.asked[0]!)).toMatchObject({
      action: 'import',
      overwriteBehavior: 'overwrite',
      dateFormat: 'YMD',
      returnContent: 'ids',
      data: JSON.stringify(rows),
    });
  });

  it.each([[['1']], [['1', '3']], [['1', '2', '3']]])('refuses the count %j', async (answer) => {
    fake = await fakeServer((_request, response) => json(response, answer));
    const error = await failure(fake.client().importRecords(rows, 'record_id', { overwriteBehavior: 'overwrite' }));
    expect(error).toMatchObject({ code: 'REDCAP_IMPORT_COUNT', errorClass: 'dependency' });
  });

  it('does not repeat an import of its own accord', async () => {
    fake = await fakeServer((_request, response) => send(response, 503, 'text/plain', ''));
    await failure(fake.client().importRecords(rows, 'record_id', { overwriteBehavior: 'overwrite' }));
    expect(fake.asked).toHaveLength(1);
    await failure(fake.client().importRecords(rows, 'record_id', { overwriteBehavior: 'overwrite', repeatable: true }));
    expect(fake.asked).toHaveLength(4);
  });

  it('reads which cells were refused, and forgets their values', async () => {
    const lines = [
      '"1","ag_status","secret","The value you provided could not be validated because it does not follow the expected format. Please try again."',
      '"2","ag_optin_date","31/12","""31/12"" is not a date, sorry."',
    ];
    fake = await fakeServer((_request, response) => json(response, { error: lines.join('\n') }, 400));
    const error = (await failure(
      fake.client().importRecords(rows, 'record_id', { overwriteBehavior: 'overwrite' }),
    )) as unknown as RedcapImportRefusedError;
    expect(error).toMatchObject({ code: 'REDCAP_REFUSED', errorClass: 'participant' });
    expect(error.cells).toEqual([
      { record: '1', field: 'ag_status', message: expect.stringMatching(/^The value you provided/) as string },
      { record: '2', field: 'ag_optin_date', message: '"…" is not a date, sorry.' },
    ]);
    expect(JSON.stringify(error)).not.toContain('secret');
  });
});

describe('watching calls', () => {
  it('asks before and reports after every call, repeats included', async () => {
    const before: string[] = [];
    const after: number[] = [];
    fake = await fakeServer((_request, response, call) =>
      call === 1 ? send(response, 502, 'text/html', '<html>') : send(response, 200, 'text/html', '14.9.1'),
    );
    await fake
      .client({
        beforeCall: ({ content }) => Promise.resolve(void before.push(content)),
        afterCall: ({ status }) => after.push(status),
      })
      .version();
    expect(before).toEqual(['version', 'version']);
    expect(after).toEqual([502, 200]);
  });

  it('hands on what the one who watches throws, with its class: a breaker is not a bug', async () => {
    fake = await fakeServer((_request, response) => send(response, 200, 'text/html', '14.9.1'));
    const closed = new StudybridgeError('REDCap is left alone for a moment.', {
      code: 'BREAKER',
      errorClass: 'dependency',
      remedy: 'Wait.',
      retryAfterSeconds: 60,
    });
    const client = fake.client({ beforeCall: () => Promise.reject(closed) });
    await expect(client.version()).rejects.toMatchObject({
      code: 'BREAKER',
      errorClass: 'dependency',
      remedy: 'Wait.',
    });
  });
});
