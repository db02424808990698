import { readLogLines } from './log-lines';

const line = (action: string, details: string, record = '5') => ({
  timestamp: '2018-09-04 10:00',
  username: 'ra_jones',
  action,
  details,
  record,
});

describe('lines of REDCap’s log', () => {
  it.each(["record_id = '5'", '', "record_id = '5' "])('a record as a whole is deleted: %j', (details) => {
    const read = readLogLines([line('Delete record 5', details)], 'record_id');
    expect(read.identity).toMatchObject([{ kind: 'delete', record: '5' }]);
    expect(read.touched.size).toBe(0);
  });

  it.each([
    "record_id = '5' (Event: 2 months (Arm 2: OHT))",
    "record_id = '5', event = '2_month_arm_2'",
    "record_id = '5'\nEvent: Baseline",
    'instrument = survey_2m, instance = 2',
  ])('a part of a record is deleted, the record is read and stays who it is: %j', (details) => {
    const read = readLogLines([line('Delete record (API) 5', details)], 'record_id');
    expect(read.identity).toEqual([]);
    expect([...read.touched]).toEqual(['5']);
  });

  it('an event’s cells are cleared in an update: nobody’s identity', () => {
    const read = readLogLines([line('Update record (API) 5', "eligible = '', came = ''")], 'record_id');
    expect(read.identity).toEqual([]);
    expect(read.edits).toMatchObject([{ record: '5', fields: new Set(['eligible', 'came']), viaApi: true }]);
  });
});
