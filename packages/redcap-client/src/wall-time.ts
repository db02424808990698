import { DateTime } from 'luxon';

const format = 'yyyy-MM-dd HH:mm:ss';

/** An instant as the wall time of a zone, `YYYY-MM-DD HH:MM:SS`. */
export function wallTime(instant: Date, zone: string): string {
  return DateTime.fromJSDate(instant, { zone }).toFormat(format);
}

/**
 * The wall time from which a range must begin so that nothing that happened from `begin` to `end` is missed. Where clocks
 * were set back in between, an hour's wall times come twice, and the later pass is smaller than what `begin` reads: the
 * range then begins at the first wall time after the change. (REDCap compares wall times, redcap-api.md §3.2.)
 */
export function earliestWallTime(begin: Date, end: Date, zone: string): string {
  const offset = (at: number) => DateTime.fromMillis(at, { zone }).offset;
  let earliest = wallTime(begin, zone);
  // Zones change at most a few times a year: look at every hour that could hold a change, then close in on it.
  const hour = 3_600_000;
  const last = Math.max(begin.getTime(), end.getTime());
  const first = Math.max(begin.getTime(), last - 40 * 24 * hour);
  for (let at = first; at < last; at += hour) {
    let low = at;
    let high = Math.min(at + hour, last);
    if (offset(high) >= offset(low)) continue;
    while (high - low > 1) {
      const middle = Math.floor((low + high) / 2);
      if (offset(middle) < offset(at)) high = middle;
      else low = middle;
    }
    const after = wallTime(new Date(high), zone);
    if (after < earliest) earliest = after;
  }
  return earliest;
}
