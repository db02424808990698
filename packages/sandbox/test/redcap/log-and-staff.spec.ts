import { fixture, openLab, type Lab } from './server';

describe('the log, deletions, renames and staff', () => {
  let lab: Lab;
  beforeEach(async () => {
    lab = await openLab(fixture('longitudinal.xml'));
  });
  afterEach(() => lab.close());
  const log = async (more: Record<string, string> = {}): Promise<[string, string, string, string]> =>
    (await lab.json({ content: 'log', ...more })).map((entry: Record<string, string>) => [
      entry.username,
      entry.action,
      entry.details,
      entry.record,
    ]);
  const ids = async (): Promise<string[]> => {
    const rows: Record<string, string>[] = await lab.json({ content: 'record', fields: 'record_id' });
    return [...new Set(rows.map((row) => row.record_id!))];
  };

  it('tells every call, newest first, and starts with the project', async () => {
    await lab.call({ content: 'record', format: 'csv' });
    await lab.call({ content: 'instrument' });
    await lab.call({ content: 'project' });
    const entries = await lab.json({ content: 'log' });
    expect(entries.map((entry: Record<string, string>) => entry.action)).toEqual([
      'Manage/Design ',
      'Manage/Design ',
      'Data Export (API) ',
      'Manage/Design ',
    ]);
    expect(entries[0]).toEqual({
      timestamp: '2024-03-10 10:00',
      username: 'api_user',
      action: 'Manage/Design ',
      details: 'Export project information (API)',
      record: '',
    });
    expect(entries.at(-1).details).toContain('Create project');
    expect(await lab.json({ content: 'log', logtype: 'export' })).toHaveLength(1);
    expect((await lab.call({ content: 'log', format: 'json', logtype: 'gossip' })).status).toBe(400);
  });

  it('is filtered by time, user, record and kind', async () => {
    lab.redcap.save(lab.token, { record: '1', event: 'intake_arm_1', values: { age: '41' }, user: 'ra_one' });
    lab.world.pass(5);
    lab.redcap.save(lab.token, { record: '2', event: 'intake_arm_2', values: { age: '42' }, user: 'ra_two' });
    lab.redcap.deleteRecord(lab.token, { record: '1', user: 'ra_two' });
    expect(await log({ logtype: 'record', beginTime: '2024-03-10 10:05' })).toEqual([
      ['ra_two', 'Delete record 1', "record_id = '1'", '1'],
      ['ra_two', 'Update record 2', "age = '42'", '2'],
    ]);
    expect(await log({ logtype: 'record', endTime: '2024-03-10 10:04' })).toEqual([
      ['ra_one', 'Update record 1', "age = '41'", '1'],
    ]);
    expect(await log({ user: 'ra_one' })).toHaveLength(1);
    expect(await log({ record: '2' })).toHaveLength(1);
    expect(await log({ logtype: 'record_delete' })).toEqual([['ra_two', 'Delete record 1', "record_id = '1'", '1']]);
    expect((await lab.call({ content: 'log', format: 'json', beginTime: 'noon' })).status).toBe(400);
  });

  it('keeps the server’s wall time over a change of the clocks', async () => {
    lab.world.at = new Date('2024-11-03T08:59:59Z');
    lab.redcap.save(lab.token, { record: '1', event: 'intake_arm_1', values: { age: '41' }, user: 'ra' });
    lab.world.pass(1);
    lab.redcap.save(lab.token, { record: '1', event: 'intake_arm_1', values: { age: '42' }, user: 'ra' });
    const times = (await lab.json({ content: 'log', logtype: 'record' })).map(
      (entry: Record<string, string>) => entry.timestamp,
    );
    expect(times).toEqual(['2024-11-03 01:00', '2024-11-03 01:59']);
  });

  it('staff save forms, and only changes are told', async () => {
    lab.redcap.save(lab.token, {
      record: '9',
      event: 'intake_arm_1',
      instrument: 'person',
      values: { age: '3', flags___b: '1' },
      user: 'ra',
    });
    lab.redcap.save(lab.token, {
      record: '9',
      event: 'home_visit_arm_1',
      instrument: 'weight',
      instance: 2,
      values: { weight_kg: '9.5', weight_complete: '2' },
      user: 'ra',
    });
    lab.redcap.save(lab.projectId, {
      record: '9',
      event: 'intake_arm_1',
      instrument: 'person',
      values: { age: '3', flags___b: '0' },
      user: 'ra',
    });
    expect(lab.world.changes).toBe(3);
    lab.redcap.save(lab.token, {
      record: '9',
      event: 'intake_arm_1',
      instrument: 'person',
      values: { age: '3' },
      user: 'ra',
    });
    expect(lab.world.changes).toBe(3);
    expect(await log({ logtype: 'record' })).toEqual([
      ['ra', 'Update record 9', 'flags(b) = unchecked', '9'],
      ['ra', 'Update record 9', "record_id = '9', weight_kg = '9.5', weight_complete = '2'", '9'],
      ['ra', 'Create record 9', "record_id = '9', age = '3', flags(b) = checked, person_complete = '0'", '9'],
    ]);
    const impossible: { event: string; values?: Record<string, string>; instrument?: string }[] = [
      { event: 'nope' },
      { event: 'call_arm_1', values: { age: '1' } },
      { event: 'intake_arm_1', values: { nope: '1' } },
      { event: 'intake_arm_1', values: { age: 'old' } },
      { event: 'intake_arm_1', instrument: 'nope' },
    ];
    for (const wrong of impossible) {
      expect(() => lab.redcap.save(lab.token, { record: '9', values: {}, user: 'ra', ...wrong })).toThrow();
    }
  });

  it('deletes records, all or none', async () => {
    expect(
      await lab.call({
        content: 'record',
        action: 'delete',
        'records[0]': '1',
        'records[1]': '8',
        'records[2]': '9',
        returnFormat: 'json',
      }),
    ).toMatchObject({
      status: 400,
      body: '{"error":"One or more of the records provided cannot be deleted because they do not exist in the project. The following records do not exist: 8, 9"}',
    });
    expect(await ids()).toEqual(['1', '2']);
    expect(
      (await lab.call({ content: 'record', action: 'delete', 'records[0]': '1', returnFormat: 'json' })).body,
    ).toBe('1');
    expect(await ids()).toEqual(['2']);
    expect(await log({ logtype: 'record' })).toEqual([['api_user', 'Delete record (API) 1', "record_id = '1'", '1']]);
    expect(lab.world.changes).toBe(1);
    expect((await lab.call({ content: 'record', action: 'delete', returnFormat: 'csv' })).body).toBe(
      'ERROR: The parameter "records" is missing',
    );
    expect(() => lab.redcap.deleteRecord(lab.token, { record: '1', user: 'ra' })).toThrow();
  });

  it('deletes an event, an instance, an arm; the record stays while anything is left', async () => {
    const remove = (more: Record<string, string>): Promise<string> =>
      lab.call({ content: 'record', action: 'delete', 'records[0]': '1', ...more }).then((reply) => reply.body);
    expect(await remove({ instrument: 'weight', event: 'home_visit_arm_1', repeat_instance: '2' })).toBe('1');
    expect(await remove({ event: 'call_arm_1' })).toBe('1');
    const rows = await lab.json({ content: 'record', records: '1' });
    expect(rows.map((row: Record<string, unknown>) => [row.redcap_event_name, row.redcap_repeat_instance])).toEqual([
      ['intake_arm_1', ''],
      ['home_visit_arm_1', 1],
    ]);
    expect((await log({ logtype: 'record' })).slice(0, 2)).toEqual([
      ['api_user', 'Update record (API) 1', "call_note = '', call_note = ''", '1'],
      ['api_user', 'Update record (API) 1', "weight_kg = ''", '1'],
    ]);
    expect(await remove({ instrument: 'weight' })).toContain('The parameter "event" is required');
    expect(await remove({ arm: '2' })).toContain('The following records do not exist: 1');
    expect(await remove({ arm: '7' })).toContain(`The following values in the parameter "arm" are not valid: '7'`);
    expect(await remove({ instrument: 'nope', event: 'call_arm_1' })).toContain(
      `The following values in the parameter "instrument" are not valid: 'nope'`,
    );
    expect(await remove({ event: 'nope' })).toContain(
      `The following values in the parameter "event" are not valid: 'nope'`,
    );
    expect(await remove({ repeat_instance: 'x' })).toContain(
      'The value of the parameter "repeat_instance" is not valid',
    );
    expect(await remove({ arm: '1' })).toBe('1');
    expect(await ids()).toEqual(['2']);
  });

  it('wipes the history of a record when the law wants it', async () => {
    lab.redcap.save(lab.token, { record: '1', event: 'intake_arm_1', values: { age: '41' }, user: 'ra' });
    await lab.call({ content: 'record', action: 'delete', 'records[0]': '1', delete_logging: '1' });
    expect(await log({ record: '1' })).toEqual([
      ['api_user', 'Delete record (API) 1', '', '1'],
      ['ra', 'Update record 1', '', '1'],
    ]);
  });

  it('renames, and tells the record’s history under the new name', async () => {
    lab.redcap.save(lab.token, { record: '1', event: 'intake_arm_1', values: { age: '41' }, user: 'ra' });
    expect(
      (
        await lab.call({
          content: 'record',
          action: 'rename',
          record: '1',
          new_record_name: '77',
          returnFormat: 'json',
        })
      ).body,
    ).toBe('1');
    lab.redcap.renameRecord(lab.token, { record: '2', to: '78', user: 'ra' });
    expect(await ids()).toEqual(['77', '78']);
    expect(await log({ logtype: 'record' })).toEqual([
      ['ra', 'Update record 78', "record_id = '78'", '78'],
      ['api_user', 'Update record (API) 77', "record_id = '77'", '77'],
      ['ra', 'Update record 77', "age = '41'", '77'],
    ]);
    const refused = async (record: string, name: string, error: string): Promise<void> =>
      expect(
        await lab.call({ content: 'record', action: 'rename', record, new_record_name: name, returnFormat: 'json' }),
      ).toMatchObject({ status: 400, body: JSON.stringify({ error }) });
    await refused('1', '3', 'The record "1" does not exist');
    await refused('77', '78', 'The record "78" already exists');
    await refused('77', '', 'The parameter "new_record_name" is missing');
    await refused('', '5', 'The parameter "record" is missing');
    expect(() => lab.redcap.renameRecord(lab.token, { record: '77', to: '78', user: 'ra' })).toThrow();
  });

  it('renames in one arm only', async () => {
    await lab.call({
      content: 'record',
      format: 'json',
      data: '[{"record_id":"1","redcap_event_name":"intake_arm_2","age":"5"}]',
    });
    expect(
      (await lab.call({ content: 'record', action: 'rename', record: '1', new_record_name: '90', arm: '2' })).body,
    ).toBe('1');
    const rows = await lab.json({
      content: 'record',
      fields: 'record_id,age',
      records: '1,90',
      events: 'intake_arm_1,intake_arm_2',
    });
    expect(rows.map((row: Record<string, string>) => [row.record_id, row.redcap_event_name, row.age])).toEqual([
      ['1', 'intake_arm_1', '40'],
      ['90', 'intake_arm_2', '5'],
    ]);
  });

  it('gives the next record name', async () => {
    expect((await lab.call({ content: 'generateNextRecordName' })).body).toBe('3');
    lab.redcap.save(lab.token, { record: 'A-17', event: 'intake_arm_1', values: {}, user: 'ra' });
    expect((await lab.call({ content: 'generateNextRecordName' })).body).toBe('3');
  });
});
