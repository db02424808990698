import { ismileCohort, pollInstants, type Cohort, type TimelineAction } from '@studybridge/studies';
import { stopsOf } from './stops';

const cohort = ismileCohort({ pairs: 120 });
const times = (of: Cohort, o?: { daily: boolean }): number[] => stopsOf(of, o).map((stop) => stop.getTime());

function told(timeline: TimelineAction[]): Cohort {
  return { ...cohort, timeline };
}
const save = (at: string, record: string, values: Record<string, string>): TimelineAction => ({
  at,
  do: 'save',
  record,
  event: 'baseline_arm_1',
  values,
  user: 'coordinator',
});

describe('the stops of a timeline', () => {
  it('lie on polls, in order, one on each day, and end with the study', () => {
    const stops = times(cohort);
    const polls = new Set(pollInstants(cohort.startAt, cohort.endAt));
    expect(stops).toEqual([...stops].sort((a, b) => a - b));
    expect(stops.at(-1)).toBe(Date.parse(cohort.endAt));
    for (const stop of stops.slice(0, -1)) expect(polls.has(stop)).toBe(true);
    expect(new Set(stops.map((stop) => new Date(stop).toISOString().slice(0, 10))).size).toBeGreaterThanOrEqual(74);
  });

  it('are far fewer than the instants at which something happens', () => {
    expect(times(cohort).length).toBeLessThan(cohort.timeline.length / 3);
  });

  it('let the opt-in text arrive before it is answered', () => {
    const stops = times(cohort);
    const lastSave = new Map<string, number>();
    let answers = 0;
    for (const action of cohort.timeline) {
      if (action.do === 'save' && action.values['part_mobile_number']) {
        const mobile = `+1${action.values['part_mobile_number'].replace(/\D/g, '').slice(-10)}`;
        lastSave.set(mobile, Date.parse(action.at));
      }
      if (action.do !== 'text' || action.body === 'STOP') continue;
      const saved = lastSave.get(action.mobile) ?? 0;
      expect(stops.some((stop) => stop >= saved && stop <= Date.parse(action.at) - 6 * 60_000)).toBe(true);
      answers += 1;
    }
    expect(answers).toBeGreaterThan(50);
  });

  it('come between two values of one field, and not between saves that only add', () => {
    const first = save('2018-09-03T14:00:17.000Z', '1', { part_first_name: 'Ana' });
    const adds = save('2018-09-03T15:00:17.000Z', '1', { part_last_name: 'Example' });
    const corrects = save('2018-09-03T16:00:17.000Z', '1', { part_first_name: 'Anna' });
    const other = save('2018-09-01T14:00:17.000Z', '9', {});
    const between = (one: TimelineAction, two: TimelineAction): number =>
      times(told([other, one, two]), { daily: false }).filter(
        (stop) => stop >= Date.parse(one.at) && stop < Date.parse(two.at),
      ).length;
    expect(between(first, adds)).toBe(0);
    expect(between(first, corrects)).toBe(1);
  });

  it('come between two families that want one number', () => {
    const one = save('2018-09-03T14:00:17.000Z', '1', { part_mobile_number: '(617) 555-0142' });
    const two = save('2018-09-03T16:00:17.000Z', '2', { part_mobile_number: '617.555.0142' });
    const early = save('2018-09-01T14:00:17.000Z', '9', {});
    const stops = times(told([early, one, two]), { daily: false });
    expect(stops.filter((stop) => stop >= Date.parse(one.at) && stop < Date.parse(two.at))).toHaveLength(1);
  });
});
