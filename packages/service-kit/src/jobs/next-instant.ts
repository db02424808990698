import { CronExpressionParser, type CronExpression } from 'cron-parser';
import { IANAZone } from 'luxon';
import type { Schedule } from '../bindings/binding';

const parsed = new Map<string, CronExpression>();

function expression({ cron, zone }: Schedule): CronExpression {
  const key = `${zone} ${cron}`;
  let known = parsed.get(key);
  if (known === undefined) {
    known = CronExpressionParser.parse(cron, { tz: zone });
    parsed.set(key, known);
  }
  return known;
}

/** Whether this is a cron expression (5 or 6 fields) in an IANA zone. */
export function isSchedule(cron: string, zone: string): boolean {
  if (!IANAZone.isValidZone(zone) || cron.trim().split(/\s+/).length < 5) return false;
  try {
    CronExpressionParser.parse(cron, { tz: zone });
    return true;
  } catch {
    return false;
  }
}

const lookBackMs = 3 * 3_600_000;

/**
 * The first instant after `after` at which one of the schedules is due; null without schedules. Where clocks go back, an
 * hour that is named in the schedule counts once, the first time it passes; `*` hours go on through both. Where clocks go
 * forward, what falls into the gap is due as much later as the clock jumped.
 */
export function nextInstant(schedules: readonly Schedule[], after: Date): Date | null {
  let first: Date | null = null;
  for (const schedule of schedules) {
    const next = nextOf(schedule, after);
    if (first === null || next < first) first = next;
  }
  return first;
}

function nextOf(schedule: Schedule, after: Date): Date {
  const cron = expression(schedule);
  const zone = IANAZone.create(schedule.zone);
  const before = after.getTime() - lookBackMs;
  // Asked from within the repeated hour, cron-parser does not know that the hour has passed once; so start before it.
  const repeated = zone.offset(before) > zone.offset(after.getTime());
  cron.reset(repeated ? new Date(before) : after);
  for (;;) {
    const next = cron.next().toDate();
    if (next > after) return next;
  }
}

/** The last answer for each set of schedules: `/idle` asks the same again and again, and zones are costly to reckon with. */
const lastAnswers = new WeakMap<readonly Schedule[], { from: number; next: Date | null }>();

/** The first due instant at or after `from`. */
export function nextInstantFrom(schedules: readonly Schedule[], from: Date): Date | null {
  const last = lastAnswers.get(schedules);
  if (last?.from === from.getTime()) return last.next;
  const next = nextInstant(schedules, new Date(from.getTime() - 1));
  lastAnswers.set(schedules, { from: from.getTime(), next });
  return next;
}
