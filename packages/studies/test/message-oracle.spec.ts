import { readFileSync } from 'node:fs';
import path from 'node:path';
import { ismileCohort, ismileSurveyNumber, messageOracle, pollInstants, studyById, type Cohort } from '../src';
import { playCampaign } from './support/play-campaign';

const cohort = ismileCohort({ pairs: 120 });
const expected = messageOracle(cohort);
const study = studyById('ismile');
const playedInvitations = (of: Cohort) =>
  playCampaign(study, of, {
    polls: pollInstants(of.startAt, of.endAt),
    run: { hour: 13, minute: 50, zone: 'America/Los_Angeles' },
  }).map(({ record, message, language, day, mobile }) => ({
    record,
    purpose: message.purpose,
    attempt: Number(message.occurrence),
    language,
    day,
    mobile,
    ...message.log,
  }));

const of = (name: string) => {
  const records = cohort.situations.filter((situation) => situation.name === name).map(({ record }) => record);
  return expected.invitations
    .filter(({ record }) => records.includes(record))
    .map(({ day, attempt }) => `${day} ${attempt}`);
};

describe('the survey invitations of the cohort', () => {
  it('are these numbers of 120 pairs', () => {
    const { invitations, ...numbers } = expected;
    expect(invitations).toHaveLength(35);
    expect(new Set(invitations.map(({ record }) => record)).size).toBe(21);
    expect(numbers).toMatchObject({
      delivered: 33,
      undelivered: 2,
      byLanguage: { en: 22, es: 13 },
      surveysComplete: 10,
      repliesWaiting: 1,
    });
    expect([numbers.optedOut, numbers.askedToStop, numbers.flagged].map((list) => list.length)).toEqual([1, 1, 2]);
  });

  it('follow each habit', () => {
    expect(of('survey-stop')).toEqual(['2018-10-27 1']);
    expect(of('survey-asked-to-stop')).toHaveLength(1);
    // a question stops nothing
    expect(of('survey-question').length).toBeGreaterThan(1);
    expect(of('survey-begun').length).toBeGreaterThan(1);
    expect(of('survey-before-first')).toEqual([]);
    for (const record of cohort.situations.filter(({ name }) => name === 'survey-after-first')) {
      expect(expected.invitations.filter((each) => each.record === record.record).length).toBeLessThanOrEqual(1);
    }
    // the text by hand was the first attempt, in the first instance of the log
    const byHand = cohort.situations.find(({ name }) => name === 'survey-texted-by-hand')!.record;
    const after = expected.invitations.filter(({ record }) => record === byHand);
    expect(after[0]).toMatchObject({ attempt: 2, instance: 2 });
  });

  it('come on day 0, +3 and +7, at a month’s end on its last day', () => {
    const anchored = cohort.situations.filter(({ name }) => name === 'month-end-anchor').map(({ record }) => record);
    const days = expected.invitations.filter(({ record, attempt }) => anchored.includes(record) && attempt === 1);
    expect(days.map(({ day }) => day)).toEqual(['2018-10-31', '2018-10-31']);
  });

  it('go on for who left the texting partner’s programme, and not for who withdrew or waits as baseline', () => {
    const names = (name: string) => cohort.situations.filter((each) => each.name === name).map(({ record }) => record);
    const invited = new Set(expected.invitations.map(({ record }) => record));
    for (const record of [...names('withdrawal'), ...names('held:BASELINE_NOT_RELEASED')]) {
      expect(invited).not.toContain(record);
    }
    expect(cohort.timeline.some((action) => action.do === 'text' && action.to === ismileSurveyNumber)).toBe(true);
  });

  it('are those that the campaign finds, at every run, from the rows alone', () => {
    expect(playedInvitations(cohort)).toEqual(expected.invitations.map(({ outcome: _outcome, ...each }) => each));
    expect(cohort.timeline.length).toBeGreaterThan(0);
  });

  it.each([1, 2, 3])('are so in another world, too (seed %i)', (seed) => {
    const other = ismileCohort({ pairs: 60, seed });
    const found = messageOracle(other).invitations;
    expect(found.length).toBeGreaterThan(5);
    expect(playedInvitations(other)).toEqual(found.map(({ outcome: _outcome, ...each }) => each));
  });

  it('are computed without the campaign', () => {
    const text = readFileSync(path.join(__dirname, '../src/ismile/oracle/expected-messages.ts'), 'utf8');
    const imported = [...text.matchAll(/from '([^']+)'/g)].map((match) => match[1]);
    expect(imported).toEqual(['luxon', '../../define-cohort', './polls', './read-records']);
  });
});
