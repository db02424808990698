import { DateTime } from 'luxon';
import { settings } from './settings';

/** A visit that has a window. */
export type Visit = keyof typeof settings.windows;

/** Days as `YYYY-MM-DD`, all inclusive. */
export interface VisitWindow {
  target: string;
  opens: string;
  closes: string;
}

/** studies.md §1.5: so many calendar months after the anchor (`YYYY-MM-DD`), the day clamped to the month's end. */
export function visitWindow(anchor: string, visit: Visit): VisitWindow {
  const { months, opens, closes } = settings.windows[visit];
  const target = DateTime.fromISO(anchor, { zone: 'utc' }).plus({ months });
  return { target: day(target), opens: day(target.plus({ days: opens })), closes: day(target.plus({ days: closes })) };
}

/** So many days later, `YYYY-MM-DD`. */
export function daysAfter(date: string, days: number): string {
  return day(DateTime.fromISO(date, { zone: 'utc' }).plus({ days }));
}

const day = (date: DateTime): string => date.toFormat('yyyy-MM-dd');
