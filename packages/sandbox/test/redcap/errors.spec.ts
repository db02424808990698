import { fixture, openLab, type Lab } from './server';

const superToken = 'F0'.repeat(32);
const noRights = 'You do not have permissions to use the API';
const noImport = 'You do not have API Import/Update privileges';
const people = JSON.stringify([{ study_id: '2', nope: '1', neither: '2' }]);
const flat = (row: object): string => JSON.stringify([row]);
type Row = [what: string, status: number, message: string, params: Record<string, string>, before?: (lab: Lab) => void];
const data = (format: Record<string, string>, content: string): Record<string, string> => ({ content, ...format });
const json = { format: 'json' };

/** Every refusal whose words are known, with its status; the three formats follow from `returnFormat`. */
const classic: Row[] = [
  ['an unknown token', 403, noRights, { token: 'BAD00000000000000000000000000000', content: 'record' }],
  ['a token that is none', 403, noRights, { token: '', content: 'project' }],
  [
    'no right to export',
    403,
    noRights,
    { content: 'metadata' },
    ({ redcap, token }) => redcap.setRights(token, { api_export: 0 }),
  ],
  [
    'no right to see users',
    403,
    noRights,
    { content: 'user' },
    ({ redcap, token }) => redcap.setRights(token, { user_rights: 0 }),
  ],
  [
    'no right to import',
    403,
    noImport,
    { content: 'record', ...json, data: '[{"study_id":"2"}]' },
    ({ redcap, token }) => redcap.setRights(token, { api_import: 0 }),
  ],
  [
    'no right to delete records',
    403,
    'You do not have Delete Record privileges',
    { content: 'record', action: 'delete', 'records[0]': '2' },
    ({ redcap, token }) => redcap.setRights(token, { record_delete: 0 }),
  ],
  [
    'deleting users without the right to delete records',
    403,
    'You do not have Delete Record privileges',
    { content: 'user', action: 'delete', 'users[0]': 'somebody' },
    ({ redcap, token }) => redcap.setRights(token, { record_delete: 0 }),
  ],
  [
    'groups, asked by who is in one',
    403,
    'You do not have permission to export/import/delete Data Access Groups because you have beed assigned to a Data Access Group..',
    { content: 'dag' },
    ({ redcap, token }) => redcap.setRights(token, {}, 'hill'),
  ],
  ['an unknown content', 400, 'The value of the parameter "content" is not valid', { content: 'recrods' }],
  ['an unknown action', 501, 'The requested method is not implemented.', { content: 'record', action: 'juggle' }],
  [
    'data that are not in the format',
    400,
    'The data is not in the specified format.',
    { content: 'userRole', ...json, data: '<a' },
  ],
  [
    'unknown fields',
    400,
    `The following values in the parameter "fields" are not valid: 'a', 'redcap_event_name'`,
    { content: 'record', fields: 'a,age,redcap_event_name' },
  ],
  ['arms of a classic project', 400, 'You cannot export arms for classic projects', { content: 'arm' }],
  ['events of a classic project', 400, 'You cannot export events for classic projects', { content: 'event' }],
  [
    'the mapping of a classic project',
    400,
    'You cannot export form/event mappings for classic projects',
    { content: 'formEventMapping' },
  ],
  [
    'what repeats where nothing does',
    400,
    'You cannot export repeating instruments and events because the project does not contain any repeating instruments and events',
    { content: 'repeatingFormsEvents' },
  ],
  [
    'a survey of a record that is not there',
    400,
    'The record "-1" does not exist',
    { content: 'surveyLink', record: '-1', instrument: 'person' },
  ],
  [
    'a file of a field that is none',
    400,
    "The field 'mugshotttttt' does not exist or is not a 'file' field",
    { content: 'file', action: 'export', record: '2', field: 'mugshotttttt' },
  ],
  [
    'a file that is not there to delete',
    400,
    'There is no file to delete for this record',
    { content: 'file', action: 'delete', record: '10', field: 'photo' },
  ],
  [
    'a folder that is not there',
    400,
    'The File Repository folder folder_id=99 does not exist or else you do not have permission to that folder because it is DAG-restricted or Role-restricted.',
    { content: 'fileRepository', action: 'list', folder_id: '99' },
  ],
  [
    'records to delete that are not there',
    400,
    'One or more of the records provided cannot be deleted because they do not exist in the project. The following records do not exist: 1, 7',
    { content: 'record', action: 'delete', 'records[0]': '1', 'records[1]': '2', 'records[2]': '7' },
  ],
  [
    'columns that are no fields',
    400,
    'The following fields were not found in the project as real data fields: nope, neither',
    { content: 'record', ...json, data: people },
  ],
  [
    'a purpose without its words',
    400,
    "You must provide some text for 'purpose_other' since you specified 'purpose' as '1' (Other).",
    { token: superToken, content: 'project', ...json, data: '[{"project_title":"AAA","purpose":1}]' },
  ],
  [
    'roles that are not there',
    400,
    'Invalid Unique Role Names: U-1, U-2',
    { ...data(json, 'userRole'), data: '[{"unique_role_name":"U-1"},{"unique_role_name":"U-2","role_label":"x"}]' },
  ],
  [
    'a number with the wrong number of decimals',
    400,
    '"2","weight","22","The value you provided could not be validated because it does not follow the expected format. Please try again."',
    { content: 'record', ...json, data: flat({ study_id: 2, weight: 22 }) },
  ],
  [
    'several values at once, a line each',
    400,
    [
      '"2","height","tall","This value you provided is not a number. Please try again."',
      '"2","age","1.5","This value you provided is not an integer. Please try again."',
      '"2","left_at","25:00","The value entered must be a time value in the following format HH:MM within the range 00:00-23:59 (e.g., 04:32 or 23:19)."',
      '"2","zip","123","This field must be a 5 or 9 digit U.S. ZIP Code (like 94043). Please re-enter it now."',
      '"2","phone","12","This field must be a 10 digit U.S. phone number (like 415 555 1212). Please re-enter it now."',
      '"2","email","a""b@c","This field must be a valid email address (like joe@user.com). Please re-enter it now."',
    ].join('\n'),
    {
      content: 'record',
      ...json,
      data: flat({
        study_id: 2,
        height: 'tall',
        age: '1.5',
        left_at: '25:00',
        zip: '123',
        phone: '12',
        email: 'a"b@c',
      }),
    },
  ],
  [
    'a record that is locked',
    400,
    '"2","study_id","2","This record has been locked at the record level. No value within this record can be modified."',
    { content: 'record', ...json, data: flat({ study_id: '2', age: '3' }) },
    ({ redcap, token }) => redcap.lockRecord(token, { record: '2', locked: true, user: 'ra' }),
  ],
];

