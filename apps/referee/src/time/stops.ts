import { pollInstants, type Cohort, type TimelineAction } from '@studybridge/studies';

/** From a poll to the moment a handset can have its opt-in text: the partner's number check, and a minute to spare. */
const untilAnswerableMs = 6 * 60_000;

/** What has happened to one family since its last stop, as far as the order of things matters. */
interface Line {
  /** The last instant something happened in REDCap that no stop has followed yet. */
  pendingSave: number | null;
  lastAt: number;
  record: string | null;
  /** The last thing was no plain save: what follows must not share a poll with it. */
  moved: boolean;
}

type Kept = Record<string, string>;

/**
 * The instants at which the world must stand still until the services have caught up: as few as possible, so that a study of
 * months is played in minutes, and so many that each family's things happen in the order in which the timeline tells them
 * (an answer comes after the opt-in text, a second number after the first was sent). Every stop is an instant of the study's
 * poll. Between two stops nothing is waited for; that is where services die and things are late. `daily`: one on every
 * morning, too, before the staff begin: a job that rests while nothing changes would pass over a night that is leapt over.
 */
export function stopsOf(cohort: Cohort, o: { daily: boolean; also?: readonly Date[] } = { daily: true }): Date[] {
  const polls = pollInstants(cohort.startAt, cohort.endAt);
  const stops = new Set<number>();
  let last = -Infinity;
  for (const { from, until } of needs(cohort).sort((a, b) => a.until - b.until)) {
    if (last >= from) continue;
    const poll = lastAtMost(polls, until);
    // Without a poll in between, the two are seen together however time is moved.
    if (poll === undefined || poll < from) continue;
    stops.add(poll);
    last = poll;
  }
  if (o.daily) for (const poll of mornings(polls)) stops.add(poll);
  for (const also of o.also ?? []) stops.add(also.getTime());
  const endAt = Date.parse(cohort.endAt);
  return [...[...stops].filter((at) => at < endAt).sort((a, b) => a - b), endAt].map((at) => new Date(at));
}

/** For each pair of happenings that must not be seen together: the span in which a stop has to lie. */
function needs(cohort: Cohort): { from: number; until: number }[] {
  const familyOf = families(cohort.timeline);
  const lines = new Map<string, Line>();
  const values = new Map<string, Kept>();
  const found: { from: number; until: number }[] = [];
  const [first, second] = cohort.timeline;
  // The first look is the baseline: it must not see what is to count as live.
  if (first && second) found.push({ from: Date.parse(first.at), until: Date.parse(second.at) - 1 });
  for (const action of cohort.timeline) {
    const family = familyOf(action);
    if (family === null) continue;
    const at = Date.parse(action.at);
    const record = 'record' in action ? action.record : null;
    const line = lines.get(family);
    const until = line && mustWait(line, action, values.get(record ?? '') ?? {}, at);
    if (line && until) found.push({ from: line.pendingSave ?? line.lastAt, until });
    if (action.do === 'save') values.set(action.record, { ...values.get(action.record), ...action.values });
    if (action.do === 'delete-record') values.delete(action.record);
    const isStaff = action.do === 'save' || action.do === 'delete-record' || action.do === 'rename-record';
    lines.set(family, {
      pendingSave: isStaff ? at : until ? null : (line?.pendingSave ?? null),
      lastAt: at,
      record: action.do === 'rename-record' ? action.to : (record ?? line?.record ?? null),
      moved: action.do === 'delete-record' || action.do === 'rename-record',
    });
  }
  return found;
}

/** By when at the latest a stop must have come before this action; null when none is needed. */
function mustWait(line: Line, action: TimelineAction, kept: Kept, at: number): number | null {
  switch (action.do) {
    case 'text':
    case 'partner':
      return line.pendingSave === null ? null : at - untilAnswerableMs;
    case 'delete-record':
    case 'rename-record':
      return at - 1;
    case 'save': {
      if (line.moved || line.record !== action.record) return at - 1;
      if (line.pendingSave === null) return null;
      const overwrites = Object.entries(action.values).some(
        ([field, value]) =>
          field === 'part_withdrawn' || (!field.endsWith('_complete') && kept[field] && kept[field] !== value),
      );
      return overwrites ? at - 1 : null;
    }
    case 'fault':
      return null;
  }
}

/** Which actions concern the same people: by record number, and by every mobile number that was ever written for it. */
function families(timeline: readonly TimelineAction[]): (action: TimelineAction) => string | null {
  const parents = new Map<string, string>();
  const root = (name: string): string => {
    const parent = parents.get(name);
    return parent === undefined ? name : root(parent);
  };
  const join = (one: string, other: string): void => {
    if (root(one) !== root(other)) parents.set(root(one), root(other));
  };
  for (const action of timeline) {
    if (action.do === 'rename-record') join(`record ${action.record}`, `record ${action.to}`);
    if (action.do !== 'save') continue;
    const digits = (action.values['part_mobile_number'] ?? '').replace(/\D/g, '').slice(-10);
    if (digits !== '') join(`record ${action.record}`, `mobile +1${digits}`);
  }
  return (action) => {
    if (action.do === 'fault') return null;
    return root('record' in action ? `record ${action.record}` : `mobile ${action.mobile}`);
  };
}

function lastAtMost(sorted: readonly number[], limit: number): number | undefined {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((sorted[middle] as number) <= limit) low = middle + 1;
    else high = middle;
  }
  return sorted[low - 1];
}

/** The studies' nightly jobs have all been due by then, and the first of the staff has not come yet (UTC, summer and winter). */
const morningHour = 12;

/** The first poll of each morning. */
function mornings(polls: readonly number[]): number[] {
  const days = new Map<string, number>();
  for (const poll of polls) {
    const at = new Date(poll);
    const day = at.toISOString().slice(0, 10);
    if (at.getUTCHours() >= morningHour && !days.has(day)) days.set(day, poll);
  }
  return [...days.values()];
}
