import type { Design, Field } from '../../src/redcap/model';
import { Project } from '../../src/redcap/project';
import { writeProjectXml } from '../../src/redcap/project-xml/write-project-xml';
import { seedRecords } from '../../src/redcap/seed/seed-records';
import { emptyDesign } from '../../src/redcap/create-project';
import { fixture, openLab, type Lab } from './server';

/** Numbers from 0 to below 1, the same for a seed. */
function dice(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 4_294_967_296;
  };
}

const kinds: Partial<Field>[] = [
  { type: 'text' },
  { type: 'notes' },
  { type: 'radio', choices: '1, One|2, Two, or more|x, "Three"' },
  { type: 'dropdown', choices: '0, None|-1, Less & <fewer>', validation: 'autocomplete' },
  { type: 'checkbox', choices: "1, A|2, B|-9, Won't say|k>=9, Many" },
  { type: 'calc', choices: '1+1' },
  { type: 'yesno' },
  { type: 'truefalse' },
  { type: 'slider', choices: 'low | mid | high', validation: 'number' },
  { type: 'descriptive' },
  { type: 'sql' },
  { type: 'file' },
  ...[
    'date_ymd',
    'date_mdy',
    'date_dmy',
    'datetime_ymd',
    'datetime_mdy',
    'datetime_seconds_dmy',
    'time',
    'time_hh_mm_ss',
  ]
    .concat([
      'time_mm_ss',
      'integer',
      'number',
      'number_1dp',
      'number_4dp',
      'number_comma_decimal',
      'number_2dp_comma_decimal',
    ])
    .concat(['email', 'phone', 'zipcode', 'alpha_only', 'ssn', 'vmrn', 'mrn_10d', 'postalcode_canada'])
    .map((validation): Partial<Field> => ({ type: 'text', validation, min: validation === 'integer' ? '-5' : '' })),
];
const awkward = [
  'a "quote"',
  'semi;colon, comma',
  'two\nlines',
  ' blanks ',
  '<b>&amp;</b> ]]> end',
  'Ünïcödé 😀',
  "it's",
  '\ttab',
  '=1+1',
];

/** A project with every kind of field at least once, of a shape that the seed decides. */
function generate(seed: number): { design: Design; roll: () => number } {
  const roll = dice(seed * 7919 + 13);
  const design = emptyDesign(
    {
      title: `Generated ${seed} & "co"`,
      purpose: 0,
      purposeOther: '',
      notes: '',
      longitudinal: seed % 2 === 1,
      surveys: false,
      autonumbering: true,
    },
    1,
    '2024-01-01 00:00:00',
  );
  const plain = design.fields[0]!;
  const forms = 2 + Math.floor(roll() * 4);
  design.forms = Array.from({ length: forms }, (_, n) => ({ name: `form_${n}`, label: `Form ${n} "x"` }));
  design.fields = [{ ...plain, form: 'form_0' }];
  kinds.forEach((kind, n) => {
    design.fields.push({
      ...plain,
      name: `f${n}_x`,
      label: n % 3 === 0 ? `Label ${n}\nsecond <i>line</i>` : `Label ${n}`,
      note: roll() < 0.2 ? 'note "n"' : '',
      sectionHeader: roll() < 0.2 ? `Section ${n}` : '',
      branchingLogic: roll() < 0.2 ? `[record_id] <> '' and [record_id] < "9"` : '',
      identifier: roll() < 0.2,
      required: roll() < 0.2,
      annotation: roll() < 0.2 ? '@READONLY' : '',
      ...kind,
      form: `form_${Math.floor(roll() * forms)}`,
    });
  });
  // Only instruments that own a field come through the XML's groups with more than their status.
  design.fields = design.forms.flatMap((form) => design.fields.filter((field) => field.form === form.name));
  if (design.longitudinal) {
    design.arms = [
      { number: 1, name: 'Arm 1' },
      { number: 2, name: 'Other' },
    ];
    design.events = [1, 1, 2, 2].map((arm, n) => ({
      id: n + 1,
      uniqueName: `visit_${n}_arm_${arm}`,
      name: `Visit ${n}`,
      arm,
      dayOffset: n,
      offsetMin: 0,
      offsetMax: 0,
      customLabel: '',
    }));
  }
  design.mapping = design.events.flatMap((event, n) =>
    design.forms.flatMap((form, at) =>
      at === 0 || !design.longitudinal || (at + n) % 2 === 0 ? [{ event: event.uniqueName, form: form.name }] : [],
    ),
  );
  const last = design.forms.at(-1)!.name;
  design.repeating = design.mapping
    .filter((entry) => entry.form === last && roll() < 0.8)
    .map((entry) => ({ ...entry, label: '[record_id]' }));
  if (design.longitudinal) {
    const whole = design.events[1]!.uniqueName;
    design.repeating = [
      ...design.repeating.filter((entry) => entry.event !== whole),
      { event: whole, form: '', label: '' },
    ];
  }
  if (seed % 3 === 0) {
    design.dags = [
      { id: 1, name: 'North side', uniqueName: 'north_side' },
      { id: 2, name: 'South', uniqueName: 'south' },
    ];
  }
  return { design, roll };
}

function xmlOf(seed: number, withData: boolean): string {
  const { design, roll } = generate(seed);
  const project = new Project(1, design);
  seedRecords(project, 6, '2024-01-01 00:00:00');
  for (const record of project.data.sorted()) {
    for (const row of record.rows) {
      for (const column of project.codebook.columns) {
        if (column.kind === 'calc' && row.holds(column.form)) row.set(column, '2');
        const free = column.kind === 'text' && column.validation === '' && row.get(column) !== undefined;
        if (free && roll() < 0.7) row.set(column, awkward[Math.floor(roll() * awkward.length)]);
      }
    }
  }
  const data = {
    records: null,
    columns: null,
    events: null,
    filter: null,
    surveyFields: true,
    dags: true,
    files: true,
    tell: (record: { id: string }) => record.id,
  };
  const at = '2024-01-01 00:00:00';
  return [...writeProjectXml(project, { data: withData ? data : null, at, version: '15.2.1' })].join('');
}

