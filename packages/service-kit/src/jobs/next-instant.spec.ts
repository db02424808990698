import { isSchedule, nextInstant, nextInstantFrom } from './next-instant';

const pacific = 'America/Los_Angeles';

function instants(cron: string, after: string, count: number, zone = pacific): string[] {
  const found: string[] = [];
  let at = new Date(after);
  while (found.length < count) {
    at = nextInstant([{ cron, zone }], at) ?? at;
    found.push(at.toISOString().replace(':00.000Z', 'Z'));
  }
  return found;
}

describe('when clocks go back (4 November 2018, 2:00 → 1:00)', () => {
  it('runs every quarter of an hour through both hours', () => {
    expect(instants('*/15 * * * *', '2018-11-04T08:40:00Z', 7)).toEqual([
      '2018-11-04T08:45Z',
      '2018-11-04T09:00Z',
      '2018-11-04T09:15Z',
      '2018-11-04T09:30Z',
      '2018-11-04T09:45Z',
      '2018-11-04T10:00Z',
      '2018-11-04T10:15Z',
    ]);
  });

  it('runs a daily job once', () => {
    expect(instants('30 1 * * *', '2018-11-03T12:00:00Z', 2)).toEqual(['2018-11-04T08:30Z', '2018-11-05T09:30Z']);
  });

  it('runs it once also when asked from within the repeated hour', () => {
    for (const after of [
      '2018-11-04T08:30:00Z',
      '2018-11-04T09:15:00Z',
      '2018-11-04T09:30:00Z',
      '2018-11-04T10:10:00Z',
    ]) {
      expect(instants('30 1 * * *', after, 1)).toEqual(['2018-11-05T09:30Z']);
      expect(instants('*/15 1 * * *', after.replace('08:30', '08:45'), 1)).toEqual(['2018-11-05T09:00Z']);
    }
  });

  it('keeps later jobs at their wall time', () => {
    expect(instants('0 2 * * *', '2018-11-03T12:00:00Z', 2)).toEqual(['2018-11-04T10:00Z', '2018-11-05T10:00Z']);
    expect(instants('0 5 * * *', '2018-11-03T12:30:00Z', 1)).toEqual(['2018-11-04T13:00Z']);
  });
});

describe('when clocks go forward (11 March 2018, 2:00 → 3:00)', () => {
  it('runs a job of the hour that is left out an hour of wall time later', () => {
    expect(instants('30 2 * * *', '2018-03-10T12:00:00Z', 2)).toEqual(['2018-03-11T10:30Z', '2018-03-12T09:30Z']);
  });

  it('goes on in quarters of an hour', () => {
    expect(instants('*/15 * * * *', '2018-03-11T09:40:00Z', 3)).toEqual([
      '2018-03-11T09:45Z',
      '2018-03-11T10:00Z',
      '2018-03-11T10:15Z',
    ]);
  });
});

it('reads each schedule in its own zone and takes the first', () => {
  const schedules = [
    { cron: '0 6 * * *', zone: pacific },
    { cron: '0 6 * * *', zone: 'America/New_York' },
  ];
  expect(nextInstant(schedules, new Date('2018-07-01T00:00:00Z'))).toEqual(new Date('2018-07-01T10:00:00Z'));
  expect(nextInstant(schedules, new Date('2018-07-01T10:00:00Z'))).toEqual(new Date('2018-07-01T13:00:00Z'));
  expect(nextInstant([], new Date())).toBeNull();
});

it('is after its argument, or at it when asked so', () => {
  const quarter = [{ cron: '*/15 * * * *', zone: 'UTC' }];
  const at = new Date('2018-07-01T00:15:00Z');
  expect(nextInstant(quarter, at)).toEqual(new Date('2018-07-01T00:30:00Z'));
  expect(nextInstantFrom(quarter, at)).toEqual(at);
  expect(nextInstantFrom(quarter, new Date(at.getTime() + 1))).toEqual(new Date('2018-07-01T00:30:00Z'));
});

it('tells schedules from other texts', () => {
  expect(isSchedule('*/15 8-20 * * 1-5', pacific)).toBe(true);
  expect(isSchedule('61 * * * *', pacific)).toBe(false);
  expect(isSchedule('* * *', pacific)).toBe(false);
  expect(isSchedule('* * * * *', 'Mars/One')).toBe(false);
});
