import fc from 'fast-check';
import { DateTime } from 'luxon';
import { dayIn, openingAt, type SendTimes } from './send-window';

const times = (o: Partial<SendTimes> = {}): SendTimes => ({
  zone: 'America/New_York',
  window: { from: '09:00', to: '20:00' },
  firstDay: null,
  lastDay: null,
  notBefore: null,
  expiresAt: new Date('2019-06-01T00:00:00Z'),
  ...o,
});
const at = (text: string): Date => new Date(text);

describe('the send window', () => {
  it('is the participant’s wall time, also in the night in which clocks change', () => {
    // 3 and 4 November 2018: from EDT (UTC−4) to EST (UTC−5); 10 and 11 March 2019 back.
    const openings = [
      ['2018-11-03T12:00:00Z', '2018-11-03T13:00:00Z'],
      ['2018-11-04T12:00:00Z', '2018-11-04T14:00:00Z'],
      ['2018-11-04T05:30:00Z', '2018-11-04T14:00:00Z'],
      ['2019-03-10T06:59:00Z', '2019-03-10T13:00:00Z'],
      ['2019-03-09T13:00:00Z', '2019-03-09T14:00:00Z'],
    ] as const;
    for (const [now, next] of openings) expect(openingAt(times(), at(now))).toEqual({ open: false, next: at(next) });
    expect(openingAt(times(), at('2018-11-04T14:00:00Z'))).toEqual({ open: true, until: at('2018-11-05T01:00:00Z') });
    expect(openingAt(times(), at('2018-11-04T13:59:59Z')).open).toBe(false);
    expect(openingAt(times(), at('2019-03-10T13:00:00Z'))).toEqual({ open: true, until: at('2019-03-11T00:00:00Z') });
  });

  it('of a study that writes at night counts an hour that a night leaves out as the moment after the gap', () => {
    const night = times({ window: { from: '02:30', to: '04:00' } });
    // 2:30 does not exist on 10 March 2019: clocks go from 1:59 EST to 3:00 EDT.
    expect(openingAt(night, at('2019-03-10T06:00:00Z'))).toEqual({ open: false, next: at('2019-03-10T07:30:00Z') });
  });

  it('ends with the message: its first and last day, its own instants', () => {
    const days = times({ firstDay: '2018-10-05', lastDay: '2018-10-06' });
    expect(openingAt(days, at('2018-10-01T15:00:00Z'))).toEqual({ open: false, next: at('2018-10-05T13:00:00Z') });
    expect(openingAt(days, at('2018-10-06T15:00:00Z'))).toEqual({ open: true, until: at('2018-10-07T00:00:00Z') });
    expect(openingAt(days, at('2018-10-07T00:00:00Z'))).toEqual({ open: false, next: null });
    const short = times({ notBefore: at('2018-10-02T15:00:00Z'), expiresAt: at('2018-10-02T16:00:00Z') });
    expect(openingAt(short, at('2018-10-02T14:00:00Z'))).toEqual({ open: false, next: at('2018-10-02T15:00:00Z') });
    expect(openingAt(short, at('2018-10-02T15:30:00Z'))).toEqual({ open: true, until: at('2018-10-02T16:00:00Z') });
    expect(openingAt(short, at('2018-10-02T16:00:00Z'))).toEqual({ open: false, next: null });
    const always = times({ window: null, lastDay: '2018-10-02' });
    expect(openingAt(always, at('2018-10-02T05:00:00Z'))).toEqual({ open: true, until: at('2018-10-03T04:00:00Z') });
  });

  it('is open only within the wall times, in any zone at any instant, and the next opening is open', () => {
    const zones = ['America/New_York', 'America/Los_Angeles', 'Pacific/Auckland', 'Asia/Kathmandu', 'America/Havana'];
    fc.assert(
      fc.property(
        fc.constantFrom(...zones),
        fc.date({ min: at('2018-09-01T00:00:00Z'), max: at('2019-05-01T00:00:00Z'), noInvalidDate: true }),
        (zone, now) => {
          const found = openingAt(times({ zone }), now);
          const wall = DateTime.fromJSDate(now, { zone }).toFormat('HH:mm');
          expect(found.open).toBe(wall >= '09:00' && wall < '20:00');
          if (found.open) expect(DateTime.fromJSDate(found.until, { zone }).toFormat('HH:mm')).toBe('20:00');
          else {
            expect(found.next).not.toBeNull();
            const next = found.next ?? now;
            expect(next.getTime() - now.getTime()).toBeLessThan(15 * 3_600_000);
            expect(openingAt(times({ zone }), next).open).toBe(true);
            expect(['09:00']).toContain(DateTime.fromJSDate(next, { zone }).toFormat('HH:mm'));
          }
        },
      ),
    );
  });

  it('knows the day of an instant by the zone', () => {
    expect(dayIn('America/New_York', at('2018-10-02T03:59:00Z'))).toBe('2018-10-01');
  });
});
