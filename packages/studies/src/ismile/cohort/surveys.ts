import { DateTime } from 'luxon';
import { clinicTime, isoDate, span, weekdaysLater } from './clinic-time';
import { seededRandom, type Random } from './random';
import type { Story, StoryBook } from './story';

/** The study's own number, from which the survey invitations come; families answer to it. */
export const surveyNumber = '+12025550110';

/** REDCap's own word for who filled in a survey. */
const respondent = '[survey respondent]';
/** In the morning or early afternoon: the invitations of the day go out in the late afternoon. */
const hours = [9, 10, 11, 13, 14];

/** What a family does about its 2-month survey, told from its target date on. */
type Habit = (survey: Survey) => void;

/** A family's 2-month survey. */
class Survey {
  constructor(
    readonly story: Story,
    readonly target: DateTime,
    private readonly arm: string,
    private readonly random: Random,
  ) {}

  /** The first weekday on or after so many days from the target. */
  on(days: number): this {
    const day = this.target.plus({ days });
    const weekday = day.weekday > 5 ? weekdaysLater(day, 1) : day;
    this.story.now = clinicTime(isoDate(weekday), this.random.pick(hours), this.random.between(1, 50));
    return this;
  }

  answered(status: '0' | '2' = '2'): void {
    const { random } = this;
    const values = {
      s2_date: this.story.today,
      s2_brush_freq: String(random.between(1, 3)),
      s2_texts_helpful: String(random.between(1, 4)),
      survey_2m_complete: status,
    };
    this.story.save(`2_month_arm_${this.arm}`, 'survey_2m', values, { user: respondent });
  }

  /** Staff texted the link themselves, after a call, and wrote down when: that was the first attempt. */
  textedByHand(): void {
    const values = { txt_manual_date: this.story.today };
    this.story.save(`2_month_arm_${this.arm}`, 'sms_survey_log', values, { user: 'coordinator', instance: 1 });
  }
}

/** One of each among 120 pairs, for families with nothing else to tell. */
const seeded: readonly [string, Habit][] = [
  ['survey-stop', (survey) => survey.on(1).story.textsTo(surveyNumber, 'STOP')],
  ['survey-asked-to-stop', (survey) => survey.on(1).story.textsTo(surveyNumber, 'please stop texting me')],
  ['survey-question', (survey) => survey.on(1).story.textsTo(surveyNumber, 'Is the visit still in December?')],
  ['survey-texted-by-hand', (survey) => survey.on(-2).textedByHand()],
  ['survey-begun', (survey) => survey.on(1).answered('0')],
];

/** The usual ones, in turn. REDCap's own e-mail brings some in before the first text. */
const usual: readonly [string, Habit][] = [
  ['survey-after-first', (survey) => survey.on(1).answered()],
  ['survey-never', () => undefined],
  ['survey-before-first', (survey) => survey.on(-3).answered()],
  ['survey-after-second', (survey) => survey.on(4).answered()],
  ['survey-never', () => undefined],
];

/**
 * The 2-month surveys that fall into the span. They have random numbers of their own, so that nothing of what was told
 * before depends on them.
 */
export function tellSurveys({ stories, handsets }: StoryBook, { times, seed }: { times: number; seed: number }): void {
  const random = seededRandom(20_181_027 + seed);
  const due = stories
    .flatMap((story) => {
      if (story.follow === null) return [];
      const { arm, randomizedOn } = story.follow;
      const target = clinicTime(randomizedOn, 9, 0).plus({ months: 2 });
      return isoDate(target) > span.end.slice(0, 10) ? [] : [new Survey(story, target, arm, random)];
    })
    .sort((a, b) => a.target.toMillis() - b.target.toMillis());
  const special = Array.from({ length: times }, () => seeded).flat();
  const turns = { special: 0, usual: 0 };
  for (const survey of due) {
    const { story } = survey;
    const isPlain = story.labels.length === 0 && handsets.get(story.family.mobile) === 'mobile';
    const [name, habit] =
      (isPlain ? special[turns.special++] : undefined) ?? (usual[turns.usual++ % usual.length] as [string, Habit]);
    story.label(name);
    const told = story.actions.length;
    habit(survey);
    // the world ends before some of it
    if (story.now > DateTime.fromISO(span.end)) story.actions.length = told;
  }
}
