import { fixture, openLab, type Lab } from './server';

describe('files, surveys, reports, PDF, randomisation', () => {
  let lab: Lab;
  beforeEach(async () => {
    lab = await openLab(fixture('clinic.xml'));
  });
  afterEach(() => lab.close());

  async function upload(
    params: Record<string, string>,
    name: string,
    bytes: Uint8Array<ArrayBuffer>,
  ): Promise<{ status: number; body: string }> {
    const form = new FormData();
    for (const [key, value] of Object.entries({ token: lab.token, returnFormat: 'json', ...params }))
      form.set(key, value);
    form.set('file', new Blob([bytes]), name);
    const response = await fetch(lab.url, { method: 'POST', body: form });
    return { status: response.status, body: await response.text() };
  }
  async function download(params: Record<string, string>): Promise<{ status: number; type: string; bytes: Buffer }> {
    const response = await fetch(lab.url, {
      method: 'POST',
      body: new URLSearchParams({ token: lab.token, returnFormat: 'json', ...params }),
    });
    return {
      status: response.status,
      type: response.headers.get('content-type') ?? '',
      bytes: Buffer.from(await response.arrayBuffer()),
    };
  }
  const portrait = (record: string, action: string): Record<string, string> => ({
    content: 'file',
    action,
    record,
    field: 'portrait',
  });

  it('gives the file of the XML, with its name and character set', async () => {
    const { type, bytes } = await download(portrait('1', 'export'));
    expect(type).toBe('text/plain; name="ana.txt";charset=UTF-8');
    expect(bytes.toString()).toBe('a portrait in words\n');
    expect((await lab.json({ content: 'record', records: '1', fields: 'portrait' }))[0]).toEqual({
      portrait: 'ana.txt',
    });
    const eav = await lab.json({ content: 'record', type: 'eav', records: '1', fields: 'portrait' });
    expect(eav[0].value).toMatch(/^\d+$/);
  });

  it('stores, replaces and deletes a file byte for byte, and says so in the log', async () => {
    const bytes = Uint8Array.from({ length: 5000 }, (_, i) => (i * 37) % 256);
    expect(await upload(portrait('2', 'import'), 'mugshot 1.jpg', bytes)).toEqual({ status: 200, body: '' });
    const got = await download(portrait('2', 'export'));
    expect(got.type).toBe('image/jpeg; name="mugshot 1.jpg"');
    expect(got.bytes.equals(Buffer.from(bytes))).toBe(true);
    expect(await upload(portrait('2', 'import'), 'empty.txt', new Uint8Array())).toEqual({ status: 200, body: '' });
    expect((await download(portrait('2', 'export'))).bytes).toHaveLength(0);
    const [line] = await lab.json({ content: 'log', logtype: 'record', record: '2' });
    expect(line).toMatchObject({
      action: 'Update record (API) 2',
      details: expect.stringMatching(/^portrait = '\d+'$/),
    });
    const deleted = await download(portrait('2', 'delete'));
    expect([deleted.status, deleted.bytes.toString()]).toEqual([200, '']);
    expect((await download(portrait('2', 'delete'))).bytes.toString()).toBe(
      '{"error":"There is no file to delete for this record"}',
    );
    expect((await download(portrait('2', 'export'))).status).toBe(400);
  });

  it.each([
    [{ field: 'mugshotttttt' }, `The field 'mugshotttttt' does not exist or is not a 'file' field`],
    [{ field: 'first_name' }, `The field 'first_name' does not exist or is not a 'file' field`],
    [{ record: '-1' }, 'The record "-1" does not exist'],
  ])('refuses %j', async (change, error) => {
    const params = { ...portrait('1', 'import'), ...(change as Record<string, string>) };
    const reply = await upload(params, 'x.txt', new Uint8Array([1]));
    expect(reply).toEqual({ status: 400, body: JSON.stringify({ error }) });
  });

  it('keeps files across a snapshot', async () => {
    const snapshot = JSON.parse(JSON.stringify(lab.redcap.snapshot()));
    await download(portrait('1', 'delete'));
    lab.redcap.restore(snapshot);
    expect(JSON.parse(JSON.stringify(lab.redcap.snapshot()))).toEqual(snapshot);
    expect((await download(portrait('1', 'export'))).bytes.toString()).toBe('a portrait in words\n');
  });

  it('has a file repository with folders for everyone, a group or a role', async () => {
    const repository = (params: Record<string, string>): Promise<any> =>
      lab.json({ content: 'fileRepository', ...params });
    const [{ folder_id }] = await repository({ action: 'createFolder', name: 'Letters' });
    const at = { content: 'fileRepository', action: 'import' };
    expect(await upload(at, 'top.csv', new Uint8Array([49]))).toEqual({ status: 200, body: '' });
    expect(await upload({ ...at, folder_id }, 'deep.pdf', new Uint8Array())).toEqual({ status: 200, body: '' });
    const top = await repository({ action: 'list' });
    expect(top).toEqual([
      { folder_id, name: 'Letters' },
      { doc_id: expect.any(Number), name: 'top.csv' },
    ]);
    expect((await lab.call({ content: 'fileRepository', action: 'list', format: 'csv' })).body).toBe(
      `folder_id,doc_id,name\n${folder_id},,Letters\n,${top[1].doc_id},top.csv\n`,
    );
    const [deep] = await repository({ action: 'list', folder_id: String(folder_id) });
    const doc = { content: 'fileRepository', doc_id: String(deep.doc_id) };
    expect((await download({ ...doc, action: 'export' })).type).toBe('application/pdf; name="deep.pdf"');
    expect((await download({ ...doc, action: 'delete' })).bytes.toString()).toBe('');
    expect((await download({ ...doc, action: 'export' })).status).toBe(400);
    expect((await download({ content: 'fileRepository', action: 'list', folder_id: '99' })).bytes.toString()).toBe(
      '{"error":"The File Repository folder folder_id=99 does not exist or else you do not have permission to that folder because it is DAG-restricted or Role-restricted."}',
    );
    const [dag] = await lab.json({ content: 'dag' });
    await repository({ action: 'createFolder', name: 'Harbour only', dag_id: String(dag.data_access_group_id) });
    lab.redcap.setRights(lab.token, {}, 'hill_clinic');
    expect((await repository({ action: 'list' })).map((entry: any) => entry.name)).toEqual(['Letters', 'top.csv']);
    lab.redcap.setRights(lab.token, { file_repository: 0 });
    expect((await lab.call({ content: 'fileRepository', action: 'list' })).status).toBe(403);
  });

  it('gives survey links and codes that stay the same', async () => {
    const place = { record: '1', instrument: 'registration' };
    const link = (await lab.call({ content: 'surveyLink', ...place })).body;
    expect(link).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/redcap\/surveys\/\?s=[A-Z0-9]{16}$/);
    expect((await lab.call({ content: 'surveyLink', ...place })).body).toBe(link);
    expect((await lab.call({ content: 'surveyLink', ...place, record: '2' })).body).not.toBe(link);
    expect((await lab.call({ content: 'surveyAccessCode', ...place })).body).toMatch(/^[A-Z0-9]{9}$/);
    expect((await lab.call({ content: 'surveyReturnCode', ...place })).body).toMatch(/^[A-Z0-9]{8}$/);
    expect((await lab.call({ content: 'surveyQueueLink', record: '1' })).body).toMatch(/\/surveys\/\?sq=[A-Z0-9]{16}$/);
    expect(await lab.call({ content: 'surveyLink', ...place, record: '-1', returnFormat: 'csv' })).toMatchObject({
      status: 400,
      body: 'ERROR: The record "-1" does not exist',
    });
    expect((await lab.call({ content: 'surveyLink', record: '1', instrument: 'measurements' })).status).toBe(400);
    const first = await lab.call({ content: 'surveyLink', record: '1', instrument: 'diary', repeat_instance: '1' });
    const second = await lab.call({ content: 'surveyLink', record: '1', instrument: 'diary', repeat_instance: '2' });
    expect(second.body).not.toBe(first.body);
  });

  it('lists participants with how far they are', async () => {
    const rows = await lab.json({ content: 'participantList', instrument: 'registration' });
    expect(rows).toHaveLength(3);
    expect(rows[0]).toEqual({
      email: 'ana@example.org',
      email_occurrence: 1,
      identifier: 'ana-1',
      record: '1',
      invitation_sent_status: 0,
      invitation_send_time: '',
      response_status: 2,
      survey_access_code: expect.any(String),
      survey_link: (await lab.call({ content: 'surveyLink', record: '1', instrument: 'registration' })).body,
    });
    expect(rows[1].response_status).toBe(0);
    lab.redcap.setRights(lab.token, { manage_survey_participants: 0 });
    expect((await lab.call({ content: 'participantList', instrument: 'registration' })).status).toBe(403);
  });

  it('exports reports in their own order, filtered, with line breaks taken out', async () => {
    expect((await lab.call({ content: 'report', report_id: '60', format: 'csv' })).body).toBe(
      'clinic_id,redcap_repeat_instrument,redcap_repeat_instance,redcap_data_access_group,address,first_name\n' +
        `10,,,,,"O'Neil <x>"\n` +
        '1,,,harbour_clinic,"14 Rose St.  Kenning",Ana\n',
    );
    const [first] = await lab.json({ content: 'report', report_id: '61', rawOrLabel: 'label' });
    expect(Object.keys(first)).toEqual([
      'clinic_id',
      'redcap_repeat_instrument',
      'redcap_repeat_instance',
      'symptoms',
      'brush',
      'diary_complete',
    ]);
    expect((await lab.call({ content: 'report', report_id: '1', format: 'json' })).status).toBe(400);
    lab.redcap.setRights(lab.token, { reports: 0 });
    expect((await lab.call({ content: 'report', report_id: '60' })).status).toBe(403);
  });

  it('prints instruments: blank, compact, of a record, of one instance', async () => {
    const pdf = async (params: Record<string, string>): Promise<string> => {
      const { status, type, bytes } = await download({ content: 'pdf', ...params });
      expect([status, type]).toEqual([200, 'application/pdf; name="instruments.pdf"']);
      const text = bytes.toString('latin1');
      // Every object is where the table says it is, and the table where the end says.
      const start = Number(/startxref\n(\d+)\n%%EOF\n$/.exec(text)![1]);
      const entries = [...text.slice(start).matchAll(/^(\d{10}) 00000 n $/gm)];
      entries.forEach((entry, at) => expect(text.slice(Number(entry[1])).startsWith(`${at + 1} 0 obj\n`)).toBe(true));
      return text;
    };
    const blank = await pdf({});
    expect(blank.startsWith('%PDF-1.3\n3 0 obj\n')).toBe(true);
    expect(blank).toContain('(Body mass index)');
    expect((await pdf({ compactDisplay: 'true' })).length).toBeLessThan(blank.length);
    const record = await pdf({ record: '1' });
    expect(record).toContain('(Record ID 1)');
    expect(record).toContain('(First name Ana)');
    const one = await pdf({ record: '1', instrument: 'diary', repeat_instance: '3', compactDisplay: 'true' });
    expect(one).toContain('(Flossing Once)');
    expect(one).not.toContain('then left');
    expect(await pdf({ allRecords: '0' })).toContain('(Record ID 10)');
    expect((await download({ content: 'pdf', instrument: 'nope' })).status).toBe(400);
    expect((await download({ content: 'pdf', record: '99' })).status).toBe(400);
  });

  it('randomises once, within strata, and stores the result', async () => {
    const { randomizationId } = lab.redcap.setRandomization(lab.projectId, {
      targetField: 'language',
      targetEvent: '',
      strata: [{ field: 'sex', event: '' }],
      allocations: { '1': ['es'] },
    });
    const params = { content: 'record', action: 'randomize', randomization_id: String(randomizationId) };
    await lab.call({ content: 'record', format: 'json', data: '[{"clinic_id":"50","sex":"1"}]' });
    expect(await lab.json({ ...params, record: '50', returnAlt: 'true' })).toEqual({
      randomization_id: randomizationId,
      record: '50',
      target_field: 'es',
      target_field_alt: 'Español',
    });
    expect((await lab.json({ content: 'record', records: '50', fields: 'language' }))[0].language).toBe('es');
    for (const [record, error] of [
      ['50', 'already been randomized'],
      ['2', 'values are missing: sex'],
      ['99', 'does not exist'],
    ]) {
      const reply = await lab.call({ ...params, record: record!, format: 'json' });
      expect([reply.status, reply.body]).toEqual([400, expect.stringContaining(error!)]);
    }
    // Drawn from blocks, both options come up equally often.
    const given: string[] = [];
    for (let n = 100; n < 108; n += 1) {
      await lab.call({ content: 'record', format: 'json', data: JSON.stringify([{ clinic_id: String(n), sex: '2' }]) });
      given.push((await lab.json({ ...params, record: String(n) })).target_field);
    }
    expect(given.filter((code) => code === 'en')).toHaveLength(4);
    lab.redcap.setRights(lab.token, { random_perform: 0 });
    expect((await lab.call({ ...params, record: '10' })).status).toBe(403);
  });

  it('bans an address that calls too often, until somebody resets the server', async () => {
    const limited = await openLab(fixture('classic.xml'), { rateLimit: 3 });
    const statuses: number[] = [];
    for (let i = 0; i < 5; i += 1) statuses.push((await limited.call({ content: 'version' })).status);
    expect(statuses).toEqual([200, 200, 200, 403, 403]);
    expect((await limited.call({ content: 'version' })).body).toContain('banned');
    limited.redcap.restore(limited.redcap.snapshot());
    expect((await limited.call({ content: 'version' })).status).toBe(200);
    await limited.close();
  });
});
