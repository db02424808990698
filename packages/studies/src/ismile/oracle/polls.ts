import { DateTime } from 'luxon';

const serverZone = 'America/Los_Angeles';
const weekendTimes = ['03:04', '07:04', '11:04', '15:04', '19:04', '23:04'];

/** studies.md §1.4: every quarter of an hour from 05:00 to 22:45 on weekdays, six times a day on weekends, Pacific. */
export function pollInstants(from: string, to: string): number[] {
  const instants: number[] = [];
  const end = Date.parse(to);
  const first = DateTime.fromISO(from, { zone: serverZone });
  for (let day = first.startOf('day'); day.toMillis() <= end; day = day.plus({ days: 1 })) {
    for (const time of day.weekday <= 5 ? weekdayTimes() : weekendTimes) {
      const [hour, minute] = time.split(':').map(Number);
      instants.push(day.set({ hour, minute }).toMillis());
    }
  }
  return instants.filter((instant) => instant >= first.toMillis() && instant <= end);
}

function weekdayTimes(): string[] {
  const times: string[] = [];
  for (let hour = 5; hour <= 22; hour += 1)
    for (const minute of ['00', '15', '30', '45']) times.push(`${hour}:${minute}`);
  return times;
}
