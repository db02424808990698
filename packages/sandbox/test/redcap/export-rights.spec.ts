import { fixture, openLab } from './server';

const record = { content: 'record', format: 'json' };

it('an export fails for who may export nothing, and leaves out what one may not export', async () => {
  const { redcap, call, json, token, close } = await openLab(fixture('clinic.xml'));
  const none = { registration: 0, measurements: 0, diary: 0 };
  redcap.setRights(token, { forms_export: none });
  for (const format of ['json', 'odm']) {
    expect(await call({ ...record, format, returnFormat: 'csv' })).toMatchObject({
      status: 403,
      body: 'ERROR: You do not have permissions to use the API',
    });
  }
  redcap.setRights(token, { forms_export: { ...none, measurements: 2 } });
  const names = Object.keys((await json({ ...record, records: '1' }))[0]);
  expect(names).toEqual(expect.arrayContaining(['clinic_id', 'v_number', 'v_email', 'site', 'measurements_complete']));
  for (const gone of ['first_name', 'v_date_ymd', 'v_datetime_ymd', 'remarks']) expect(names).not.toContain(gone);
  await close();
});

it('tells a record that identifies somebody by 32 hex digits where identifiers are left out', async () => {
  const xml = fixture('clinic.xml').replace(
    'redcap:Variable="clinic_id" redcap:FieldType="text"',
    'redcap:Variable="clinic_id" redcap:FieldType="text" redcap:Identifier="y"',
  );
  const { redcap, call, json, token, close } = await openLab(xml);
  const ids = async (): Promise<string[]> =>
    (await json({ ...record, fields: 'clinic_id', records: '1,2' })).map((row: any) => row.clinic_id);
  expect(new Set(await ids())).toEqual(new Set(['1', '2']));
  const known = { registration: 3, measurements: 1, diary: 1 };
  for (const right of [2, 3]) {
    redcap.setRights(token, { forms_export: { ...known, registration: right } });
    const [first, ...others] = [...new Set(await ids())];
    expect(first).toMatch(/^[0-9a-f]{32}$/);
    expect(others).toEqual([expect.stringMatching(/^[0-9a-f]{32}$/)]);
    expect(others).not.toEqual([first]);
    const values = await json({ ...record, type: 'eav', records: '1', fields: 'clinic_id,sex' });
    expect(values.map((row: any) => row.record)).toEqual(values.map(() => first));
    expect((await call({ ...record, format: 'odm', records: '1' })).body).toContain(`SubjectKey="${first}"`);
    expect((await call({ ...record, format: 'csv', records: '1' })).body).toContain(`\n${first},`);
  }
  await close();
});

it('an ODM export keeps to the dates and the filter asked for', async () => {
  const { world, call, close } = await openLab(fixture('clinic.xml'));
  world.pass(60);
  await call({ ...record, data: '[{"clinic_id":"2","first_name":"Bo"}]' });
  const subjects = async (asked: Record<string, string>): Promise<string[]> =>
    [...(await call({ ...record, format: 'odm', ...asked })).body.matchAll(/SubjectKey="([^"]*)"/g)].map(
      ([, id]) => id!,
    );
  expect(await subjects({})).toEqual(['1', '2', '10']);
  expect(await subjects({ dateRangeBegin: '2024-03-10 10:30:00' })).toEqual(['2']);
  expect(await subjects({ filterLogic: "[first_name] = 'Bo'" })).toEqual(['2']);
  await close();
});
