import { DateTime } from 'luxon';

/** When a message may leave. */
export interface SendTimes {
  /** IANA zone of the participant: wall times and days are its. */
  zone: string;
  /** Wall times `HH:MM`; null = at any hour. */
  window: { from: string; to: string } | null;
  /** `YYYY-MM-DD`, inclusive; null = no bound. */
  firstDay: string | null;
  lastDay: string | null;
  notBefore: Date | null;
  expiresAt: Date;
}

/** The span in which an instant falls, or the start of the next; null when there is none any more. */
export type Opening = { open: true; until: Date } | { open: false; next: Date | null };

/**
 * Whether a message may leave at an instant. Every day's window is made of that day's wall times, so the nights in which clocks
 * change move nothing (a wall time that a night leaves out counts as the moment after the gap).
 */
export function openingAt(times: SendTimes, now: Date): Opening {
  const { zone, window, firstDay, lastDay, notBefore, expiresAt } = times;
  if (now >= expiresAt) return { open: false, next: null };
  if (window === null) return withoutHours(times, now);
  const from = notBefore !== null && notBefore > now ? notBefore : now;
  let day = DateTime.fromJSDate(from, { zone }).startOf('day');
  if (firstDay !== null) {
    const first = DateTime.fromISO(firstDay, { zone });
    if (first > day) day = first;
  }
  // Two days are enough: today's window may be over, tomorrow's is not.
  for (let tries = 0; tries < 3; tries += 1, day = day.plus({ days: 1 })) {
    const name = day.toFormat('yyyy-MM-dd');
    if (lastDay !== null && name > lastDay) break;
    const [start, end] = spanOf(day, window);
    const opens = latest(start, notBefore);
    const closes = end < expiresAt ? end : expiresAt;
    if (closes <= opens || closes <= now) continue;
    return opens <= now ? { open: true, until: closes } : { open: false, next: opens };
  }
  return { open: false, next: null };
}

function withoutHours({ zone, firstDay, lastDay, notBefore, expiresAt }: SendTimes, now: Date): Opening {
  const dayOf = (name: string): DateTime => DateTime.fromISO(name, { zone });
  const opens = latest(firstDay === null ? new Date(0) : dayOf(firstDay).toJSDate(), notBefore);
  const end = lastDay === null ? expiresAt : dayOf(lastDay).plus({ days: 1 }).toJSDate();
  const closes = end < expiresAt ? end : expiresAt;
  if (closes <= opens || closes <= now) return { open: false, next: null };
  return opens <= now ? { open: true, until: closes } : { open: false, next: opens };
}

/** `YYYY-MM-DD` of an instant in a zone. */
export function dayIn(zone: string, at: Date): string {
  return DateTime.fromJSDate(at, { zone }).toFormat('yyyy-MM-dd');
}

/** The end of the window on the day of an instant: what "give up at a closed window" is measured by. */
export function windowEndOf(times: Pick<SendTimes, 'zone' | 'window'>, at: Date): Date {
  return spanOf(DateTime.fromJSDate(at, { zone: times.zone }).startOf('day'), times.window)[1];
}

function spanOf(day: DateTime, window: SendTimes['window']): [Date, Date] {
  if (window === null) return [day.toJSDate(), day.plus({ days: 1 }).toJSDate()];
  return [atWallTime(day, window.from), atWallTime(day, window.to)];
}

function atWallTime(day: DateTime, text: string): Date {
  const [hour = 0, minute = 0] = text.split(':').map(Number);
  // 24:00 is the next midnight.
  return hour === 24 ? day.plus({ days: 1 }).toJSDate() : day.set({ hour, minute }).toJSDate();
}

function latest(at: Date, other: Date | null): Date {
  return other !== null && other > at ? other : at;
}
