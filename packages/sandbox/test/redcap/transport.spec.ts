import { gzipSync } from 'node:zlib';
import { connect } from 'node:net';
import { fixture, openLab, post, type Lab } from './server';

describe('transport, rights and faults', () => {
  let lab: Lab;
  beforeEach(async () => {
    lab = await openLab(fixture('classic.xml'), { bodyLimit: 200_000 });
  });
  afterEach(() => lab.close());

  it.each([
    ['json', 'application/json; charset=utf-8', '{"error":"You do not have permissions to use the API"}'],
    ['csv', 'text/csv; charset=utf-8', 'ERROR: You do not have permissions to use the API'],
    [
      'xml',
      'text/xml; charset=utf-8',
      '<?xml version="1.0" encoding="UTF-8" ?><hash><error>You do not have permissions to use the API</error></hash>',
    ],
  ])('refuses an unknown token in %s', async (format, type, body) => {
    for (const token of ['BAD00000000000000000000000000000', '', 'short']) {
      expect(await lab.call({ token, content: 'record', returnFormat: format })).toEqual({ status: 403, type, body });
      expect((await lab.call({ token, content: 'record', format })).body).toBe(body);
    }
  });

  it('takes tokens in either case, from form-encoded, multipart and compressed bodies', async () => {
    expect((await lab.call({ token: lab.token.toLowerCase(), content: 'version' })).body).toBe('15.2.1');
    const form = new FormData();
    form.set('token', lab.token);
    form.set('content', 'version');
    const multipart = await fetch(lab.url, { method: 'POST', body: form });
    expect(await multipart.text()).toBe('15.2.1');
    const packed = gzipSync(`token=${lab.token}&content=version`);
    const response = await fetch(lab.url, {
      method: 'POST',
      body: new Uint8Array(packed),
      headers: { 'content-encoding': 'gzip', 'content-type': 'application/x-www-form-urlencoded' },
    });
    expect(await response.text()).toBe('15.2.1');
    expect((await post(lab.url.slice(0, -1), `token=${lab.token}&content=version`)).body).toBe('15.2.1');
  });

  it('answers lost bodies, other verbs, unknown and missing methods', async () => {
    const lost =
      '<?xml version="1.0" encoding="UTF-8" ?><hash><error>The requested method is not implemented.</error></hash>';
    expect(await post(lab.url, '')).toMatchObject({ status: 501, body: lost });
    const get = await fetch(lab.url);
    expect([get.status, await get.text()]).toEqual([501, lost]);
    expect(await lab.call({ content: 'nonsense', format: 'json' })).toMatchObject({
      status: 400,
      body: '{"error":"The value of the parameter \\"content\\" is not valid"}',
    });
    expect(await lab.call({ content: 'log', format: 'json', data: '[]' })).toMatchObject({ status: 501 });
    expect(await lab.call({ content: 'metadata', format: 'json', data: '[' })).toMatchObject({
      status: 400,
      body: '{"error":"The data is not in the specified format."}',
    });
    expect(await lab.call({ content: 'record', action: 'juggle' })).toMatchObject({ status: 501 });
    expect(await lab.call({ content: 'record', format: 'yaml' })).toMatchObject({ status: 400 });
  });

  it.each([
    ['nothing but noise', Buffer.from([0, 255, 254, 13, 10, 37, 37, 38, 61]), 'application/x-www-form-urlencoded', 403],
    ['multipart without a boundary', Buffer.from('token=x'), 'multipart/form-data', 400],
    [
      'multipart cut off',
      Buffer.from('--b\r\nContent-Disposition: form-data; name="token"\r\n\r\nxx'),
      'multipart/form-data; boundary=b',
      400,
    ],
    ['too much', Buffer.alloc(300_000, 97), 'application/x-www-form-urlencoded', 413],
  ])('survives %s', async (_what, body, type, status) => {
    const reply = await post(lab.url, new Uint8Array(body), type);
    expect(reply.status).toBe(status);
    expect(reply.body).toContain('<hash><error>');
    expect((await lab.call({ content: 'version' })).body).toBe('15.2.1');
  });

  it.each([
    ['before the data', 'json', (data: string) => `token=x&content=record&returnFormat=json&data=${data}`],
    ['behind the data', 'csv', (data: string) => `token=x&content=record&data=${data}&format=csv`],
    ['nowhere', 'xml', (data: string) => `token=x&data=${data}`],
  ])('refuses what is too large in the format asked for %s: %s', async (_where, format, body) => {
    const types = { json: 'application/json', csv: 'text/csv', xml: 'text/xml' };
    const reply = await post(lab.url, body('a'.repeat(2_000_000)));
    expect(reply).toMatchObject({ status: 413, type: `${types[format as keyof typeof types]}; charset=utf-8` });
    expect(reply.body).toContain('The request is larger than this server accepts');
    const form = new FormData();
    form.set('format', format);
    form.set('file', new Blob([new Uint8Array(1_000_000)]), 'x.bin');
    const upload = await fetch(lab.url, { method: 'POST', body: form });
    expect([upload.status, upload.headers.get('content-type')]).toEqual([413, reply.type]);
  });

  it.each([
    ['json', `[${'{},'.repeat(1_000_001)}{}]`],
    ['csv', `study_id\n${','.repeat(1_000_001)}`],
    ['xml', `<records>${'<a/>'.repeat(500_001)}</records>`],
  ])('says that its memory is not enough for too many values in %s', async (format, data) => {
    const large = await openLab(fixture('classic.xml'));
    const reply = await large.call({ content: 'record', format, returnFormat: 'csv', data });
    expect(reply.body).toBe(
      'ERROR: REDCap ran out of server memory. The request cannot be processed. Please try importing/exporting a smaller amount of data.',
    );
    expect((await large.call({ content: 'metadata', format, returnFormat: 'csv', data })).body).toBe(reply.body);
    expect((await large.call({ content: 'version' })).body).toBe('15.2.1');
    await large.close();
  });

  it('refuses a small body that is large inside, and waits for no end of it', async () => {
    const bomb = gzipSync(Buffer.alloc(50_000_000, 97));
    const headers = { 'content-encoding': 'gzip', 'content-type': 'application/x-www-form-urlencoded' };
    const reply = await fetch(lab.url, { method: 'POST', body: new Uint8Array(bomb), headers });
    expect(reply.status).toBe(413);
    const unknown = await fetch(lab.url, { method: 'POST', body: 'x', headers: { 'content-encoding': 'secret' } });
    expect(unknown.status).toBe(400);
    expect((await lab.call({ content: 'version' })).body).toBe('15.2.1');
  });

  it('reads a body without a length, and more parameters than anybody has', async () => {
    const parts = [`token=${lab.token}`, '&content=ver', 'sion', '&records[0]=1'.repeat(10_000)];
    const body = new ReadableStream<Uint8Array>({
      pull(controller) {
        const part = parts.shift();
        if (part === undefined) controller.close();
        else controller.enqueue(new TextEncoder().encode(part));
      },
    });
    const response = await fetch(lab.url, { method: 'POST', body, duplex: 'half' } as RequestInit);
    expect(await response.text()).toBe('15.2.1');
  });

  it('survives a broken compressed body, deep nesting and a client that hangs up', async () => {
    const response = await fetch(lab.url, { method: 'POST', body: 'no gzip', headers: { 'content-encoding': 'gzip' } });
    expect(response.status).toBe(400);
    const deep = { content: 'record', format: 'json', data: '['.repeat(50_000) };
    expect((await lab.call(deep)).status).toBe(400);
    const nested = `<records>${'<item>'.repeat(5_000)}${'</item>'.repeat(5_000)}</records>`;
    expect((await lab.call({ content: 'record', format: 'xml', returnFormat: 'json', data: nested })).status).toBe(400);
    const brackets = { content: 'record', format: 'json', filterLogic: '('.repeat(4_000) };
    expect((await lab.call(brackets)).status).toBe(400);
    const { port } = new URL(lab.url);
    await new Promise<void>((resolve) => {
      const socket = connect(Number(port), '127.0.0.1', () => {
        socket.write('POST /redcap/api/ HTTP/1.1\r\nHost: x\r\nContent-Length: 500\r\n\r\ntoken=');
        socket.destroy();
      });
      socket.once('close', () => resolve());
    });
    expect((await lab.call({ content: 'version' })).body).toBe('15.2.1');
  });

  it('enforces rights per token', async () => {
    const data = '[{"study_id":"77"}]';
    const refused = async (rights: object, params: Record<string, string>, message: string): Promise<void> => {
      lab.redcap.setRights(lab.token, rights);
      expect(await lab.call({ format: 'json', ...params })).toMatchObject({
        status: 403,
        body: JSON.stringify({ error: message }),
      });
      lab.redcap.setRights(lab.token, Object.fromEntries(Object.keys(rights).map((key) => [key, 1])));
    };
    await refused({ api_export: 0 }, { content: 'record' }, 'You do not have permissions to use the API');
    await refused({ api_export: 0 }, { content: 'metadata' }, 'You do not have permissions to use the API');
    await refused({ logging: 0 }, { content: 'log' }, 'You do not have permissions to use the API');
    await refused({ user_rights: 0 }, { content: 'user' }, 'You do not have permissions to use the API');
    await refused({ api_import: 0 }, { content: 'record', data }, 'You do not have API Import/Update privileges');
    await refused({ record_create: 0 }, { content: 'record', data }, 'You do not have Create Record privileges');
    await refused(
      { record_delete: 0 },
      { content: 'record', action: 'delete', 'records[0]': '2' },
      'You do not have Delete Record privileges',
    );
    await refused(
      { record_rename: 0 },
      { content: 'record', action: 'rename', record: '2', new_record_name: '3' },
      'You do not have Rename Record privileges',
    );
    expect(await lab.json({ content: 'record', fields: 'study_id' })).toHaveLength(2);
    lab.redcap.revokeToken(lab.token);
    expect((await lab.call({ content: 'record' })).status).toBe(403);
  });

  it('leaves out what export rights forbid', async () => {
    lab.redcap.setRights(lab.token, { forms_export: { person: 3, habits: 0 } });
    const [row] = await lab.json({ content: 'record' });
    expect(row).not.toHaveProperty('first_name');
    expect(row).not.toHaveProperty('often');
    expect(row).toHaveProperty('age');
    expect((await lab.call({ content: 'record', format: 'json', fields: 'often' })).body).toContain(
      "are not valid: 'often'",
    );
    lab.redcap.setRights(lab.token, { forms_export: { person: 2, habits: 1 } });
    const [less] = await lab.json({ content: 'record' });
    expect(Object.keys(less)).not.toEqual(expect.arrayContaining(['address']));
    expect(Object.keys(less)).not.toEqual(expect.arrayContaining(['visit_date']));
    expect(less).toHaveProperty('age');
  });

  it('commits and never answers', async () => {
    lab.world.faults = [{ kind: 'timeout-after-commit', ms: 50 }];
    await expect(
      lab.call({ content: 'record', format: 'json', data: '[{"study_id":"2","age":"33"}]' }),
    ).rejects.toThrow();
    expect(await lab.json({ content: 'record', records: '2', fields: 'age' })).toEqual([{ age: '33' }]);
    expect(lab.world.asked[0]).toMatchObject({
      method: 'POST',
      path: '/redcap/api/',
      content: 'record',
      action: 'import',
    });
    expect(lab.world.asked[1]).toMatchObject({ content: 'record', action: 'export' });
  });

  it('drops the connection without committing', async () => {
    lab.world.faults = [{ kind: 'reset' }];
    await expect(
      lab.call({ content: 'record', format: 'json', data: '[{"study_id":"2","age":"33"}]' }),
    ).rejects.toThrow();
    expect(await lab.json({ content: 'record', records: '2', fields: 'age' })).toEqual([{ age: '11' }]);
  });

  it('refuses for a while, answers a page, or slowly', async () => {
    lab.world.faults = [{ kind: '429', ms: 3000 }, { kind: '503' }, { kind: 'content-type' }, { kind: 'slow', ms: 40 }];
    const limited = await fetch(lab.url, { method: 'POST', body: `token=${lab.token}&content=version` });
    expect([limited.status, limited.headers.get('retry-after')]).toEqual([429, '3']);
    expect((await lab.call({ content: 'version' })).status).toBe(503);
    expect(await lab.call({ content: 'record', format: 'json', data: '[{"study_id":"88"}]' })).toMatchObject({
      status: 200,
      type: 'text/html; charset=utf-8',
    });
    const started = performance.now();
    expect((await lab.call({ content: 'version' })).body).toBe('15.2.1');
    expect(performance.now() - started).toBeGreaterThanOrEqual(35);
    expect(await lab.json({ content: 'record', records: '88' })).toEqual([]);
  });

  it('loses rows, or the whole body, or half of it', async () => {
    const asked = { content: 'record', fields: 'study_id', format: 'json' };
    lab.world.faults = [
      { kind: 'missing-rows', rows: 1 },
      { kind: 'empty' },
      { kind: 'truncated' },
      { kind: 'missing-rows', rows: 2 },
    ];
    expect(await lab.json(asked)).toHaveLength(1);
    expect(await lab.call(asked)).toMatchObject({ status: 200, body: '' });
    expect((await lab.call(asked)).body).toBe('[{"study_id":"2"},');
    expect(await lab.json({ content: 'metadata' })).toHaveLength(18);
  });

  it('shifts its clock until a call meets no fault', async () => {
    lab.world.faults = [{ kind: 'clock-skew', ms: -3_600_000 }];
    await lab.call({ content: 'record', format: 'json', data: '[{"study_id":"2","age":"33"}]' });
    lab.redcap.save(lab.token, { record: '2', event: '', values: { age: '34' }, user: 'ra' });
    const log = await lab.json({ content: 'log', logtype: 'record' });
    expect(log.map((entry: Record<string, string>) => entry.timestamp)).toEqual([
      '2024-03-10 09:00',
      '2024-03-10 09:00',
    ]);
    lab.redcap.save(lab.token, { record: '2', values: { age: '35' }, user: 'ra' });
    expect((await lab.json({ content: 'log', logtype: 'record' }))[0].timestamp).toBe('2024-03-10 10:00');
  });

  it('writes its state down and reads it back', async () => {
    await lab.call({
      content: 'record',
      format: 'json',
      data: '[{"study_id":"5","age":"33","redcap_data_access_group":"hill"}]',
    });
    const snapshot = JSON.parse(JSON.stringify(lab.redcap.snapshot()));
    const all = { content: 'record', format: 'csv', exportSurveyFields: 'true', exportDataAccessGroups: 'true' };
    const records = (await lab.call(all)).body;
    const log = await lab.json({ content: 'log', logtype: 'record' });
    const other = await openLab(fixture('classic.xml'));
    other.redcap.restore(snapshot);
    expect((await other.call({ ...all, token: lab.token })).body).toBe(records);
    expect(await other.json({ content: 'log', logtype: 'record', token: lab.token })).toEqual(log);
    expect((await other.call({ content: 'record' })).status).toBe(403);
    await other.call({ token: lab.token, content: 'record', action: 'delete', 'records[0]': '5' });
    expect(await lab.json({ content: 'record', records: '5' })).toHaveLength(1);
    await other.close();
  });
});
