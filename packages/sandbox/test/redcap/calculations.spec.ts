import { fixture, openLab } from './server';

const body = { content: 'record', fields: 'study_id,weight,height,bmi' };

it('reckons what is calculated when its fields are imported, and logs it apart', async () => {
  const { json, call, close } = await openLab(fixture('classic.xml'));
  const send = (row: object) => call({ content: 'record', format: 'json', data: JSON.stringify([row]) });
  await send({ study_id: '50', weight: '80.0', height: '2' });
  const [row] = await json({ ...body, records: '50' });
  expect(row).toMatchObject({ weight: '80.0', bmi: '20' });
  const [auto, created] = await json({ content: 'log', record: '50' });
  expect(created).toMatchObject({ action: 'Create record (API) 50', details: expect.not.stringContaining('bmi') });
  expect(auto).toMatchObject({ action: 'Update record (Auto calculation) 50', details: "bmi = '20'" });

  // What is missing makes it blank; what is sent for it counts for nothing.
  await call({
    content: 'record',
    format: 'json',
    overwriteBehavior: 'overwrite',
    data: '[{"study_id":"50","height":"","bmi":"99"}]',
  });
  expect((await json({ ...body, records: '50' }))[0].bmi).toBe('');

  // A value from before stays until a field changes that it is made of.
  await send({ study_id: '2', age: '12', weight: '28.7' });
  expect((await json({ ...body, records: '2' }))[0].bmi).toBe('17.0');
  await send({ study_id: '2', weight: '33.8' });
  expect((await json({ ...body, records: '2' }))[0].bmi).toBe('20');
  await close();
});

it('goes on from calculation to calculation, and comes to an end in a circle', async () => {
  const { json, call, close } = await openLab(fixture('classic.xml'));
  const fields: any[] = await json({ content: 'metadata' });
  const bmi = fields.find(({ field_name }) => field_name === 'bmi');
  const calc = (field_name: string, select_choices_or_calculations: string): object => ({
    ...bmi,
    field_name,
    select_choices_or_calculations,
  });
  const at = fields.indexOf(bmi) + 1;
  const more = [
    calc('class', 'if([bmi] >= 25, 2, if([bmi] = "", "", 1))'),
    calc('broken', 'no_such_function([bmi])'),
    calc('round_and', '[about] + [weight]'),
    calc('about', '[round_and] + 1'),
  ];
  const dictionary = JSON.stringify([...fields.slice(0, at), ...more, ...fields.slice(at)]);
  expect((await call({ content: 'metadata', format: 'json', data: dictionary })).body).toBe(String(fields.length + 4));
  await call({ content: 'record', format: 'csv', data: 'study_id,weight,height\n60,100.0,2\n61,100.0,1' });
  const rows = await json({ content: 'record', fields: 'study_id,bmi,class,broken,round_and', records: '60,61' });
  expect(rows.map((row: any) => [row.bmi, row.class, row.broken, row.round_and])).toEqual([
    ['25', '2', '', ''],
    ['100', '2', '', ''],
  ]);
  await close();
});

it('reckons in every instance of a repeating instrument by that instance', async () => {
  const { json, call, close } = await openLab(fixture('longitudinal.xml'));
  const fields: any[] = await json({ content: 'metadata' });
  const kilos = fields.find(({ field_name }) => field_name === 'weight_kg');
  const pounds = {
    ...kilos,
    field_name: 'weight_lb',
    field_type: 'calc',
    text_validation_type_or_show_slider_number: '',
    select_choices_or_calculations: 'round([weight_kg] * 2.2046, 1) + 0 * [intake_arm_1][age]',
  };
  await call({ content: 'metadata', format: 'json', data: JSON.stringify([...fields, pounds]) });
  const at = 'record_id,redcap_event_name,redcap_repeat_instrument,redcap_repeat_instance';
  const data = `${at},weight_kg\n1,home_visit_arm_1,weight,7,10.0\n1,home_visit_arm_1,weight,8,20.0`;
  expect((await call({ content: 'record', format: 'csv', data })).body).toBe('1');
  const asked = { content: 'record', records: '1', fields: 'record_id,weight_lb', events: 'home_visit_arm_1' };
  const rows = (await json(asked)).filter((row: any) => row.redcap_repeat_instance > 6);
  expect(rows.map((row: any) => row.weight_lb)).toEqual(['22', '44.1']);
  await close();
});

it('keeps, drops or reckons anew what a project XML brings', async () => {
  const { redcap, json, close } = await openLab(fixture('classic.xml'));
  const bmis = [];
  for (const calcs of ['keep', 'drop', 'recompute'] as const) {
    const { token } = redcap.addProject(fixture('classic.xml'), undefined, { calcs });
    bmis.push((await json({ ...body, token, records: '2' }))[0].bmi);
  }
  expect(bmis).toEqual(['17.0', '', '17']);
  await close();
});

it('reckons what staff save', async () => {
  const { redcap, json, close, projectId } = await openLab(fixture('classic.xml'));
  redcap.save(projectId, {
    record: '70',
    instrument: 'person',
    values: { weight: '40.0', height: '2' },
    user: 'nurse',
  });
  expect((await json({ ...body, records: '70' }))[0].bmi).toBe('10');
  const [line] = await json({ content: 'log', record: '70' });
  expect(line).toMatchObject({ action: 'Create record 70', details: expect.stringContaining("bmi = '10'") });
  await close();
});
