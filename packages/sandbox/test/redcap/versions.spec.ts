import { fixture, openLab, type Lab } from './server';

/** What servers of earlier versions answer, where that is known. */
describe('earlier versions', () => {
  const open: Lab[] = [];
  const lab = async (version: string): Promise<Lab> => {
    const opened = await openLab(fixture('classic.xml'), { version });
    open.push(opened);
    return opened;
  };
  afterEach(async () => {
    for (const each of open.splice(0)) await each.close();
  });

  it.each([
    ['12.5.2', { content: 'fileRepository', action: 'list' }],
    ['11.4.0', { content: 'userRole' }],
    ['11.4.0', { content: 'userRoleMapping' }],
    ['14.6.9', { content: 'record', action: 'randomize', record: '2', randomization_id: '1' }],
  ])('%s does not know %j', async (version, params) => {
    const refused = { status: 501, body: 'ERROR: The requested method is not implemented.' };
    const { call } = await lab(version);
    expect(await call({ ...(params as Record<string, string>), returnFormat: 'csv' })).toMatchObject(refused);
    const { call: today } = await lab('15.2.1');
    expect((await today(params as Record<string, string>)).status).not.toBe(501);
  });

  it('pass over what is no field until 13.4.9, and refuse it from 13.4.10 on', async () => {
    const asked = { content: 'record', format: 'json', records: '2', fields: 'study_id,redcap_event_name,nope' };
    expect((await (await lab('13.4.9')).call(asked)).body).toBe('[{"study_id":"2"}]');
    expect((await (await lab('13.4.10')).call(asked)).status).toBe(400);
    const forms = { content: 'record', format: 'json', records: '2', 'forms[0]': 'nope', 'forms[1]': 'habits' };
    const [row] = await (await lab('9.5.13')).json(forms);
    expect(Object.keys(row)).toEqual(expect.arrayContaining(['brushes', 'habits_complete']));
    expect(row).not.toHaveProperty('age');
    expect((await (await lab('13.4.10')).call(forms)).status).toBe(400);
  });

  it('tell groups without ids before 13.1', async () => {
    const csv = { content: 'dag', format: 'csv' };
    expect((await (await lab('13.0.9')).call(csv)).body.split('\n')[0]).toBe(
      'data_access_group_name,unique_group_name',
    );
    expect((await (await lab('13.1.0')).call(csv)).body.split('\n')[0]).toMatch(/,data_access_group_id$/);
  });

  it('tell the project as 9.1.3 was recorded: texts, and what repeats last', async () => {
    const info = await (await lab('9.1.3')).json({ content: 'project' });
    expect(info).toMatchObject({
      project_id: expect.stringMatching(/^\d+$/),
      in_production: '0',
      purpose: '2',
      surveys_enabled: '1',
      is_longitudinal: 0,
    });
    expect(Object.keys(info).slice(-3)).toEqual([
      'project_pi_lastname',
      'display_today_now_button',
      'has_repeating_instruments_or_events',
    ]);
    expect(info.has_repeating_instruments_or_events).toBe(0);
    expect(info).not.toHaveProperty('missing_data_codes');
  });

  it('log records in other words up to 11', async () => {
    for (const [version, action, details] of [
      ['11.9.9', 'Created Record (API) 60', 'Import User-DAG Assignments (API)'],
      ['12.0.0', 'Create record (API) 60', 'Import User-DAG assignments (API)'],
    ] as const) {
      const { call, json } = await lab(version);
      await call({ content: 'record', format: 'csv', data: 'study_id\n60' });
      await call({ content: 'userDagMapping', format: 'json', data: '[{"username":"api_user"}]' });
      const [mapping, created] = await json({ content: 'log' });
      expect([created.action, mapping.details]).toEqual([action, details]);
    }
  });
});

it('a wrong path is answered by the web server, with a page', async () => {
  const { url, token, close } = await openLab(fixture('classic.xml'));
  for (const path of ['/redcap/aapi/', '/redcap/api/v2', '/api/index']) {
    const body = new URLSearchParams({ token, content: 'version' });
    const reply = await fetch(new URL(path, url), { method: 'POST', body });
    expect(reply.status).toBe(404);
    expect(reply.headers.get('content-type')).toMatch(/^text\/html/);
    expect(await reply.text()).toContain('<title>404 Not Found</title>');
  }
  await close();
});
