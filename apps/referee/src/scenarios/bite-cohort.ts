import { ismileCohort, oracle, type Cohort, type TimelineAction } from '@studybridge/studies';

/** After the last family came in, at instants at which nothing else happens. */
const correctedAt = ['2018-11-05T15:02:17.000Z', '2018-11-06T15:02:17.000Z', '2018-11-08T15:02:17.000Z'];

/** An instant between the second and the third correction, so that the second has long been worked. */
export const quietInstant = new Date('2018-11-07T20:00:00.000Z');

/**
 * A handful of families, one of which has its first name corrected three times at the end. Everything the bite
 * tests need is in it, and it is played in a few stops.
 */
export function biteCohort(): Cohort {
  const cohort = ismileCohort({ pairs: 3, seed: 2 });
  const record = oracle(cohort).records.find((one) => one.partnerStatus === 'ACTIVE')?.record;
  if (record === undefined) throw new Error('The cohort has no family in the programme; choose another seed.');
  const corrections = correctedAt.map((at, index): TimelineAction => ({
    at,
    do: 'save',
    record,
    event: 'baseline_arm_1',
    instrument: 'participant_info',
    values: { part_first_name: ['Anneliese', 'Annegret', 'Annette'][index] ?? '' },
    user: 'coordinator',
  }));
  return { ...cohort, timeline: [...cohort.timeline, ...corrections] };
}
