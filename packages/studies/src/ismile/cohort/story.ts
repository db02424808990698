import type { Row } from '@studybridge/contracts';
import type { DateTime } from 'luxon';
import type { FaultSpec, Handset, TimelineAction } from '../../define-cohort';
import { clinicTime, isoDate, nextPoll, weekdaysLater } from './clinic-time';
import { written, type Family, type People } from './people';
import type { Random } from './random';

type Values = Record<string, string>;
/** A timeline action whose record number is not given out yet. */
type Drafted = (number: (story: Story) => string) => TimelineAction;

/** What all stories share. */
export interface StoryBook {
  random: Random;
  people: People;
  stories: Story[];
  handsets: Map<string, Handset['line']>;
}

/** Who saves, where it is not the clinic's research assistant, and into which repeat instance. */
interface SavedBy {
  user?: string;
  instance?: number;
}

const researchAssistants = ['ra_boston', 'ra_dothouse', 'ra_codman', 'ra_southend'];
const minutesToOptInText = 5;

/**
 * What happens to one family, told step by step on the clinic's clock: every step moves the clock on, and is remembered as
 * a timeline action. A step that is told before `begins` is what REDCap already holds at the start.
 */
export class Story {
  readonly family: Family;
  readonly labels: string[] = [];
  /** What REDCap holds of the family at the start. */
  readonly history: Row[] = [];
  readonly actions: Drafted[] = [];
  /** How the family stands after the last step, for what comes two months later; null = not randomised, withdrawn or deleted. */
  follow: { arm: string; randomizedOn: string } | null = null;
  /** The story whose record number is used again. */
  sameNumberAs: Story | null = null;
  /** The last instant something was saved in REDCap. */
  private savedAt: DateTime;
  private renamedTo: ((number: string) => string) | null = null;

  constructor(
    private readonly book: StoryBook,
    /** The clinic's clock of this story. */
    public now: DateTime,
    changes: Partial<Family> = {},
  ) {
    const family = book.people.family();
    this.family = { ...family, ...changes };
    this.savedAt = now;
    this.handset('mobile');
    book.stories.push(this);
  }

  label(...names: string[]): this {
    this.labels.push(...names);
    return this;
  }

  /** The kind of line behind the family's present number. */
  handset(line: Handset['line']): this {
    this.book.handsets.set(this.family.mobile, line);
    return this;
  }

  /** The first instant something happens, ISO UTC. */
  get begins(): string {
    return this.actions[0]?.(() => '').at ?? '';
  }

  // ---- time

  minutes(low: number, high = low): this {
    this.now = this.now.plus({ minutes: this.book.random.between(low, high) });
    return this;
  }

  /** So many weekdays later at `hour`, some minutes past. */
  days(count: number, hour?: number): this {
    const day = weekdaysLater(this.now, count);
    this.now = clinicTime(isoDate(day), hour ?? this.book.random.between(9, 15), this.book.random.between(1, 50));
    return this;
  }

  on(date: string, hour: number): this {
    this.now = clinicTime(date, hour, this.book.random.between(1, 50));
    return this;
  }

  /** The day of the step, `YYYY-MM-DD`. */
  get today(): string {
    return isoDate(this.now);
  }

  // ---- REDCap

  save(
    event: string,
    instrument: string,
    values: Values,
    { user = researchAssistants[Number(this.family.site) - 1] ?? 'coordinator', instance }: SavedBy = {},
  ): this {
    const at = instant(this.now);
    const renamedTo = this.renamedTo;
    this.savedAt = this.now;
    this.actions.push((number) => {
      const own = number(this);
      const record = renamedTo ? renamedTo(own) : own;
      return { at, do: 'save', record, event, instrument, ...(instance ? { instance } : {}), values, user };
    });
    return this;
  }

  /** As `save`, but long ago: REDCap holds it at the start. */
  held(event: string, instrument: string, values: Values): this {
    const row = this.history.find((known) => known.event === event && known.instrument === instrument);
    if (row) Object.assign(row.values, values);
    else this.history.push({ event, instrument, instance: 0, values });
    return this;
  }

  eligibility(eligible = true): Values {
    return {
      screen_date: this.today,
      elig_guardian: '1',
      elig_child_age: eligible ? '1' : '0',
      elig_clinic_patient: '1',
      elig_reads: '1',
      elig_has_mobile: '1',
      elig_malformation: '0',
      elig_exam_possible: '1',
      eligible: eligible ? '1' : '0',
      eligibility_complete: '2',
    };
  }

  details(changes: Values = {}): Values {
    const { family } = this;
    return {
      part_first_name: family.firstName,
      part_last_name: family.lastName,
      part_gender: family.gender,
      part_lang: family.spanish ? '2' : '1',
      part_mobile_number: family.mobileText,
      part_mobile_ok_to_text: '1',
      part_email: family.email,
      child_first_name: family.childFirstName,
      child_gender: family.childGender,
      child_dob: family.childDob,
      site_id: family.site,
      participant_info_complete: '1',
      ...changes,
    };
  }

