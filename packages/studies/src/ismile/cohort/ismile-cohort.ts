import type { DateTime } from 'luxon';
import type { Cohort, TimelineAction } from '../../define-cohort';
import { buildProjectXml, type XmlRecord } from '../../project-xml';
import { projectFiles } from '../project-data';
import { study } from '../study';
import { clinicTime, span, weekdays } from './clinic-time';
import { People } from './people';
import { seededRandom, type Random } from './random';
import { situations, type Situation } from './situations';
import { Story, type StoryBook } from './story';
import { tellSurveys } from './surveys';

/** Families come in from the first day until so late that the usual story still ends within the span. */
const days = weekdays('2018-08-27', '2018-10-26');
/** Seeded situations begin within this part of those days. */
const seededPart = 0.7;
const hours = [9, 10, 11, 13];
/** Of the usual families, so many were screened before the start. */
const screenedBefore = 0.3;
const surveys = {
  baseline_survey: 'Baseline Survey',
  survey_2m: '2 Month Survey',
  survey_4m: '4 Month Survey',
  survey_12m: '12 Month Survey',
  survey_24m: '24 Month Survey',
};

/** Of a cohort too small for every situation, so many of its families are seeded with one. */
const seededPartOfFew = 0.5;

/**
 * iSMILE's fictional cohort (studies.md §8): so many consented pairs at the end (at most 850), the seeded situations among
 * them, the same in every call. With 850 pairs every situation comes seven times; with fewer than 120 there is one each of
 * some of them. Another `seed` gives other families and another order.
 */
export function ismileCohort({ pairs, seed = 0 }: { pairs: number; seed?: number }): Cohort {
  const random = seededRandom(20_180_827 + pairs + seed * 1_009);
  const book: StoryBook = { random, people: new People(random, pairs), stories: [], handsets: new Map() };
  tellAll(book, pairs);
  const screenedOnly = tellScreenedOnly(book, Math.max(1, Math.round(pairs / 15)));
  tellSurveys(book, { times: Math.max(1, Math.floor(pairs / 120)), seed });

  const numbers = giveNumbers(book.stories);
  const numberOf = (story: Story): string => numbers.get(story) ?? '';
  const timeline = [
    correctionBeforeOpening(numberOf(screenedOnly)),
    ...book.stories.flatMap((story) => story.actions.map((draft) => draft(numberOf))),
  ];
  return {
    id: seed === 0 ? `ismile-${pairs}` : `ismile-${pairs}-${seed}`,
    study: 'ismile',
    projectXml: buildProjectXml({
      title: study.projects.main.title,
      files: projectFiles,
      createdAt: '2018-08-26T23:30:00',
      records: recordsAtStart(book.stories, numberOf),
      surveys,
    }),
    startAt: span.start,
    endAt: span.end,
    serverZone: span.serverZone,
    timeline: timeline.sort((a, b) => a.at.localeCompare(b.at)),
    handsets: [...book.handsets].map(([mobile, line]) => ({ mobile, line })),
    situations: book.stories.flatMap((story) =>
      story.labels.map((name) => ({ name, record: story.finalNumber(numberOf(story)) })),
    ),
  };
}

/** Deals the seeded situations among the first part of the places, and fills the rest with the usual story. */
function tellAll(book: StoryBook, pairs: number): void {
  const { random } = book;
  const seeded = pairs < 120 ? someSituations(random, pairs) : everySituation(Math.floor(pairs / 120));
  const extra = seeded.reduce((sum, situation) => sum + (situation.pairs ?? 1) - 1, 0);
  const places = pairs - extra;
  const dealt = new Map<number, Situation>();
  const early = random.shuffle(Array.from({ length: Math.floor(places * seededPart) }, (_, place) => place));
  seeded.forEach((situation, index) => dealt.set(early[index] as number, situation));
  for (let place = 0; place < places; place += 1) {
    const day = days[Math.floor((place / places) * days.length)] as string;
    const now = clinicTime(day, hours[place % hours.length] as number, random.between(3, 40));
    const situation = dealt.get(place);
    if (situation) situation.tell(book, now);
    else tellUsual(book, now);
  }
}

function everySituation(times: number): Situation[] {
  return situations.flatMap((situation) => Array.from({ length: situation.count * times }, () => situation));
}

function someSituations(random: Random, pairs: number): Situation[] {
  let left = Math.floor(pairs * seededPartOfFew);
  return random.shuffle([...situations]).filter((situation) => (left -= situation.pairs ?? 1) >= 0);
}

function tellUsual(book: StoryBook, now: DateTime): void {
  const story = new Story(book, now);
  if (book.random.next() < screenedBefore) screenBefore(story);
  story.active();
}

function screenBefore(story: Story, eligible = true): void {
  const { now } = story;
  story.on('2018-08-21', 10).held('screening_arm_1', 'eligibility', story.eligibility(eligible));
  story.now = now;
}

/** Families that were screened and never consent. */
function tellScreenedOnly(book: StoryBook, count: number): Story {
  const stories = Array.from({ length: count }, (_, index) => {
    const story = new Story(book, clinicTime('2018-08-21', 10, 0)).label('screened-only');
    screenBefore(story, index % 2 === 0);
    return story;
  });
  return stories[0] as Story;
}

/** Before the clinics open on the first day, so that the first poll of the day has something to see and is a baseline. */
function correctionBeforeOpening(record: string): TimelineAction {
  const at = clinicTime('2018-08-27', 7, 41).toUTC().toISO() as string;
  return {
    at,
    do: 'save',
    record,
    event: 'screening_arm_1',
    instrument: 'eligibility',
    values: { screen_date: '2018-08-22' },
    user: 'coordinator',
  };
}

/** As REDCap's auto-numbering: who was there at the start first, then in the order of the first save. */
function giveNumbers(stories: readonly Story[]): Map<Story, string> {
  const own = stories.filter((story) => story.sameNumberAs === null);
  const order = [
    ...own.filter((story) => story.history.length > 0),
    ...own.filter((story) => story.history.length === 0).sort((a, b) => a.begins.localeCompare(b.begins)),
  ];
  const numbers = new Map(order.map((story, index) => [story, String(index + 1)]));
  for (const story of stories) {
    if (story.sameNumberAs) numbers.set(story, numbers.get(story.sameNumberAs) ?? '');
  }
  return numbers;
}

function recordsAtStart(stories: readonly Story[], numberOf: (story: Story) => string): XmlRecord[] {
  return stories
    .filter((story) => story.history.length > 0)
    .map((story) => ({ record: numberOf(story), rows: story.history }))
    .sort((a, b) => Number(a.record) - Number(b.record));
}
