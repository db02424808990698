import { DateTime } from 'luxon';

/** The clinics' zone: everything below is in it. */
const clinicZone = 'America/New_York';

/** The cohort's span (studies.md §8). It starts at midnight of the server, before the first poll of the day. */
export const span = {
  start: '2018-08-27T07:00:00.000Z',
  end: '2018-11-09T23:00:00.000Z',
  serverZone: 'America/Los_Angeles',
};

/** An instant of the clinic's wall clock. Seconds keep staff and handsets off the minutes at which jobs run. */
export function clinicTime(date: string, hour: number, minute: number): DateTime {
  return DateTime.fromISO(date, { zone: clinicZone }).set({ hour, minute, second: 17, millisecond: 0 });
}

/** The weekdays from `first` to `last`, `YYYY-MM-DD`, both included. */
export function weekdays(first: string, last: string): string[] {
  const days: string[] = [];
  for (let day = DateTime.fromISO(first, { zone: clinicZone }); isoDate(day) <= last; day = day.plus({ days: 1 })) {
    if (day.weekday <= 5) days.push(isoDate(day));
  }
  return days;
}

/** The same time of day, so many weekdays later. */
export function weekdaysLater(from: DateTime, days: number): DateTime {
  let day = from;
  for (let left = days; left > 0;) {
    day = day.plus({ days: 1 });
    if (day.weekday <= 5) left -= 1;
  }
  return day;
}

/** The poll that sees what was saved at `saved` in clinic hours of a weekday: every quarter of an hour (studies.md §1.4). */
export function nextPoll(saved: DateTime): DateTime {
  const hour = saved.startOf('hour');
  return hour.plus({ minutes: (Math.floor(saved.minute / 15) + 1) * 15 });
}

/** `YYYY-MM-DD`. */
export function isoDate(instant: DateTime): string {
  return instant.toFormat('yyyy-MM-dd');
}
