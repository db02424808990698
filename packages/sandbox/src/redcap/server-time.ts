import { DateTime } from 'luxon';

/** Wall time of the server: `YYYY-MM-DD HH:MM:SS`, the way REDCap keeps the times of its log. */
export function serverTime(at: Date, zone: string): string {
  return DateTime.fromJSDate(at, { zone }).toFormat('yyyy-MM-dd HH:mm:ss');
}

const instant = /^(\d{4})-(\d{1,2})-(\d{1,2})(?:[ T](\d{1,2}):(\d{1,2})(?::(\d{1,2}))?)?$/;

/** A client's `YYYY-MM-DD[ HH:MM[:SS]]` in the form of `serverTime`, so that texts compare as times; null when it is none. */
export function readServerTime(text: string): string | null {
  const match = instant.exec(text.trim());
  if (match === null) return null;
  const [, year, month, day, hour = '0', minute = '0', second = '0'] = match;
  const two = (part: string): string => part.padStart(2, '0');
  const valid = DateTime.fromObject(
    { year: +year!, month: +month!, day: +day!, hour: +hour, minute: +minute, second: +second },
    { zone: 'utc' },
  ).isValid;
  return valid ? `${year}-${two(month!)}-${two(day!)} ${two(hour)}:${two(minute)}:${two(second)}` : null;
}