const structure = ['metadata', 'exportFieldNames', 'instrument', 'formEventMapping', 'repeatingFormsEvents', 'arm'];

describe.each([0, 1, 2, 3, 4, 5, 6, 7])('generated project %i', (seed) => {
  let full: Lab;
  let empty: Lab;
  beforeEach(async () => {
    full = await openLab(xmlOf(seed, true));
    empty = await openLab(xmlOf(seed, false));
  });
  afterEach(async () => {
    await full.close();
    await empty.close();
  });

  // What an import cannot bring: calculated values and files.
  const travels = async (lab: Lab): Promise<string> =>
    (await lab.json({ content: 'metadata' }))
      .filter((field: any) => !['calc', 'file', 'descriptive'].includes(field.field_type))
      .map((field: any) => field.field_name)
      .join(',');
  const forms = async (lab: Lab): Promise<string> =>
    (await lab.json({ content: 'instrument' })).map((form: any) => `${form.instrument_name}_complete`).join(',');

  it.each([
    ['csv', 'flat'],
    ['json', 'flat'],
    ['xml', 'flat'],
    ['csv', 'eav'],
    ['json', 'eav'],
    ['xml', 'eav'],
  ])('travels by %s, %s', async (format, type) => {
    const fields = `${await travels(full)},${await forms(full)}`;
    const asked = { content: 'record', format, type, fields, exportDataAccessGroups: 'true' };
    const out = (await full.call(asked)).body;
    expect(out.length).toBeGreaterThan(500);
    const reply = await empty.call({ content: 'record', format, type, data: out, returnFormat: 'csv' });
    expect(reply).toMatchObject({ status: 200, body: '6' });
    expect((await empty.call(asked)).body).toBe(out);
    // A second import changes nothing, and says nothing in the log.
    const before = (await empty.json({ content: 'log', logtype: 'record' })).length;
    await empty.call({ content: 'record', format, type, data: out, overwriteBehavior: 'overwrite' });
    expect((await empty.json({ content: 'log', logtype: 'record' })).length).toBe(before);
  });

  it('travels by project XML, structure, calculations and all', async () => {
    const flags = { exportSurveyFields: 'true', exportDataAccessGroups: 'true', exportFiles: 'true' };
    const copy = await openLab((await full.call({ content: 'project_xml', ...flags })).body);
    for (const content of structure) {
      expect(await copy.call({ content, format: 'csv' })).toEqual(await full.call({ content, format: 'csv' }));
    }
    const asked = { content: 'record', format: 'csv', exportDataAccessGroups: 'true' };
    expect((await copy.call(asked)).body).toBe((await full.call(asked)).body);
    await copy.close();
  });

  it('travels by ODM', async () => {
    const odm = (await full.call({ content: 'record', format: 'odm', exportDataAccessGroups: 'true' })).body;
    const reply = await empty.call({ content: 'record', format: 'odm', data: odm, returnFormat: 'csv' });
    expect(reply).toMatchObject({ status: 200, body: '6' });
    const asked = { content: 'record', format: 'csv', fields: await travels(full), exportDataAccessGroups: 'true' };
    expect((await empty.call(asked)).body).toBe((await full.call(asked)).body);
  });

  it.each(['csv', 'json', 'xml'])('gives and takes its dictionary in %s', async (format) => {
    const data = (await full.call({ content: 'metadata', format })).body;
    expect((await empty.call({ content: 'metadata', format, data })).status).toBe(200);
    const once = (await empty.call({ content: 'metadata', format })).body;
    const spaced = (text: string): string => text.replace(/ *\| */g, '|');
    expect(spaced(once)).toBe(spaced(data));
    await empty.call({ content: 'metadata', format, data: once });
    expect((await empty.call({ content: 'metadata', format })).body).toBe(once);
  });
});

describe('what cannot travel', () => {
  it('files and survey columns stay behind; calculated values are reckoned anew; the status of an untouched form becomes 0', async () => {
    const full = await openLab(fixture('clinic.xml'));
    const empty = await openLab((await full.call({ content: 'project_xml', returnMetadataOnly: 'true' })).body);
    const asked = { content: 'record', format: 'json', records: '1', exportSurveyFields: 'true' };
    const [before] = await full.json(asked);
    expect(before).toMatchObject({ portrait: 'ana.txt', bmi: '22.8', redcap_survey_identifier: 'ana-1' });
    expect(before.registration_timestamp).toBe('2024-02-28 09:15:30');
    const sent = await full.json({ content: 'record', exportSurveyFields: 'true' });
    const data = JSON.stringify(
      sent.map((row: any) => (row.redcap_repeat_instrument === '' ? { ...row, bmi: '99' } : row)),
    );
    expect((await empty.call({ content: 'record', format: 'json', data, returnFormat: 'csv' })).body).toBe('3');
    const [after] = await empty.json(asked);
    expect(after).toEqual({
      ...before,
      portrait: '',
      redcap_survey_identifier: '',
      registration_timestamp: '',
    });
    const statuses = async (lab: Lab): Promise<number> =>
      (await lab.json({ content: 'record', type: 'eav', records: '10' })).filter((row: any) =>
        row.field_name.endsWith('_complete'),
      ).length;
    expect([await statuses(full), await statuses(empty)]).toEqual([0, 2]);
    await full.close();
    await empty.close();
  });
});
