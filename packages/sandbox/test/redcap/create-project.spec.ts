import { fixture, openLab, type Lab } from './server';

const superToken = 'F0'.repeat(32);

describe('projects made by super token', () => {
  let lab: Lab;
  beforeEach(async () => {
    lab = await openLab(fixture('classic.xml'), { superToken });
  });
  afterEach(() => lab.close());
  const create = (data: string, more: Record<string, string> = {}) =>
    lab.call({ token: superToken, content: 'project', format: 'json', data, ...more });

  it('makes an empty project and answers its token', async () => {
    const data =
      '<?xml version="1.0" encoding="UTF-8" ?>\n<item>\n<project_title>Brand new</project_title>\n<purpose>0</purpose>\n</item>';
    const { status, body: token } = await create(data, { format: 'xml' });
    expect([status, token]).toEqual([200, expect.stringMatching(/^[0-9A-F]{32}$/)]);
    expect(await lab.json({ token, content: 'project' })).toMatchObject({ project_title: 'Brand new', purpose: 0 });
    expect((await lab.json({ token, content: 'metadata' })).map((field: any) => field.field_name)).toEqual([
      'record_id',
    ]);
    expect(await lab.json({ token, content: 'instrument' })).toEqual([
      { instrument_name: 'form_1', instrument_label: 'Form 1' },
    ]);
    await lab.call({ token, content: 'record', format: 'json', data: '[{"record_id":"1"}]' });
    expect((await lab.call({ token, content: 'generateNextRecordName' })).body).toBe('2');
    const log = await lab.json({ token, content: 'log' });
    expect(log.at(-1)).toMatchObject({ action: 'Manage/Design ', details: 'Create project (API)' });
    expect(lab.redcap.tokenList()).toContainEqual(expect.objectContaining({ token, title: 'Brand new' }));
  });

  it.each(['classic.xml', 'longitudinal.xml', 'clinic.xml', 'caps-demo.xml'])(
    'makes the project of %s',
    async (name) => {
      const reply = await create('{"project_title":"Copy","purpose":"1","purpose_other":"try"}', {
        odm: fixture(name),
      });
      const token = reply.body;
      const loaded = await openLab(fixture(name));
      const [{ field_name: idField }] = await loaded.json({ content: 'metadata' });
      const calls: Record<string, string>[] = [
        { content: 'metadata', format: 'csv' },
        { content: 'exportFieldNames', format: 'csv' },
        { content: 'formEventMapping', format: 'csv' },
        { content: 'repeatingFormsEvents', format: 'csv' },
        { content: 'instrument', format: 'csv' },
        { content: 'record', format: 'csv', fields: idField },
      ];
      for (const params of calls) {
        expect((await lab.call({ token, ...params })).body).toBe((await loaded.call(params)).body);
      }
      expect(await lab.json({ token, content: 'project' })).toMatchObject({
        project_title: 'Copy',
        purpose_other: 'try',
      });
      // Roles are in the XML, users are not; calculated values are not taken this way.
      expect(await lab.json({ token, content: 'user' })).toHaveLength(1);
      expect((await lab.json({ token, content: 'userRole' })).length).toBe(
        (await loaded.json({ content: 'userRole' })).length,
      );
      const again = await lab.call({ token, content: 'project_xml' });
      const copied = await openLab(again.body);
      expect((await copied.call({ content: 'metadata', format: 'csv' })).body).toBe(
        (await loaded.call({ content: 'metadata', format: 'csv' })).body,
      );
      await loaded.close();
      await copied.close();
    },
  );

  it('leaves calculated values out where the browser would keep them', async () => {
    const token = (await create('{"project_title":"Copy","purpose":0}', { odm: fixture('classic.xml') })).body;
    const [row] = await lab.json({ token, content: 'record', records: '2', fields: 'bmi,weight' });
    expect(row).toEqual({ weight: '28.7', bmi: '' });
    expect((await lab.json({ content: 'record', records: '2', fields: 'bmi' }))[0].bmi).toBe('17.0');
  });

  it.each([
    [
      'json',
      "{\"error\":\"You must provide some text for 'purpose_other' since you specified 'purpose' as '1' (Other).\"}",
    ],
    ['csv', "ERROR: You must provide some text for 'purpose_other' since you specified 'purpose' as '1' (Other)."],
    [
      'xml',
      "<?xml version=\"1.0\" encoding=\"UTF-8\" ?><hash><error>You must provide some text for 'purpose_other' since you specified 'purpose' as '1' (Other).</error></hash>",
    ],
  ])('refuses a purpose without words in %s', async (returnFormat, body) => {
    const reply = await create('[{"project_title":"AAA","purpose":1}]', { returnFormat });
    expect(reply).toMatchObject({ status: 400, body });
  });

  it.each([
    ['{"purpose":0}', {}],
    ['{"project_title":"x"}', {}],
    ['{"project_title":"x","purpose":9}', {}],
    ['{"project_title":"x","purpose":0}', { odm: '<ODM><broken' }],
    ['{"project_title":"x","purpose":0}', { odm: '<!DOCTYPE a [<!ENTITY b "c">]><ODM>&b;</ODM>' }],
    ['{"project_title":"x","purpose":0}', { odm: '<html></html>' }],
    ['[', {}],
  ])('refuses %s %j and makes nothing', async (data, more) => {
    expect((await create(data, more as Record<string, string>)).status).toBe(400);
    expect(lab.redcap.tokenList()).toHaveLength(1);
  });

  it('lets a super token do nothing else but ask for the version', async () => {
    expect((await lab.call({ token: superToken, content: 'version' })).body).toBe('15.2.1');
    expect((await lab.call({ token: superToken, content: 'record' })).status).toBe(403);
    const other = await openLab(fixture('classic.xml'));
    expect((await other.call({ token: superToken, content: 'project', data: '{}' })).status).toBe(403);
    await other.close();
  });

  it('gives the creator what servers were seen to give, when asked to', async () => {
    const strict = await openLab(fixture('classic.xml'), { superToken, creatorRights: 'as-seen' });
    const made = { token: superToken, content: 'project', format: 'json', data: '{"project_title":"x","purpose":0}' };
    const token = (await strict.call(made)).body;
    const [user] = await strict.json({ token, content: 'user' });
    expect(user).toMatchObject({ api_export: 1, record_delete: 0, record_rename: 0, lock_records: 0 });
    const data = JSON.stringify([{ ...user, record_delete: 1 }]);
    expect((await strict.call({ token, content: 'user', format: 'json', data })).body).toBe('1');
    expect((await strict.json({ token, content: 'user' }))[0].record_delete).toBe(1);
    await strict.close();
  });
});
