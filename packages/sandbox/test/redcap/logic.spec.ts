import { fixture, openLab, type Lab } from './server';

const people = [
  { clinic_id: '1', v_date_ymd: '2024-03-10', v_datetime_ymd: '2024-03-10 08:00', v_time: '09:30', v_number: '7' },
  { clinic_id: '2', v_date_ymd: '2024-03-09', v_datetime_ymd: '2024-03-09 23:00', v_time: '12:00', v_number: '2.5' },
  { clinic_id: '3', v_date_ymd: '2023-03-11', v_integer: '-3', remarks_of: undefined },
  { clinic_id: '4', first_name: 'Ada Lee' },
];

describe('logic', () => {
  let lab: Lab;
  beforeAll(async () => {
    lab = await openLab(fixture('clinic.xml'));
    // The server's wall time is 2024-03-10 10:00:30.
    await lab.call({ content: 'record', action: 'delete', 'records[0]': '1', 'records[1]': '2', 'records[2]': '10' });
    const data = JSON.stringify(people.map(({ remarks_of: _, ...row }) => row));
    expect((await lab.call({ content: 'record', format: 'json', data })).body).toBe('{"count":4}');
  });
  afterAll(() => lab.close());

  it.each([
    // The server's own day and time, in every way they are written.
    ["datediff([v_date_ymd], 'today', 'd') = 0", ['1']],
    ['datediff([v_date_ymd], "today", "d", true) = 1', ['2']],
    ["datediff('today', [v_date_ymd], 'd', 'ymd', true) = -1", ['2']],
    ["datediff([v_datetime_ymd], 'now', 'h') < 3", ['1']],
    ["datediff([v_datetime_ymd], 'now', 's') = 7230", ['1']],
    ["datediff([v_date_ymd], today, 'y') >= 0.99", ['3']],
    ["[v_date_ymd] = 'today'", ['1']],
    ["[v_date_ymd] < 'today'", ['2', '3']],
    ["[v_datetime_ymd] < 'now' and [v_datetime_ymd] <> ''", ['1', '2']],
    ["year([v_date_ymd]) = year('today') and day([v_date_ymd]) = 10", ['1']],
    ["datediff([v_time], '12:30', 'm') = 180", ['1']],
    // A word is a word where no date is beside it.
    ["[first_name] = 'today'", []],
    // Numbers.
    ['mod([v_number], 2) = 1', ['1']],
    ['round(log([v_number], 7), 4) = 1', ['1']],
    ['round(exponential(1), 3) = 2.718 and [v_number] = 7', ['1']],
    ['median([v_number], 1, 100) = 7', ['1']],
    ['round(stdev([v_number], 2.5), 2) = 3.18', ['1']],
    ['round([v_number], 0) = 3', ['2']],
    ['round([v_integer] / 2, 0) = -2', ['3']],
    ["sum([v_number], [v_integer]) = ''", ['4']],
    ['abs([v_integer]) = 3 and min([v_integer], 5) = -3', ['3']],
    // Texts.
    ["find('lee', [first_name]) = 5", ['4']],
    ["replace_text([first_name], 'Lee', 'Day') = 'Ada Day'", ['4']],
    ["concat_ws('-', [first_name], [sex], 'x') = 'Ada Lee-x'", ['4']],
    ['length(trim([first_name])) = 7', ['4']],
    // Blanks, codes, smart variables, comments.
    ['isblankormissingcode([v_date_ymd])', ['4']],
    ["[record-name] = '3' or [user-name] <> 'api_user'", ['3']],
    ["[event-name] = 'event_1_arm_1' and [arm-number] = 1 and [v_number] > 5", ['1']],
    ['// only one\n[v_number] > 5 # seven', ['1']],
  ])('%s', async (filterLogic, ids) => {
    const rows = await lab.json({ content: 'record', fields: 'clinic_id', filterLogic });
    expect(rows.map((row: Record<string, string>) => row.clinic_id)).toEqual(ids);
  });

  it.each([
    'nofunction(1)',
    '[v_number] >',
    "[v_number] = 'x",
    '[nope][v_number] = 1',
    'datediff(',
    '[v_number][x] = 1',
  ])('refuses %s', async (filterLogic) => {
    const reply = await lab.call({ content: 'record', format: 'csv', filterLogic });
    expect(reply).toMatchObject({ status: 400, body: expect.stringMatching(/^ERROR: .*filterLogic/) });
  });
});

it('looks at other instances and events by number and by name', async () => {
  const lab = await openLab(fixture('longitudinal.xml'));
  const event = 'home_visit_arm_1';
  const weights = ['60.0', '61.0', '62.5'].map((weight_kg, i) => ({
    record_id: '1',
    redcap_event_name: event,
    redcap_repeat_instrument: 'weight',
    redcap_repeat_instance: i + 1,
    weight_kg,
  }));
  await lab.call({ content: 'record', action: 'delete', 'records[0]': '1' });
  const intake = { record_id: '1', redcap_event_name: 'intake_arm_1', age: '40' };
  const data = JSON.stringify([intake, ...weights]);
  expect((await lab.call({ content: 'record', format: 'json', data })).body).toBe('{"count":1}');
  const found = async (filterLogic: string): Promise<string[]> => {
    const asked = { content: 'record', fields: 'record_id,weight_kg,age', records: '1', filterLogic };
    return (await lab.json(asked)).map((row: any) => `${row.redcap_event_name} ${row.redcap_repeat_instance}`);
  };
  expect(await found('[weight_kg] > [weight_kg][previous-instance]')).toEqual([`${event} 2`, `${event} 3`]);
  expect(await found('[weight_kg] = [weight_kg][last-instance] and [weight_kg] <> ""')).toEqual([`${event} 3`]);
  expect(await found(`[home_visit_arm_1][weight_kg][2] = 61 and [age] = 40`)).toEqual(['intake_arm_1 ']);
  expect(await found('[first-event-name][age] = 40 and [current-instance] = 1')).toEqual([`${event} 1`]);
  // What an instance holds is not the event's own row.
  expect(await found("[weight_kg] = '' and [age] = 40")).toEqual(['intake_arm_1 ']);
  await lab.close();
});
