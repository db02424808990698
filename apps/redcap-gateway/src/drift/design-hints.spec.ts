import { readDesignHints } from './design-hints';

const line = (timestamp: string, action: string, details = '') => ({ timestamp, username: 'x', action, details });
const design = 'Manage/Design ';
const none = { design: false, rights: false };

describe('hints of the log', () => {
  it.each([
    'Create project field',
    'Edit project field',
    'Upload data dictionary (API)',
    'Perform instrument-event mappings',
    'Import arms (API)',
    'Enter draft mode',
    'Approve production project modifications',
    'Set up repeating instruments/events',
    'Something that a next version calls otherwise',
  ])('%s may change the design', (details) => {
    expect(readDesignHints([line('2018-09-04 10:00', design, details)], null)).toEqual({
      mark: '2018-09-04 10:00#1',
      design: true,
      rights: false,
    });
  });

  it.each([
    [design, 'Export Logging (API)'],
    [design, 'Download data dictionary (API)'],
    [design, 'Automatically schedule survey invitation'],
    [design, 'Export users (API)'],
    ['Data Export (API) ', "fields: 'event, role'"],
    ['Update record (API) user 5', "role = '1'"],
    ['Create record 12', "record_id = '12'"],
    ['Lock/Unlock Record 1', 'Action: Lock record'],
  ])('%s %s does not', (action, details) => {
    expect(readDesignHints([line('2018-09-04 10:00', action, details)], null)).toMatchObject(none);
  });

  it.each([
    ['Update user (API) jo', "user = 'jo'"],
    ['Edit user role', "role = 'api'"],
    [design, 'Import User-DAG assignments (API)'],
    [design, 'Switch DAG (API)'],
    [design, 'Regenerate API token'],
  ])('%s %s may change rights', (action, details) => {
    expect(readDesignHints([line('2018-09-04 10:00', action, details)], null)).toMatchObject({
      design: false,
      rights: true,
    });
  });

  it('counts only what came after the last look, also within its minute', () => {
    const lines = [
      line('2018-09-04 10:00', design, 'Edit project field'),
      line('2018-09-04 10:00', design, 'Edit project field'),
      line('2018-09-04 09:00', 'Edit user role'),
    ];
    const seen = readDesignHints(lines, null);
    expect(seen).toEqual({ mark: '2018-09-04 10:00#2', design: true, rights: true });
    expect(readDesignHints(lines, seen.mark)).toEqual({ ...none, mark: seen.mark });
    const third = [line('2018-09-04 10:00', design, 'Edit project field'), ...lines];
    expect(readDesignHints(third, seen.mark)).toEqual({ mark: '2018-09-04 10:00#3', design: true, rights: false });
    // A window that begins later holds none of them.
    expect(readDesignHints([], seen.mark)).toEqual({ ...none, mark: seen.mark });
  });
});
