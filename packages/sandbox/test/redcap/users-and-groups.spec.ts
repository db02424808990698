import { fixture, openLab, type Lab } from './server';

describe('users, roles and groups', () => {
  let lab: Lab;
  beforeEach(async () => {
    lab = await openLab(fixture('clinic.xml'));
  });
  afterEach(() => lab.close());
  const send = async (content: string, data: unknown, more: Record<string, string> = {}): Promise<string> => {
    const reply = await lab.call({ content, format: 'json', data: JSON.stringify(data), ...more });
    if (reply.status !== 200) throw new Error(`${reply.status} ${reply.body}`);
    return reply.body;
  };
  const user = async (name: string): Promise<any> =>
    (await lab.json({ content: 'user' })).find((entry: any) => entry.username === name);

  it('adds a user by name alone, without rights, and takes an exported one back', async () => {
    expect(await send('user', [{ username: 'nurse' }])).toBe('1');
    expect(await user('nurse')).toMatchObject({ design: 0, api_export: 0, forms: { registration: 0, diary: 0 } });
    expect(
      await send('user', [{ username: 'nurse', calendar: 1, forms: { diary: 2 }, expiration: '2030-01-01' }]),
    ).toBe('1');
    const nurse = await user('nurse');
    expect(nurse).toMatchObject({ calendar: 1, forms: { registration: 0, diary: 2 }, expiration: '2030-01-01' });
    for (const format of ['json', 'csv', 'xml']) {
      const data = (await lab.call({ content: 'user', format })).body;
      expect((await lab.call({ content: 'user', format, data })).body).toBe('2');
      expect(await user('nurse')).toEqual(nurse);
    }
    expect((await lab.call({ content: 'user', action: 'delete', 'users[0]': 'nurse' })).body).toBe('1');
    expect(await user('nurse')).toBeUndefined();
  });

  it('refuses an unknown group, instrument, value or user, and changes nothing then', async () => {
    for (const entry of [
      { username: 'nurse', data_access_group: 'nowhere' },
      { username: 'nurse', forms: { nowhere: 1 } },
      { username: 'nurse', design: 'yes please' },
      { firstname: 'Nobody' },
    ]) {
      const reply = await lab.call({
        content: 'user',
        format: 'json',
        data: JSON.stringify([{ username: 'ok' }, entry]),
      });
      expect(reply.status).toBe(400);
    }
    expect((await lab.call({ content: 'user', action: 'delete', 'users[0]': 'ghost' })).status).toBe(400);
    expect(await lab.json({ content: 'user' })).toHaveLength(1);
  });

  it('loads roles from the XML, and makes, changes, gives and deletes them', async () => {
    const roles = await lab.json({ content: 'userRole' });
    expect(roles.map((role: any) => role.role_label)).toEqual(['Data entry', 'Analyst']);
    expect(roles[0]).toMatchObject({
      unique_role_name: expect.stringMatching(/^U-[A-Z0-9]{10}$/),
      record_create: '1',
      api_export: '0',
      forms: { registration: 1, measurements: 2, diary: 0 },
      forms_export: { registration: 0, measurements: 1, diary: 3 },
    });
    expect(Object.keys(roles[0]).slice(-5)).toEqual([
      'lock_records_customization',
      'lock_records',
      'lock_records_all_forms',
      'forms',
      'forms_export',
    ]);
    expect(await send('userRole', [{ role_label: 'New Role', data_import: 0, manage: 1 }])).toBe('1');
    const made = (await lab.json({ content: 'userRole' })).at(-1);
    expect(made.role_label).toBe('New Role');
    expect(await send('userRole', [{ ...made, calendar: '1' }])).toBe('1');
    expect((await lab.json({ content: 'userRole' })).at(-1)).toEqual({ ...made, calendar: '1' });
    await send('user', [{ username: 'nurse', logging: 1 }]);
    expect(await send('userRoleMapping', [{ username: 'nurse', unique_role_name: made.unique_role_name }])).toBe('1');
    expect(await lab.json({ content: 'userRoleMapping' })).toEqual([
      { username: 'api_user', unique_role_name: '', data_access_group: '' },
      { username: 'nurse', unique_role_name: made.unique_role_name, data_access_group: '' },
    ]);
    // Whoever has a role has its rights.
    expect(await user('nurse')).toMatchObject({ calendar: 1, logging: 0 });
    expect((await lab.call({ content: 'userRole', action: 'delete', 'roles[0]': made.unique_role_name })).body).toBe(
      '1',
    );
    expect(await user('nurse')).toMatchObject({ calendar: 0, logging: 1 });
    expect((await lab.call({ content: 'userRole', format: 'xml', data: 'x' })).status).toBe(400);
    expect(
      await lab.call({ content: 'userRole', format: 'json', data: '{"unique_role_name":"U-X","role_label":"y"}' }),
    ).toMatchObject({
      status: 400,
      body: '{"error":"Invalid Unique Role Names: U-X"}',
    });
  });

  it('enforces the rights of a role', async () => {
    const [entry, analyst] = await lab.json({ content: 'userRole' });
    await send('user', [{ username: 'nurse', api_export: 1, api_import: 1 }]);
    const token = lab.redcap.addToken(lab.projectId, 'nurse');
    // Who may export no instrument is refused (API help: "will fail and return an error").
    expect((await lab.call({ token, content: 'record', format: 'json', records: '2' })).status).toBe(403);
    await send('userRoleMapping', [{ username: 'nurse', unique_role_name: entry.unique_role_name }]);
    expect((await lab.call({ token, content: 'record', format: 'json' })).status).toBe(403);
    await send('userRoleMapping', [{ username: 'nurse', unique_role_name: analyst.unique_role_name }]);
    const reply = await lab.call({ token, content: 'record', format: 'json' });
    expect(reply.status).toBe(200);
    expect(Object.keys(JSON.parse(reply.body)[0])).not.toContain('first_name');
    expect((await lab.call({ token, content: 'userRole', format: 'json' })).status).toBe(403);
    expect((await lab.call({ token, content: 'log', format: 'json' })).status).toBe(403);
  });

  it('refuses a user who has expired or is gone', async () => {
    await send('user', [{ username: 'nurse', api_export: 1, expiration: '2024-03-11' }]);
    const token = lab.redcap.addToken(lab.projectId, 'nurse');
    expect((await lab.call({ token, content: 'version' })).status).toBe(200);
    lab.world.pass(24 * 60);
    expect((await lab.call({ token, content: 'version' })).status).toBe(403);
    await send('user', [{ username: 'nurse', expiration: '' }]);
    expect((await lab.call({ token, content: 'version' })).status).toBe(200);
    await lab.call({ content: 'user', action: 'delete', 'users[0]': 'nurse' });
    expect((await lab.call({ token, content: 'version' })).status).toBe(403);
  });

  it('deletes users only for whom it lets delete records', async () => {
    lab.redcap.setRights(lab.token, { record_delete: 0 });
    expect((await lab.call({ content: 'user', action: 'delete', 'users[0]': 'api_user' })).body).toBe(
      '<?xml version="1.0" encoding="UTF-8" ?><hash><error>You do not have Delete Record privileges</error></hash>',
    );
  });

  it('makes, renames and deletes groups with whoever is in them', async () => {
    expect(await send('dag', [{ data_access_group_name: 'Integration Test DAG', unique_group_name: '' }])).toBe('1');
    expect((await lab.json({ content: 'dag' })).at(-1)).toEqual({
      data_access_group_name: 'Integration Test DAG',
      unique_group_name: 'integration_test_d',
      data_access_group_id: expect.any(Number),
    });
    const rename = [{ data_access_group_name: 'A different name', unique_group_name: 'hill_clinic' }];
    expect(await send('dag', rename, { action: 'import' })).toBe('1');
    const of = async (record: string): Promise<string> =>
      (await lab.json({ content: 'record', records: record, exportDataAccessGroups: 'true' }))[0]
        .redcap_data_access_group;
    expect(await of('2')).toBe('a_different_name');
    const deleted = await lab.call({
      content: 'dag',
      action: 'delete',
      'dags[0]': 'a_different_name',
      'dags[1]': 'nope',
    });
    expect(deleted.body).toBe('1');
    expect(await of('2')).toBe('');
    expect(await lab.json({ content: 'dag' })).toHaveLength(2);
  });

  it('puts users into groups, switches, and lets a member say nothing about groups', async () => {
    expect(await lab.json({ content: 'userDagMapping' })).toEqual([
      { username: 'api_user', redcap_data_access_group: '' },
    ]);
    expect((await lab.call({ content: 'dag', action: 'switch', dag: 'hill_clinic' })).body).toBe('1');
    expect((await lab.json({ content: 'record', fields: 'clinic_id' })).map((row: any) => row.clinic_id)).toEqual([
      '2',
    ]);
    expect((await lab.call({ content: 'generateNextRecordName' })).body).toMatch(/^\d+-1$/);
    for (const call of [{}, { action: 'delete', 'dags[0]': 'hill_clinic' }, { data: '[]' }]) {
      expect(await lab.call({ content: 'dag', format: 'json', ...(call as Record<string, string>) })).toMatchObject({
        status: 403,
        body: '{"error":"You do not have permission to export/import/delete Data Access Groups because you have beed assigned to a Data Access Group.."}',
      });
    }
    expect((await lab.call({ content: 'dag', action: 'switch', dag: 'nowhere' })).status).toBe(400);
    lab.redcap.setSwitchableDags(lab.token, ['', 'hill_clinic']);
    expect((await lab.call({ content: 'dag', action: 'switch', dag: 'harbour_clinic' })).status).toBe(400);
    expect((await lab.call({ content: 'dag', action: 'switch', dag: '' })).body).toBe('1');
    const data = [{ username: 'api_user', redcap_data_access_group: 'harbour_clinic' }];
    expect(await send('userDagMapping', data)).toBe('1');
    expect((await lab.json({ content: 'user' }))[0]).toMatchObject({ data_access_group: 'harbour_clinic' });
  });

  it.each([
    ['11.0.0', { data_export: 1 }, ['forms_export', 'email_logging', 'api_modules', 'data_access_group_label']],
    ['14.0.3', { api_modules: 1, forms_export: expect.any(Object) }, ['data_export', 'email_logging']],
    [
      '14.4.0',
      { email_logging: 1, forms: { registration: 1, measurements: 1, diary: 1 } },
      ['data_access_group_label'],
    ],
    ['15.6.0', { forms: { registration: 130, measurements: 130, diary: 130 } }, ['data_access_group_label']],
    ['16.0.0', { data_access_group_label: '' }, []],
  ])('tells users as version %s does', async (version, has, lacks) => {
    const other = await openLab(fixture('clinic.xml'), { version });
    const [first] = await other.json({ content: 'user' });
    expect(first).toMatchObject(has);
    for (const key of lacks) expect(first).not.toHaveProperty(key);
    await other.close();
  });
});
