import { earliestWallTime, wallTime } from './wall-time';

const zone = 'America/Los_Angeles';

describe('wall time of the server', () => {
  it('is the zone’s clock', () => {
    expect(wallTime(new Date('2018-09-04T17:00:05Z'), zone)).toBe('2018-09-04 10:00:05');
  });

  it('begins a range at its first instant on ordinary days', () => {
    expect(earliestWallTime(new Date('2018-09-04T17:00:00Z'), new Date('2018-09-04T17:15:00Z'), zone)).toBe(
      '2018-09-04 10:00:00',
    );
  });

  it('begins at the second one o’clock when clocks are set back within the range', () => {
    // 2018-11-04 02:00 PDT became 01:00 PST at 09:00 UTC.
    expect(earliestWallTime(new Date('2018-11-04T08:50:00Z'), new Date('2018-11-04T09:05:00Z'), zone)).toBe(
      '2018-11-04 01:00:00',
    );
    expect(earliestWallTime(new Date('2018-11-04T07:30:00Z'), new Date('2018-11-04T09:30:00Z'), zone)).toBe(
      '2018-11-04 00:30:00',
    );
    expect(earliestWallTime(new Date('2018-11-04T09:20:00Z'), new Date('2018-11-04T09:35:00Z'), zone)).toBe(
      '2018-11-04 01:20:00',
    );
  });

  it('keeps its begin when clocks are set forward', () => {
    expect(earliestWallTime(new Date('2018-03-11T09:50:00Z'), new Date('2018-03-11T10:05:00Z'), zone)).toBe(
      '2018-03-11 01:50:00',
    );
  });
});
