import { fixture, openLab, type Lab } from './server';

describe('records export', () => {
  let classic: Lab;
  let longitudinal: Lab;
  beforeAll(async () => {
    classic = await openLab(fixture('classic.xml'));
    longitudinal = await openLab(fixture('longitudinal.xml'));
  });
  afterAll(async () => {
    await classic.close();
    await longitudinal.close();
  });

  it('writes the CSV dialect: dictionary order, natural ids, quotes like fputcsv, newlines kept', async () => {
    const reply = await classic.call({ content: 'record', format: 'csv' });
    expect(reply.status).toBe(200);
    expect(reply.type).toBe('text/csv; charset=utf-8');
    expect(reply.body).toBe(
      'study_id,first_name,phone,email,zip,address,visit_date,seen_at,left_at,age,weight,height,bmi,photo,person_complete,' +
        'brushes,often,sweets___1,sweets___2,sweets____9,agrees,pain,habits_complete\n' +
        `2,"Nut's & Co","(617) 555-0101",,,"14 Rose St.\nKenning",2024-02-29,"2024-02-29 10:43",11:05,11,28.7,1.3,17.0,smile.txt,2,` +
        '1,2,1,0,0,0,40,0\n' +
        '10,"Ada ""Day""",,,,,,,,,,,,,0,,,0,0,0,,,0\n',
    );
  });

  it('knows other delimiters', async () => {
    const fields = { content: 'record', format: 'csv', fields: 'study_id,age' };
    for (const [sent, mark] of [
      [';', ';'],
      ['|', '|'],
      ['^', '^'],
      ['tab', '\t'],
    ] as const) {
      expect((await classic.call({ ...fields, csvDelimiter: sent })).body).toBe(
        `study_id${mark}age\n2${mark}11\n10${mark}\n`,
      );
    }
  });

  it('takes arrays in every spelling and gives dictionary order, without adding the record id', async () => {
    const spellings: [Record<string, string>, string[]][] = [
      [{ fields: 'age,first_name' }, ['first_name', 'age']],
      [{ 'fields[0]': 'age', 'fields[1]': 'first_name' }, ['first_name', 'age']],
      [{ 'fields[]': 'age', fields: '' }, ['age']],
    ];
    for (const [spelling, names] of spellings) {
      const rows = await classic.json({ content: 'record', ...spelling });
      expect(Object.keys(rows[0])).toEqual(names);
    }
  });

  it('takes a form, a form status and a checkbox by its base name', async () => {
    expect(Object.keys((await classic.json({ content: 'record', forms: 'habits' }))[0])).toEqual([
      'brushes',
      'often',
      'sweets___1',
      'sweets___2',
      'sweets____9',
      'agrees',
      'pain',
      'habits_complete',
    ]);
    expect(await classic.json({ content: 'record', fields: 'sweets,person_complete', records: '2' })).toEqual([
      { person_complete: '2', sweets___1: '1', sweets___2: '0', sweets____9: '0' },
    ]);
  });

  it('gives labels', async () => {
    const asked = {
      content: 'record',
      rawOrLabel: 'label',
      records: '2',
      fields: 'often,agrees,sweets,person_complete,brushes',
    };
    expect(await classic.json(asked)).toEqual([
      {
        person_complete: 'Complete',
        brushes: 'Yes',
        often: 'Twice, or more',
        sweets___1: 'Checked',
        sweets___2: 'Unchecked',
        sweets____9: 'Unchecked',
        agrees: 'False',
      },
    ]);
    expect((await classic.json({ ...asked, exportCheckboxLabel: 'true' }))[0]).toMatchObject({
      sweets___1: 'Candy',
      sweets___2: '',
    });
    const headers = await classic.call({
      content: 'record',
      format: 'csv',
      rawOrLabelHeaders: 'label',
      fields: 'study_id,sweets,person_complete',
      records: '10',
    });
    expect(headers.body.split('\n')[0]).toBe(
      '"Study ID",Complete?,"Sweets (choice=Candy)","Sweets (choice=Soda)","Sweets (choice=Won\'t say)"',
    );
  });

  it('changes the decimal mark, leaves grey statuses blank, combines options', async () => {
    const one = { content: 'record', records: '2' };
    expect(await classic.json({ ...one, fields: 'weight,bmi,age', decimalCharacter: ',' })).toEqual([
      { age: '11', weight: '28,7', bmi: '17,0' },
    ]);
    expect(
      await classic.json({
        content: 'record',
        fields: 'habits_complete,person_complete',
        exportBlankForGrayFormStatus: 'True',
      }),
    ).toEqual([
      { person_complete: '2', habits_complete: '0' },
      { person_complete: '0', habits_complete: '' },
    ]);
    expect(await classic.json({ ...one, fields: 'sweets', combineCheckboxOptions: '1' })).toEqual([{ sweets: '1' }]);
  });

  it('adds groups and survey columns when asked', async () => {
    const rows = await classic.json({ content: 'record', exportDataAccessGroups: 'true', exportSurveyFields: 'true' });
    expect(Object.keys(rows[0]).slice(0, 4)).toEqual([
      'study_id',
      'redcap_data_access_group',
      'redcap_survey_identifier',
      'first_name',
    ]);
    expect(rows[0]).toMatchObject({
      redcap_data_access_group: 'harbour_clinic_of',
      habits_timestamp: '2024-02-29 10:50:11',
    });
    const labels = await classic.json({ content: 'record', exportDataAccessGroups: 'true', rawOrLabel: 'label' });
    expect(labels[0].redcap_data_access_group).toBe('Harbour Clinic of the North');
  });

  it('orders events, repeating events and repeating instruments, and blanks what does not apply', async () => {
    const rows = await longitudinal.json({ content: 'record' });
    expect(rows).toEqual([
      {
        record_id: '1',
        redcap_event_name: 'intake_arm_1',
        redcap_repeat_instrument: '',
        redcap_repeat_instance: '',
        age: '40',
        flags___a: '1',
        flags___b: '0',
        person_complete: '2',
        call_note: '',
        call_log_complete: '',
        weight_date: '',
        weight_kg: '',
        weight_complete: '',
      },
      {
        record_id: '1',
        redcap_event_name: 'call_arm_1',
        redcap_repeat_instrument: '',
        redcap_repeat_instance: 1,
        age: '',
        flags___a: '',
        flags___b: '',
        person_complete: '',
        call_note: 'first',
        call_log_complete: '0',
        weight_date: '',
        weight_kg: '',
        weight_complete: '',
      },
      {
        record_id: '1',
        redcap_event_name: 'call_arm_1',
        redcap_repeat_instrument: '',
        redcap_repeat_instance: 2,
        age: '',
        flags___a: '',
        flags___b: '',
        person_complete: '',
        call_note: 'second',
        call_log_complete: '0',
        weight_date: '',
        weight_kg: '',
        weight_complete: '',
      },
      {
        record_id: '1',
        redcap_event_name: 'home_visit_arm_1',
        redcap_repeat_instrument: 'weight',
        redcap_repeat_instance: 1,
        age: '',
        flags___a: '',
        flags___b: '',
        person_complete: '',
        call_note: '',
        call_log_complete: '',
        weight_date: '2024-02-01',
        weight_kg: '70.0',
        weight_complete: '0',
      },
      {
        record_id: '1',
        redcap_event_name: 'home_visit_arm_1',
        redcap_repeat_instrument: 'weight',
        redcap_repeat_instance: 2,
        age: '',
        flags___a: '',
        flags___b: '',
        person_complete: '',
        call_note: '',
        call_log_complete: '',
        weight_date: '',
        weight_kg: '71.5',
        weight_complete: '0',
      },
      {
        record_id: '2',
        redcap_event_name: 'intake_arm_2',
        redcap_repeat_instrument: '',
        redcap_repeat_instance: '',
        age: '50',
        flags___a: '0',
        flags___b: '0',
        person_complete: '0',
        call_note: '',
        call_log_complete: '',
        weight_date: '',
        weight_kg: '',
        weight_complete: '',
      },
    ]);
  });

  it('drops repeating rows outside the selection, keeps base rows, filters events and records', async () => {
    const ids = await longitudinal.json({ content: 'record', fields: 'record_id,age' });
    expect(ids.map((row: Record<string, unknown>) => [row.record_id, row.redcap_event_name])).toEqual([
      ['1', 'intake_arm_1'],
      ['1', 'call_arm_1'],
      ['1', 'call_arm_1'],
      ['2', 'intake_arm_2'],
    ]);
    expect(
      await longitudinal.json({ content: 'record', fields: 'record_id', events: 'intake_arm_2', records: '1,2,99' }),
    ).toHaveLength(1);
  });

  it('shows a record that holds nothing but instances to whoever asks for ids', async () => {
    const lab = await openLab(fixture('longitudinal.xml'));
    lab.redcap.save(lab.token, {
      record: '7',
      event: 'home_visit_arm_1',
      instrument: 'weight',
      instance: 3,
      values: { weight_kg: '60.0' },
      user: 'ra',
    });
    const rows = await lab.json({ content: 'record', fields: 'record_id', records: '7' });
    expect(rows).toEqual([
      {
        record_id: '7',
        redcap_event_name: 'home_visit_arm_1',
        redcap_repeat_instrument: '',
        redcap_repeat_instance: '',
      },
    ]);
    await lab.close();
  });

  it('writes EAV: stored values only, by field name, checked options by code', async () => {
    const reply = await longitudinal.call({ content: 'record', type: 'eav', format: 'csv' });
    expect(reply.body).toBe(
      'record,redcap_event_name,redcap_repeat_instrument,redcap_repeat_instance,field_name,value\n' +
        '1,intake_arm_1,,,age,40\n1,intake_arm_1,,,flags,A\n1,intake_arm_1,,,person_complete,2\n1,intake_arm_1,,,record_id,1\n' +
        '1,call_arm_1,,1,call_note,first\n1,call_arm_1,,1,record_id,1\n1,call_arm_1,,2,call_note,second\n1,call_arm_1,,2,record_id,1\n' +
        '1,home_visit_arm_1,weight,1,weight_date,2024-02-01\n1,home_visit_arm_1,weight,1,weight_kg,70.0\n1,home_visit_arm_1,weight,2,weight_kg,71.5\n' +
        '2,intake_arm_2,,,age,50\n2,intake_arm_2,,,record_id,2\n',
    );
  });

  it('writes XML with CDATA', async () => {
    const reply = await classic.call({ content: 'record', fields: 'study_id,first_name', records: '10' });
    expect(reply.type).toBe('text/xml; charset=utf-8');
    expect(reply.body).toBe(
      '<?xml version="1.0" encoding="UTF-8" ?><records><item><study_id><![CDATA[10]]></study_id><first_name><![CDATA[Ada "Day"]]></first_name></item></records>',
    );
  });

  it('says nothing found in each format', async () => {
    const none = { content: 'record', records: 'x' };
    expect((await classic.call({ ...none, format: 'csv' })).body).toBe('\n');
    expect((await classic.call({ ...none, format: 'json' })).body).toBe('[]');
    expect((await classic.call({ ...none, format: 'xml' })).body).toBe(
      '<?xml version="1.0" encoding="UTF-8" ?><records></records>',
    );
  });

  it('takes the changed ones by the log, in the wall time of the server', async () => {
    const lab = await openLab(fixture('longitudinal.xml'));
    // 17:00:30 UTC is 10:00:30 in Los Angeles on that summer-time Sunday.
    lab.world.pass(10);
    lab.redcap.save(lab.token, { record: '2', event: 'intake_arm_2', values: { age: '51' }, user: 'ra' });
    const changed = (range: Record<string, string>): Promise<unknown> =>
      lab.json({ content: 'record', fields: 'record_id', events: 'intake_arm_1,intake_arm_2', ...range });
    const row = {
      record_id: '2',
      redcap_event_name: 'intake_arm_2',
      redcap_repeat_instrument: '',
      redcap_repeat_instance: '',
    };
    expect(await changed({ dateRangeBegin: '2024-03-10 10:10:30' })).toEqual([row]);
    expect(await changed({ dateRangeBegin: '2024-03-10 10:10:31' })).toEqual([]);
    expect(await changed({ dateRangeBegin: '2024-03-10 10:00:31', dateRangeEnd: '2024-03-10 10:10:30' })).toEqual([
      row,
    ]);
    expect(await changed({ dateRangeBegin: '2024-03-10 10:00:31', dateRangeEnd: '2024-03-10 10:10:29' })).toEqual([]);
    expect(await changed({ dateRangeBegin: '' })).toHaveLength(2);
    expect((await lab.call({ content: 'record', format: 'json', dateRangeBegin: 'yesterday' })).body).toBe(
      '{"error":"The value of the parameter \\"dateRangeBegin\\" is not valid"}',
    );
    await lab.close();
  });

  it.each([
    ['[age] >= 41', ['2']],
    ["[age] < 41 and [flags(A)] = '1'", ['1']],
    ["[flags(b)] = '1'", []],
    ["[intake_arm_1][age] = 40 or [record_id] = '2'", ['1', '2']],
    ["[person_complete] <> '2' and not ([age] = '')", ['2']],
    ['rounddown([age] / 7) = 5 and roundup([age] / 7) = 6 and isinteger([age])', ['1']],
    ["right([age], 1) = '0' and mid([age], 1, 1) = '5' and year('2024-02-01') = 2024", ['2']],
    ["round([age] / 7, 1) = 5.7 and contains([event-name], 'INTAKE')", ['1']],
  ])('filters by %s', async (filterLogic, ids) => {
    const rows = await longitudinal.json({
      content: 'record',
      fields: 'record_id,age',
      events: 'intake_arm_1,intake_arm_2',
      filterLogic,
    });
    expect(rows.map((row: Record<string, string>) => row.record_id)).toEqual(ids);
  });

  it.each([
    [{ fields: 'age,nope,nay' }, `The following values in the parameter \\"fields\\" are not valid: 'nope', 'nay'`],
    [
      { fields: 'redcap_event_name' },
      `The following values in the parameter \\"fields\\" are not valid: 'redcap_event_name'`,
    ],
    [{ 'forms[0]': 'nope' }, `The following values in the parameter \\"forms\\" are not valid: 'nope'`],
    [{ events: 'nope_arm_1' }, `The following values in the parameter \\"events\\" are not valid: 'nope_arm_1'`],
    [
      { filterLogic: '[age] = (' },
      `The value of the parameter \\"filterLogic\\" is not valid: the logic has a syntax error`,
    ],
    [
      { filterLogic: '[nope] = 1' },
      `The value of the parameter \\"filterLogic\\" is not valid: the logic has a syntax error`,
    ],
    [{ csvDelimiter: '%' }, `The value of the parameter \\"csvDelimiter\\" is not valid`],
    [{ decimalCharacter: '!' }, `The value of the parameter \\"decimalCharacter\\" is not valid`],
  ])('refuses %j', async (params, message) => {
    const reply = await longitudinal.call({ content: 'record', format: 'json', ...(params as Record<string, string>) });
    expect(reply.status).toBe(400);
    expect(reply.body).toBe(`{"error":"${message}"}`);
  });

  it('takes a type that is none for flat, as servers do for a client that always sends one', async () => {
    const asked = { content: 'record', records: '2', fields: 'study_id,age' };
    expect(await classic.json({ ...asked, type: 'type' })).toEqual([{ study_id: '2', age: '11' }]);
  });

  it('ignores events in a classic project', async () => {
    expect(await classic.json({ content: 'record', fields: 'study_id', events: 'nope' })).toHaveLength(2);
  });

  it('writes project XML that loads into the same project', async () => {
    for (const lab of [classic, longitudinal]) {
      const odm = await lab.call({
        content: 'project_xml',
        exportSurveyFields: 'true',
        exportDataAccessGroups: 'true',
        exportFiles: 'true',
      });
      const copy = await openLab(odm.body);
      const calls: Record<string, string>[] = [
        { content: 'record', format: 'csv', exportSurveyFields: 'true', exportDataAccessGroups: 'true' },
        { content: 'record', format: 'csv', type: 'eav' },
        { content: 'metadata', format: 'csv' },
        { content: 'exportFieldNames', format: 'csv' },
        { content: 'formEventMapping', format: 'csv' },
        { content: 'repeatingFormsEvents', format: 'csv' },
        { content: 'dag', format: 'csv' },
      ];
      for (const params of calls) {
        const strip = (body: string): string => (params.content === 'dag' ? body.replace(/,\d+$/gm, '') : body);
        expect(strip((await copy.call(params)).body)).toBe(strip((await lab.call(params)).body));
      }
      expect((await lab.call({ content: 'project_xml', returnMetadataOnly: 'true' })).body).not.toContain(
        'ClinicalData',
      );
      expect((await lab.call({ content: 'record', format: 'odm' })).body).toContain('<ODM ');
      await copy.close();
    }
  });
});
