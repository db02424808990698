import { fixture, openLab, type Lab } from './server';

describe('structure exports', () => {
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

  it('metadata: 18 columns, API words, choices as a project from XML exports them', async () => {
    const rows = await classic.json({ content: 'metadata' });
    expect(
      rows.map((row: Record<string, string>) =>
        `${row.field_name} ${row.field_type} ${row.text_validation_type_or_show_slider_number}`.trim(),
      ),
    ).toEqual([
      'study_id text',
      'first_name text',
      'phone text phone',
      'email text email',
      'zip text zipcode',
      'address notes',
      'hint descriptive',
      'visit_date text date_mdy',
      'seen_at text datetime_ymd',
      'left_at text time',
      'age text integer',
      'weight text number_1dp',
      'height text number',
      'bmi calc',
      'photo file',
      'brushes yesno',
      'often radio',
      'sweets checkbox',
      'agrees truefalse',
      'pain slider number',
    ]);
    const field = (name: string): Record<string, string> =>
      rows.find((row: Record<string, string>) => row.field_name === name);
    expect(Object.keys(field('age'))).toHaveLength(18);
    expect(field('often')).toMatchObject({
      select_choices_or_calculations: '1, Once a day|2, Twice, or more',
      branching_logic: "[brushes] = '1'",
      form_name: 'habits',
    });
    expect(field('sweets').select_choices_or_calculations).toBe("1, Candy | 2, Soda | -9, Won't say");
    expect(field('brushes').select_choices_or_calculations).toBe('');
    expect(field('pain').select_choices_or_calculations).toBe('none | some | much');
    expect(field('bmi').select_choices_or_calculations).toBe('round([weight]/([height]*[height]),1)');
    expect(field('age')).toMatchObject({ text_validation_min: '0', text_validation_max: '120' });
    expect(field('first_name')).toMatchObject({ identifier: 'y', required_field: 'y' });
    expect(field('address').field_note).toBe('Street, then\ntown');
    expect(field('hint').field_label).toBe('Ask <b>gently</b>.');
    expect(field('visit_date').section_header).toBe('The visit');
    expect(await classic.json({ content: 'metadata', 'fields[0]': 'age' })).toHaveLength(1);
    expect(await classic.json({ content: 'metadata', forms: 'habits' })).toHaveLength(5);
    expect((await classic.call({ content: 'metadata', format: 'json', fields: 'nope' })).status).toBe(400);
  });

  it('export names: calculations and statuses in, files and descriptive fields out', async () => {
    const rows = await classic.json({ content: 'exportFieldNames' });
    const names = rows.map((row: Record<string, string>) => row.export_field_name);
    expect(names).toEqual(expect.arrayContaining(['bmi', 'person_complete', 'sweets____9', 'pain']));
    expect(names).not.toEqual(expect.arrayContaining(['photo']));
    expect(names).not.toEqual(expect.arrayContaining(['hint']));
    expect(await classic.json({ content: 'exportFieldNames', field: 'sweets' })).toEqual([
      { original_field_name: 'sweets', choice_value: '1', export_field_name: 'sweets___1' },
      { original_field_name: 'sweets', choice_value: '2', export_field_name: 'sweets___2' },
      { original_field_name: 'sweets', choice_value: '-9', export_field_name: 'sweets____9' },
    ]);
    expect((await classic.call({ content: 'exportFieldNames', format: 'csv', field: 'nope' })).body).toBe(
      `ERROR: The value of the parameter "field" is not valid: 'nope'`,
    );
  });

  it('arms, events, mapping, repeating, in JSON and CSV', async () => {
    expect(await longitudinal.json({ content: 'arm' })).toEqual([
      { arm_num: 1, name: 'Drug A' },
      { arm_num: 2, name: 'Drug B' },
    ]);
    expect((await longitudinal.call({ content: 'arm', format: 'csv', 'arms[0]': '2' })).body).toBe(
      'arm_num,name\n2,"Drug B"\n',
    );
    const events = await longitudinal.json({ content: 'event' });
    expect(events[1]).toEqual({
      event_name: 'Call',
      arm_num: 1,
      day_offset: 7,
      offset_min: 1,
      offset_max: 2,
      unique_event_name: 'call_arm_1',
      custom_event_label: '',
      event_id: expect.any(Number),
    });
    expect((await longitudinal.call({ content: 'event', format: 'csv', 'arms[0]': '2' })).body).toMatch(
      /^event_name,arm_num,day_offset,offset_min,offset_max,unique_event_name,custom_event_label,event_id\n"Intake",2,0,0,0,intake_arm_2,,\d+\n$/,
    );
    expect(await longitudinal.json({ content: 'formEventMapping' })).toEqual([
      { arm_num: 1, unique_event_name: 'intake_arm_1', form: 'person' },
      { arm_num: 1, unique_event_name: 'call_arm_1', form: 'call_log' },
      { arm_num: 1, unique_event_name: 'home_visit_arm_1', form: 'call_log' },
      { arm_num: 1, unique_event_name: 'home_visit_arm_1', form: 'weight' },
      { arm_num: 2, unique_event_name: 'intake_arm_2', form: 'person' },
    ]);
    expect((await longitudinal.call({ content: 'repeatingFormsEvents', format: 'csv' })).body).toBe(
      'event_name,form_name,custom_form_label\ncall_arm_1,,\nhome_visit_arm_1,weight,[weight_date] [weight_kg]\n',
    );
    expect((await longitudinal.call({ content: 'arm', format: 'xml' })).body).toBe(
      '<?xml version="1.0" encoding="UTF-8" ?><arms><item><arm_num>1</arm_num><name><![CDATA[Drug A]]></name></item><item><arm_num>2</arm_num><name><![CDATA[Drug B]]></name></item></arms>',
    );
  });

  it.each([
    ['arm', 'You cannot export arms for classic projects'],
    ['event', 'You cannot export events for classic projects'],
    ['formEventMapping', 'You cannot export form/event mappings for classic projects'],
    [
      'repeatingFormsEvents',
      'You cannot export repeating instruments and events because the project does not contain any repeating instruments and events',
    ],
  ])('refuses %s of a classic project', async (content, error) => {
    expect(await classic.call({ content, format: 'json' })).toMatchObject({
      status: 400,
      body: JSON.stringify({ error }),
    });
  });

  it('treats a longitudinal project with one event as classic', async () => {
    const xml = fixture('longitudinal.xml').replace(
      /<StudyEventDef OID="Event\.(call|home_visit|intake_arm_2)[\s\S]*?<\/StudyEventDef>/g,
      '',
    );
    const lab = await openLab(xml);
    expect((await lab.call({ content: 'event', format: 'csv' })).body).toBe(
      'ERROR: You cannot export events for classic projects',
    );
    expect((await lab.json({ content: 'project' })).is_longitudinal).toBe(0);
    await lab.close();
  });

  it('project, instruments, users, groups, version', async () => {
    const info = await classic.json({ content: 'project' });
    expect(info).toMatchObject({
      project_id: 13,
      project_title: 'Tooth diary',
      in_production: 0,
      purpose: 2,
      is_longitudinal: 0,
      surveys_enabled: 1,
      record_autonumbering_enabled: 1,
      creation_time: '2024-03-10 10:00:30',
      missing_data_codes: 'NI, No information | UNK, Unknown',
      project_notes: 'Made up & fictional',
    });
    classic.redcap.setProduction(classic.projectId, true);
    expect((await classic.json({ content: 'project' })).in_production).toBe(1);
    expect((await longitudinal.json({ content: 'project' })).has_repeating_instruments_or_events).toBe(1);
    expect(await classic.json({ content: 'instrument' })).toEqual([
      { instrument_name: 'person', instrument_label: 'Person' },
      { instrument_name: 'habits', instrument_label: 'Brushing habits' },
    ]);
    expect(await classic.json({ content: 'user' })).toEqual([
      expect.objectContaining({
        username: 'api_user',
        api_export: 1,
        logging: 1,
        data_access_group: '',
        forms: { person: 1, habits: 1 },
        forms_export: { person: 1, habits: 1 },
      }),
    ]);
    expect((await classic.call({ content: 'user', format: 'csv' })).body).toContain(
      ',"person:1,habits:1","person:1,habits:1"\n',
    );
    expect(await classic.json({ content: 'dag' })).toEqual([
      {
        data_access_group_name: 'Harbour Clinic of the North',
        unique_group_name: 'harbour_clinic_of',
        data_access_group_id: 20,
      },
      { data_access_group_name: 'Hill', unique_group_name: 'hill', data_access_group_id: 21 },
    ]);
    expect((await longitudinal.call({ content: 'dag', format: 'csv' })).body).toBe(
      'data_access_group_name,unique_group_name,data_access_group_id\n',
    );
    expect((await classic.call({ content: 'version', format: 'json' })).body).toBe('15.2.1');
  });
});