const longitudinal: Row[] = [
  [
    'a field in an event that it is not designated for',
    400,
    `"1","age","5","This field ('age') exists on an instrument that is not designated for the event named 'Call (Arm 1: Drug A)'. You are not allowed to import data for this field into this event."`,
    { content: 'record', ...json, data: flat({ record_id: 1, redcap_event_name: 'call_arm_1', age: 5 }) },
  ],
  [
    'a field of a repeating instrument without an instance',
    400,
    `"1","weight_kg","70.0","This field ('weight_kg') exists on a Repeating Instrument named 'weight'. However, the fields 'redcap_repeat_instance' and/or 'redcap_repeat_instrument' for this row of data have no value, which are both required for importing data into a Repeating Instrument.  You are not allowed to import data for this field into a non-repeating instrument."`,
    {
      content: 'record',
      ...json,
      data: flat({ record_id: 1, redcap_event_name: 'home_visit_arm_1', weight_kg: '70.0' }),
    },
  ],
  [
    'an instrument that does not repeat',
    400,
    '"1","redcap_repeat_instrument","person","redcap_repeat_instrument must be the unique form name of a Repeating Instrument. It currently does not match the unique form name of any Repeating Instruments.  Please fix this in the data import file and try again."',
    {
      content: 'record',
      ...json,
      data: flat({ record_id: 1, redcap_event_name: 'intake_arm_1', redcap_repeat_instrument: 'person', age: 5 }),
    },
  ],
  [
    'an instance of what does not repeat',
    400,
    '"1","redcap_repeat_instance","2","redcap_repeat_instance cannot have a value since this instrument or event is not a repeating instrument or repeating event, respectively.  The redcap_repeat_instance field must be left blank for this row of data."',
    {
      content: 'record',
      ...json,
      data: flat({ record_id: 1, redcap_event_name: 'intake_arm_1', redcap_repeat_instance: 2, age: 5 }),
    },
  ],
];

const xmlText = (text: string): string => text.replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/>/g, '&gt;');
const bodies = {
  json: ['application/json; charset=utf-8', (message: string) => JSON.stringify({ error: message })],
  csv: ['text/csv; charset=utf-8', (message: string) => `ERROR: ${message}`],
  xml: [
    'text/xml; charset=utf-8',
    (message: string) => `<?xml version="1.0" encoding="UTF-8" ?><hash><error>${xmlText(message)}</error></hash>`,
  ],
} as const;

describe.each([
  ['classic.xml', classic],
  ['longitudinal.xml', longitudinal],
])('refusals over %s', (name, rows) => {
  const cases = rows.map(([what, status, message, params, before]) => ({ what, status, message, params, before }));
  it.each(cases)('$what: $status', async ({ status, message, params, before }) => {
    const lab = await openLab(fixture(name), { superToken });
    try {
      before?.(lab);
      for (const [returnFormat, [type, body]] of Object.entries(bodies)) {
        expect(await lab.call({ ...params, returnFormat })).toEqual({ status, type, body: body(message) });
      }
      // Without `returnFormat` it is that of the data, and XML where nothing is said.
      const format = (params['format'] ?? 'xml') as keyof typeof bodies;
      expect(await lab.call(params)).toEqual({ status, type: bodies[format][0], body: bodies[format][1](message) });
    } finally {
      await lab.close();
    }
  });
});
