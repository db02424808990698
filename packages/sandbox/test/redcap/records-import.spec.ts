import { fixture, openLab, type Lab, type Reply } from './server';

describe('records import', () => {
  let lab: Lab;
  const open = async (name: string): Promise<void> => {
    lab = await openLab(fixture(name));
  };
  afterEach(() => lab.close());
  const send = (rows: unknown, more: Record<string, string> = {}): Promise<Reply> =>
    lab.call({
      content: 'record',
      format: 'json',
      data: typeof rows === 'string' ? rows : JSON.stringify(rows),
      ...more,
    });
  const lastLog = async (): Promise<unknown> => (await lab.json({ content: 'log', logtype: 'record' }))[0];

  it('answers counts and ids in each format', async () => {
    await open('classic.xml');
    const rows = [
      { study_id: '2', age: '12' },
      { study_id: 11, age: 5 },
    ];
    expect((await send(rows)).body).toBe('{"count":2}');
    expect((await send(rows, { returnFormat: 'csv' })).body).toBe('2');
    expect((await send(rows, { returnFormat: 'xml' })).body).toBe(
      '<?xml version="1.0" encoding="UTF-8" ?><count>2</count>',
    );
    expect((await send(rows, { returnContent: 'ids' })).body).toBe('["2","11"]');
    expect((await send(rows, { returnContent: 'ids', returnFormat: 'csv' })).body).toBe('id\n2\n11');
    expect((await send(rows, { returnContent: 'ids', returnFormat: 'xml' })).body).toBe(
      '<?xml version="1.0" encoding="UTF-8" ?><ids><id>2</id><id>11</id></ids>',
    );
    expect((await send(rows, { returnContent: 'nothing' })).body).toBe('');
    // Only the first of these calls changed anything.
    expect(lab.world.changes).toBe(1);
    expect(await lab.json({ content: 'log', logtype: 'record' })).toHaveLength(2);
  });

  it('takes CSV, XML, EAV and a bare object (which is no rows)', async () => {
    await open('classic.xml');
    expect(
      (await lab.call({ content: 'record', format: 'csv', data: 'study_id,address\n3,"a ""b"",\nc"\n' })).body,
    ).toBe('1');
    expect(
      (await lab.call({ content: 'record', format: 'csv', csvDelimiter: ';', data: 'study_id;age\n3;7' })).body,
    ).toBe('1');
    await lab.call({
      content: 'record',
      format: 'xml',
      data: '<?xml version="1.0"?><records><item><study_id><![CDATA[3]]></study_id><first_name>Bo &amp; Co</first_name></item></records>',
    });
    await lab.call({
      content: 'record',
      format: 'csv',
      type: 'eav',
      data: 'record,field_name,value\n3,sweets,-9\n3,person_complete,1\n',
    });
    expect(
      await lab.json({ content: 'record', records: '3', fields: 'first_name,address,age,sweets,person_complete' }),
    ).toEqual([
      {
        first_name: 'Bo & Co',
        address: 'a "b",\nc',
        age: '7',
        person_complete: '1',
        sweets___1: '0',
        sweets___2: '0',
        sweets____9: '1',
      },
    ]);
    expect((await send({ study_id: '9' })).body).toBe('{"count":0}');
    expect(await lab.json({ content: 'record', records: '9' })).toEqual([]);
  });

  it('counts records, not rows, and logs only what changed', async () => {
    await open('longitudinal.xml');
    const reply = await send([
      {
        record_id: '1',
        redcap_event_name: 'intake_arm_1',
        age: '41',
        flags___a: '0',
        flags___b: '1',
        person_complete: '2',
      },
      { record_id: '1', redcap_event_name: 'call_arm_1', redcap_repeat_instance: 1, call_note: 'first' },
    ]);
    expect(reply.body).toBe('{"count":1}');
    expect(await lastLog()).toEqual({
      timestamp: '2024-03-10 10:00',
      username: 'api_user',
      action: 'Update record (API) 1',
      details: "age = '41', flags(A) = unchecked, flags(b) = checked",
      record: '1',
    });
  });

  it('creates records, events and instances', async () => {
    await open('longitudinal.xml');
    await send([
      { record_id: '3', redcap_event_name: '', flags___a: '0', age: '9' },
      { record_id: '3', redcap_event_name: 'call_arm_1', call_note: 'x' },
      {
        record_id: '3',
        redcap_event_name: 'home_visit_arm_1',
        redcap_repeat_instrument: 'weight',
        redcap_repeat_instance: 'new',
        weight_kg: '1.5',
      },
      {
        record_id: '3',
        redcap_event_name: 'home_visit_arm_1',
        redcap_repeat_instrument: 'weight',
        redcap_repeat_instance: 'new',
        weight_kg: '2.5',
      },
      { record_id: '4' },
    ]);
    const rows = await lab.json({ content: 'record', records: '3,4' });
    expect(
      rows.map((row: Record<string, unknown>) => [
        row.record_id,
        row.redcap_event_name,
        row.redcap_repeat_instrument,
        row.redcap_repeat_instance,
        row.weight_kg,
      ]),
    ).toEqual([
      ['3', 'intake_arm_1', '', '', ''],
      ['3', 'call_arm_1', '', 1, ''],
      ['3', 'home_visit_arm_1', 'weight', 1, '1.5'],
      ['3', 'home_visit_arm_1', 'weight', 2, '2.5'],
      ['4', 'intake_arm_1', '', '', ''],
    ]);
    const log = await lab.json({ content: 'log', logtype: 'record_add' });
    expect(log.map((entry: Record<string, string>) => [entry.action, entry.details])).toEqual([
      ['Create record (API) 4', "record_id = '4'"],
      [
        'Create record (API) 3',
        "record_id = '3', flags(A) = unchecked, age = '9', call_note = 'x', weight_kg = '1.5', weight_kg = '2.5'",
      ],
    ]);
    expect((await send([{ record_id: '4', redcap_event_name: 'intake_arm_2' }])).body).toBe('{"count":1}');
    expect(await lab.json({ content: 'record', records: '4' })).toHaveLength(2);
  });

  it('normal ignores blanks, overwrite erases them, 0 unchecks in both', async () => {
    await open('classic.xml');
    await send([{ study_id: '2', age: '', phone: '', sweets___1: '' }]);
    expect((await lab.json({ content: 'record', records: '2' }))[0]).toMatchObject({ age: '11', sweets___1: '1' });
    await send([{ study_id: '2', age: '' }], { overwriteBehavior: 'overwrite' });
    expect((await lab.json({ content: 'record', records: '2' }))[0]).toMatchObject({
      age: '',
      phone: '(617) 555-0101',
    });
    expect(await lastLog()).toMatchObject({ details: "age = ''" });
    await send([{ study_id: '2', sweets___1: '0' }]);
    expect((await lab.json({ content: 'record', records: '2' }))[0]).toMatchObject({ sweets___1: '0' });
  });

  it('reads dates as told and stores them as ISO', async () => {
    await open('classic.xml');
    await send([{ study_id: '2', visit_date: '3/9/2024', seen_at: '03/09/2024 7:05' }], { dateFormat: 'MDY' });
    expect((await lab.json({ content: 'record', records: '2' }))[0]).toMatchObject({
      visit_date: '2024-03-09',
      seen_at: '2024-03-09 07:05',
    });
    await send([{ study_id: '2', visit_date: '9/3/2024' }], { dateFormat: 'DMY' });
    expect((await lab.json({ content: 'record', records: '2' }))[0]).toMatchObject({ visit_date: '2024-03-09' });
  });

  it('passes over calculated values, files, survey columns', async () => {
    await open('classic.xml');
    const whole = await lab.json({ content: 'record', exportSurveyFields: 'true' });
    expect((await send(whole.map((row: object) => ({ ...row, bmi: '99', photo: 'x.png' })))).body).toBe('{"count":2}');
    expect((await lab.json({ content: 'record', records: '2' }))[0]).toMatchObject({ bmi: '17.0', photo: 'smile.txt' });
    // What cannot travel: a status never touched exports as 0, and importing that 0 stores it.
    const log = await lab.json({ content: 'log', logtype: 'record' });
    expect(log.map((entry: Record<string, string>) => entry.details)).toEqual([
      "person_complete = '0', habits_complete = '0'",
      "habits_complete = '0'",
    ]);
  });

  it('numbers records by itself when told', async () => {
    await open('classic.xml');
    const rows = [
      { study_id: 'a', age: '1' },
      { study_id: 'b', age: '2' },
      { study_id: 'a', zip: '94043' },
    ];
    expect((await send(rows, { forceAutoNumber: 'true', returnContent: 'auto_ids' })).body).toBe('["11,a","12,b"]');
    expect((await send([{ study_id: '13' }], { forceAutoNumber: 'true', returnContent: 'auto_ids' })).body).toBe(
      '["13,13"]',
    );
    expect((await send(rows, { returnContent: 'auto_ids' })).status).toBe(400);
    expect((await lab.call({ content: 'generateNextRecordName' })).body).toBe('14');
  });

  it('refuses everything when one value is wrong, with a line per value, and saves nothing', async () => {
    await open('classic.xml');
    const before = (await lab.call({ content: 'record', format: 'csv' })).body;
    const reply = await send([
      { study_id: '2', age: '99', often: '3' },
      { study_id: '50', weight: '22', sweets___1: '2', person_complete: 'Complete' },
    ]);
    expect(reply.status).toBe(400);
    expect(JSON.parse(reply.body)).toEqual({
      error: [
        '"2","often","3","The value is not a valid category for this field"',
        '"50","weight","22","The value you provided could not be validated because it does not follow the expected format. Please try again."',
        '"50","sweets___1","2","The value is not valid for a checkbox: only 0 and 1 are"',
        '"50","person_complete","Complete","The value is not a valid category for this field"',
      ].join('\n'),
    });
    expect((await lab.call({ content: 'record', format: 'csv' })).body).toBe(before);
    expect(lab.world.changes).toBe(0);
  });

  it.each([
    ['age', '7.5', 'This value you provided is not an integer. Please try again.'],
    ['height', 'tall', 'This value you provided is not a number. Please try again.'],
    [
      'weight',
      '22',
      'The value you provided could not be validated because it does not follow the expected format. Please try again.',
    ],
    [
      'left_at',
      '24:10',
      'The value entered must be a time value in the following format HH:MM within the range 00:00-23:59 (e.g., 04:32 or 23:19).',
    ],
    ['zip', '1234', 'This field must be a 5 or 9 digit U.S. ZIP Code (like 94043). Please re-enter it now.'],
    ['phone', '555', 'This field must be a 10 digit U.S. phone number (like 415 555 1212). Please re-enter it now.'],
    ['email', 'joe@', 'This field must be a valid email address (like joe@user.com). Please re-enter it now.'],
    [
      'visit_date',
      '2024-13-01',
      'The value you provided could not be validated because it does not follow the expected format. Please try again.',
    ],
    [
      'visit_date',
      '01/02/2024',
      'The value you provided could not be validated because it does not follow the expected format. Please try again.',
    ],
    ['brushes', 'Yes', 'The value is not a valid category for this field'],
    ['pain', 'much', 'This value you provided is not an integer. Please try again.'],
  ])('refuses %s = %s', async (field, value, message) => {
    await open('classic.xml');
    const reply = await send([{ study_id: '2', [field]: value }], { returnFormat: 'csv' });
    expect(reply.status).toBe(400);
    expect(reply.body).toBe(`ERROR: "2","${field}","${value}","${message}"`);
  });

  it.each([
    ['age', 'NI'],
    ['often', 'UNK'],
    ['age', '900'],
    ['weight', '22.0'],
    ['phone', '+1 617 555 0102'],
    ['left_at', '4:32'],
    ['address', 'anything, "at" all'],
  ])('accepts %s = %s (missing data codes, soft ranges)', async (field, value) => {
    await open('classic.xml');
    expect((await send([{ study_id: '2', [field]: value }])).body).toBe('{"count":1}');
  });

  it.each([
    [
      { record_id: '1', redcap_event_name: 'home_visit_arm_1', age: '4' },
      `"1","age","4","This field ('age') exists on an instrument that is not designated for the event named 'Home visit (Arm 1: Drug A)'. You are not allowed to import data for this field into this event."`,
    ],
    [
      { record_id: '1', redcap_event_name: 'home_visit_arm_1', weight_kg: '4.0' },
      `"1","weight_kg","4.0","This field ('weight_kg') exists on a Repeating Instrument named 'weight'. However, the fields 'redcap_repeat_instance' and/or 'redcap_repeat_instrument' for this row of data have no value, which are both required for importing data into a Repeating Instrument.  You are not allowed to import data for this field into a non-repeating instrument."`,
    ],
    [
      { record_id: '1', redcap_event_name: 'home_visit_arm_1', redcap_repeat_instrument: 'weight', weight_kg: '4.0' },
      `"1","weight_kg","4.0","This field ('weight_kg') exists on a Repeating Instrument named 'weight'. However, the fields 'redcap_repeat_instance' and/or 'redcap_repeat_instrument' for this row of data have no value, which are both required for importing data into a Repeating Instrument.  You are not allowed to import data for this field into a non-repeating instrument."`,
    ],
    [
      {
        record_id: '1',
        redcap_event_name: 'intake_arm_1',
        redcap_repeat_instrument: 'person',
        redcap_repeat_instance: '1',
        age: '4',
      },
      `"1","redcap_repeat_instrument","person","redcap_repeat_instrument must be the unique form name of a Repeating Instrument. It currently does not match the unique form name of any Repeating Instruments.  Please fix this in the data import file and try again."
"1","redcap_repeat_instance","1","redcap_repeat_instance cannot have a value since this instrument or event is not a repeating instrument or repeating event, respectively.  The redcap_repeat_instance field must be left blank for this row of data."`,
    ],
    [
      { record_id: '1', redcap_event_name: 'intake_arm_1', redcap_repeat_instance: '1', age: '4' },
      `"1","redcap_repeat_instance","1","redcap_repeat_instance cannot have a value since this instrument or event is not a repeating instrument or repeating event, respectively.  The redcap_repeat_instance field must be left blank for this row of data."`,
    ],
    [
      { record_id: '1', redcap_event_name: 'call_arm_1', redcap_repeat_instance: 'two', call_note: 'x' },
      `"1","redcap_repeat_instance","two","redcap_repeat_instance must be a positive whole number or 'new'"`,
    ],
    [
      {
        record_id: '1',
        redcap_event_name: 'home_visit_arm_1',
        redcap_repeat_instrument: 'weight',
        redcap_repeat_instance: '1',
        call_note: 'x',
      },
      `"1","call_note","x","This field ('call_note') does not exist on the Repeating Instrument named 'weight' of this row of data. You are not allowed to import data for this field into this repeating instrument."`,
    ],
    [
      { record_id: '1', redcap_event_name: 'Intake', age: '4' },
      `"1","redcap_event_name","Intake","The event 'Intake' is not a valid unique event name of this project"`,
    ],
    [{ record_id: '', age: '4' }, `"","record_id","","The record ID is missing in this row of data"`],
    [
      { record_id: '1', flags___a: '0', redcap_event_name: 'call_arm_1' },
      `"1","flags___a","0","This field ('flags___a') exists on an instrument that is not designated for the event named 'Call (Arm 1: Drug A)'. You are not allowed to import data for this field into this event."`,
    ],
    [
      { record_id: '1', shoe: '4', redcap_x: '' },
      'The following fields were not found in the project as real data fields: shoe, redcap_x',
    ],
    [{ age: '4' }, "The record ID field 'record_id' was not found in the data being imported"],
  ])('refuses the row %j', async (row, message) => {
    await open('longitudinal.xml');
    const reply = await send([row], { returnFormat: 'csv' });
    expect(reply.status).toBe(400);
    expect(reply.body).toBe(`ERROR: ${message}`);
  });

  it.each(['{', '[1]', '"x"', '[{"study_id":["2"]}]', ''])('refuses JSON that is no rows: %s', async (data) => {
    await open('classic.xml');
    const reply = await send(data);
    expect(reply).toMatchObject({ status: 400, body: '{"error":"The data is not in the specified format."}' });
  });

  it.each([
    '<records><item>',
    '<!DOCTYPE x [<!ENTITY a "b">]><records><item><study_id>&a;</study_id></item></records>',
    'study_id',
  ])('refuses XML %s', async (data) => {
    await open('classic.xml');
    const reply = await lab.call({ content: 'record', format: 'xml', data });
    expect(reply.status).toBe(400);
    expect(reply.body).toContain('<hash><error>The data is not in the specified format.</error></hash>');
  });

  it('knows locked records, groups and their rules', async () => {
    await open('classic.xml');
    lab.redcap.lockRecord(lab.token, { record: '2', locked: true, user: 'pi' });
    expect((await send([{ study_id: '2', age: '4' }])).body).toContain(
      'This record has been locked at the record level. No value within this record can be modified.',
    );
    lab.redcap.lockRecord(lab.token, { record: '2', locked: false, user: 'pi' });
    await send([{ study_id: '2', redcap_data_access_group: 'hill' }]);
    expect(await lastLog()).toMatchObject({
      details: "Assign record to Data Access Group (redcap_data_access_group = 'hill')",
    });
    expect((await send([{ study_id: '2', redcap_data_access_group: 'valley' }])).body).toContain(
      "The Data Access Group 'valley' does not exist in this project",
    );

    lab.redcap.setRights(lab.token, {}, 'harbour_clinic_of');
    expect(await lab.json({ content: 'record', exportDataAccessGroups: 'true' })).toEqual([]);
    expect((await send([{ study_id: '2', redcap_data_access_group: 'hill' }])).body).toContain(
      "Illegal use of 'redcap_data_access_group' field!",
    );
    expect((await send([{ study_id: '2', age: '3' }])).body).toContain(
      'This record belongs to another Data Access Group.',
    );
    expect((await lab.call({ content: 'generateNextRecordName' })).body).toBe('20-1');
    await send([{ study_id: '20-1', age: '3' }]);
    const mine = await lab.json({ content: 'record', exportDataAccessGroups: 'true', fields: 'study_id' });
    expect(mine).toEqual([{ study_id: '20-1' }]);
    expect((await lab.call({ content: 'generateNextRecordName' })).body).toBe('20-2');
  });
});
