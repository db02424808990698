import { fixture, openLab, type Lab } from './server';

/** What the live-server tests of other people's clients show, one fact each. */
describe('as seen elsewhere', () => {
  const open: Lab[] = [];
  const lab = async (name: string, options?: Parameters<typeof openLab>[1]): Promise<Lab> => {
    const opened = await openLab(fixture(name), options);
    open.push(opened);
    return opened;
  };
  afterEach(async () => {
    for (const each of open.splice(0)) await each.close();
  });

  it('a project that does not number its records keeps the ids sent, and tells them as pairs', async () => {
    const { json, call } = await lab('classic.xml');
    await call({ content: 'project_settings', format: 'json', data: '{"record_autonumbering_enabled":0}' });
    for (let n = 0; n < 3; n += 1) {
      const data = '[{"study_id":"1101","age":"3"}]';
      expect(await json({ content: 'record', data, forceAutoNumber: 'true', returnContent: 'auto_ids' })).toEqual([
        '1101,1101',
      ]);
    }
    expect(await json({ content: 'record', fields: 'study_id' })).toHaveLength(3);
  });

  it('values of one record come by field name in EAV', async () => {
    const { json } = await lab('classic.xml');
    const rows = await json({ content: 'record', type: 'eav', records: '2', fields: 'weight,bmi,age' });
    expect(rows.map((row: any) => row.field_name)).toEqual(['age', 'bmi', 'weight']);
  });

  it('rights on instruments that are left out of a list are none; a list not sent changes nothing', async () => {
    const { json, call } = await lab('clinic.xml');
    const send = (data: object) => call({ content: 'user', format: 'json', data: JSON.stringify([data]) });
    const rights = async () => (await json({ content: 'user' })).find((user: any) => user.username === 'nurse');
    await send({ username: 'nurse', forms: { registration: 1, diary: 2 }, forms_export: { diary: 1 } });
    await send({ username: 'nurse', calendar: 1 });
    expect(await rights()).toMatchObject({ calendar: 1, forms: { registration: 1, measurements: 0, diary: 2 } });
    const csv = 'username,forms,forms_export\nnurse,registration:1,\n';
    expect((await call({ content: 'user', format: 'csv', data: csv })).body).toBe('1');
    expect(await rights()).toMatchObject({
      forms: { registration: 1, measurements: 0, diary: 0 },
      forms_export: { registration: 0, measurements: 0, diary: 0 },
    });
  });

  it('all that is wrong with roles is told at once', async () => {
    const { call } = await lab('clinic.xml');
    const csv =
      'unique_role_name,role_label,design,user_rights,forms,forms_export\n' +
      'U-527D39JXAC,Data Entry Person,1,1,"demographics:1,diary:1","demographics:1"\n' +
      'U-2119C4Y87T,Project Manager,0,0,diary:1,other:0\n';
    const complaint = (form: string, role: string): string =>
      `The form named "${form}" is incorrect for the user role "${role}" The form does not exist in this project.`;
    expect(await call({ content: 'userRole', format: 'csv', data: csv })).toMatchObject({
      status: 400,
      body: `ERROR: ${[
        complaint('demographics', 'U-527D39JXAC'),
        complaint('demographics', 'U-527D39JXAC'),
        complaint('other', 'U-2119C4Y87T'),
        'Invalid Unique Role Names: U-527D39JXAC, U-2119C4Y87T',
      ].join('\n')}`,
    });
  });

  it('blanks and newlines may stand before an XML declaration, and before cells of structure', async () => {
    const { call } = await lab('longitudinal.xml');
    const xml = `\n      <?xml version="1.0" encoding="UTF-8" ?>\n<arms>\n${[1, 2, 3]
      .map((n) => `   <item>\n      <arm_num>${n}</arm_num>\n      <name>Subset ${n}</name>\n   </item>\n`)
      .join('')}</arms>\n`;
    expect((await call({ content: 'arm', action: 'import', override: '1', data: xml })).body).toBe('3');
    const csv = 'data_access_group_name,unique_group_name\n       Subset 1,\n       Subset 2,\n';
    expect((await call({ content: 'dag', format: 'csv', data: csv })).body).toBe('2');
    expect((await call({ content: 'dag', format: 'csv' })).body).toContain('\n"Subset 1",subset_1,');
  });

  it('a group in the log leaves out the records of others, not what concerns no record', async () => {
    const { json, call } = await lab('classic.xml');
    await call({ content: 'record', format: 'csv', data: 'study_id,redcap_data_access_group\n60,hill' });
    await call({ content: 'record', format: 'csv', data: 'study_id\n61' });
    const data = '[{"username":"api_user","redcap_data_access_group":""}]';
    expect((await call({ content: 'userDagMapping', format: 'json', data })).body).toBe('1');
    const entries: any[] = await json({ content: 'log', dag: 'hill' });
    expect(entries.map(({ details }) => details)).toContain('Import User-DAG assignments (API)');
    expect(entries.map(({ record }) => record).filter((record) => record !== '')).toEqual(['60']);
  });

  it('the log tells downloads and exports in these words, and every newline as a blank', async () => {
    const { json, call } = await lab('clinic.xml');
    await call({ content: 'file', action: 'export', record: '1', field: 'portrait' });
    await call({ content: 'record', format: 'csv', rawOrLabel: 'label' });
    const data = JSON.stringify([{ clinic_id: '1', address: 'assigned\n\nSo call\r\nup' }]);
    await call({ content: 'record', format: 'json', data });
    const [update, exported, download] = await json({ content: 'log' });
    expect(update.details).toBe("address = 'assigned  So call up'");
    expect(exported).toMatchObject({ action: 'Data Export (API) ', details: 'export_format: CSV, rawOrLabel: label' });
    expect(download).toMatchObject({ action: 'Manage/Design ', details: 'Download file (API)', record: '1' });
  });

  it('from 16.0.8 on the file repository tells for whom a folder is', async () => {
    const header = { '15.2.1': 'folder_id,doc_id,name', '16.0.8': 'folder_id,doc_id,name,role,dag' };
    for (const [version, keys] of Object.entries(header)) {
      const { json, call } = await lab('clinic.xml', { version });
      const [{ data_access_group_id }] = await json({ content: 'dag' });
      const folder = { content: 'fileRepository', action: 'createFolder' };
      await json({ ...folder, name: 'Own', dag_id: String(data_access_group_id) });
      await json({ ...folder, name: 'Open' });
      const rows = (await call({ content: 'fileRepository', action: 'list', format: 'csv' })).body.split('\n');
      expect(rows[0]).toBe(keys);
      const told = version === '16.0.8' ? { dag: 'Harbour Clinic' } : {};
      expect(await json({ content: 'fileRepository', action: 'list' })).toEqual([
        { folder_id: expect.any(Number), name: 'Own', ...told },
        { folder_id: expect.any(Number), name: 'Open' },
      ]);
    }
  });
});