  survey(): Values {
    const { random } = this.book;
    return {
      bs_date: this.today,
      bs_brush_freq: String(random.between(1, 3)),
      bs_last_dental_visit: String(random.between(1, 4)),
      bs_bottle_bed: String(random.between(0, 1)),
      bs_topic_choice: String(random.between(1, 6)),
      baseline_survey_complete: '2',
    };
  }

  screened(): this {
    return this.save('screening_arm_1', 'eligibility', this.eligibility());
  }

  info(changes: Values = {}): this {
    return this.minutes(6, 11).save('baseline_arm_1', 'participant_info', this.details(changes));
  }

  /** A few fields of the participant form, corrected or added. */
  corrected(values: Values): this {
    return this.save('baseline_arm_1', 'participant_info', values);
  }

  consented(): this {
    const values = { part_consent_date: isoDate(this.now), participant_info_complete: '2' };
    return this.minutes(5, 9).corrected(values);
  }

  surveyed(): this {
    return this.minutes(9, 17).save('baseline_arm_1', 'baseline_survey', this.survey());
  }

  /** Begun, and left half-way. */
  surveyBegun(): this {
    const { baseline_survey_complete: _complete, bs_topic_choice: _topic, ...begun } = this.survey();
    return this.save('baseline_arm_1', 'baseline_survey', { ...begun, baseline_survey_complete: '0' });
  }

  /** The whole first visit, ready for the partner at its end; screened before or not. */
  enrolled(changes: Values = {}): this {
    if (this.history.length === 0) this.screened();
    return this.info(changes).consented().surveyed();
  }

  randomized(arm: '2' | '3' = this.book.random.pick(['2', '3'])): this {
    this.follow = { arm, randomizedOn: this.today };
    return this.save('baseline_arm_1', 'randomization', {
      rand_arm: arm,
      rand_date: this.today,
      randomization_complete: '2',
    });
  }

  /** Enrolled, answered and randomised, the same or one of the next days: the programme runs. */
  active(arm?: '2' | '3'): this {
    const { random } = this.book;
    this.enrolled();
    if (random.next() < 0.5) return this.minutes(20, 60).randomized(arm).answers();
    return this.answers().days(random.between(1, 3)).randomized(arm);
  }

  withdrawn(): this {
    this.follow = null;
    return this.corrected({ part_withdrawn: '1', part_withdrawn_date: this.today });
  }

  /** Another number; the handset and the family's number change with it. Null = one that nobody has. */
  newNumber(mobile: string | null = null): this {
    this.family.mobile = mobile ?? this.book.people.mobile();
    this.family.mobileText = written(this.family.mobile, this.book.random.between(0, 3));
    if (mobile === null) this.handset('mobile');
    return this.corrected({ part_mobile_number: this.family.mobileText });
  }

  deleted(): this {
    this.follow = null;
    const at = instant(this.now);
    this.actions.push((number) => ({ at, do: 'delete-record', record: number(this), user: 'coordinator' }));
    return this;
  }

  renamed(to: (number: string) => string): this {
    const at = instant(this.now);
    this.actions.push((number) => {
      const own = number(this);
      return { at, do: 'rename-record', record: own, to: to(own), user: 'coordinator' };
    });
    this.renamedTo = to;
    return this;
  }

  /** The number under which the record ends. */
  finalNumber(number: string): string {
    return this.renamedTo ? this.renamedTo(number) : number;
  }

  // ---- the handset and the partner

  /** The caregiver answers the opt-in text; never before it can have come (the next poll, and the number check). */
  answers(body = this.family.spanish ? 'SI' : 'YES'): this {
    const earliest = nextPoll(this.savedAt).plus({ minutes: minutesToOptInText + 5 });
    const from = earliest > this.now ? earliest : this.now;
    this.now = from.plus({ minutes: this.book.random.between(3, 90) }).set({ second: 41 });
    return this.texts(body);
  }

  texts(body: string, mobile = this.family.mobile): this {
    const at = instant(this.now);
    this.actions.push(() => ({ at, do: 'text', mobile, body }));
    return this;
  }

  /** A text to another number than the partner's. */
  textsTo(to: string, body: string): this {
    const at = instant(this.now);
    const { mobile } = this.family;
    this.actions.push(() => ({ at, do: 'text', mobile, body, to }));
    return this;
  }

  partnerSets(status: string): this {
    const at = instant(this.now);
    const { mobile } = this.family;
    this.actions.push(() => ({ at, do: 'partner', mobile, status }));
    return this;
  }

  fault(target: 'redcap' | 'agile', fault: FaultSpec): this {
    const at = instant(this.now);
    this.actions.push(() => ({ at, do: 'fault', target, fault }));
    return this;
  }
}

function instant(at: DateTime): string {
  return at.toUTC().toISO({ suppressMilliseconds: false }) as string;
}
