import { DateTime } from 'luxon';
import type { Cohort, TimelineAction } from '../../define-cohort';
import { pollInstants } from './polls';
import { readRecords, type Values } from './read-records';

/** One survey invitation as it should have gone out. */
export interface ExpectedInvitation {
  record: string;
  purpose: 'survey-2m' | 'survey-4m';
  attempt: number;
  language: 'en' | 'es';
  /** `YYYY-MM-DD` in Boston. */
  day: string;
  /** E.164. */
  mobile: string;
  outcome: 'delivered' | 'undelivered';
  /** Where its row of the SMS log stands. */
  event: string;
  instance: number;
}

/** How a cohort's messages should end. */
export interface ExpectedMessages {
  /** In order of time, then of record. */
  invitations: ExpectedInvitation[];
  delivered: number;
  undelivered: number;
  byLanguage: Record<'en' | 'es', number>;
  /** Records whose 2- or 4-month survey is complete at the end. */
  surveysComplete: number;
  /** Numbers that sent STOP to the study's number. */
  optedOut: string[];
  /** Records of families that asked in their own words not to be texted: a person decides. */
  askedToStop: string[];
  /** Texts to the study's number that are neither: each waits for somebody to read it. */
  repliesWaiting: number;
  /** Numbers found not to take texts. */
  flagged: string[];
}

/** One record number's present life, as REDCap holds it and as the last poll saw it. */
interface Family {
  values: Values;
  seen: Values;
  /** Consented before the start: nothing goes out by itself. */
  baseline: boolean;
  /** Days of texts by hand, by log event and instance. */
  byHand: Map<string, string>;
  sent: Map<string, { count: number; at: number }>;
}

const hour = 3_600_000;
const surveys = [
  { purpose: 'survey-2m', months: 2, closes: 21, done: 'survey_2m_complete', event: '2_month_arm_' },
  { purpose: 'survey-4m', months: 4, closes: 28, done: 'survey_4m_complete', event: '4_month_arm_' },
] as const;

/**
 * Which survey invitations a cohort should have brought, computed from its XML and timeline alone and written from
 * studies.md §1.5: no code in common with the campaign, so that the two can be compared.
 */
export function messageOracle(cohort: Cohort): ExpectedMessages {
  const families = new Map<string, Family>();
  for (const [record, values] of readRecords(cohort.projectXml)) {
    families.set(record, { ...newFamily(), values, seen: { ...values }, baseline: has(values.part_consent_date) });
  }
  const world = new Messages(families, new Map(cohort.handsets.map(({ mobile, line }) => [mobile, line])));
  const steps: { at: number; order: number; step: () => void }[] = [
    ...cohort.timeline.map((action) => ({ at: Date.parse(action.at), order: 0, step: () => world.happen(action) })),
    ...pollInstants(cohort.startAt, cohort.endAt).map((at) => ({ at, order: 1, step: () => world.poll() })),
    ...runInstants(cohort.startAt, cohort.endAt).map((at) => ({ at, order: 2, step: () => world.run(at) })),
  ];
  steps.sort((a, b) => a.at - b.at || a.order - b.order);
  for (const { step } of steps) step();
  // when the timeline is over every job runs once more
  world.poll();
  world.run(Date.parse(cohort.endAt));
  return world.summary();
}

class Messages {
  private readonly invitations: ExpectedInvitation[] = [];
  private readonly optedOut = new Set<string>();
  private readonly askedToStop = new Set<Family>();
  private readonly flagged = new Set<string>();
  private replies = 0;

  constructor(
    private readonly families: Map<string, Family>,
    private readonly lines: ReadonlyMap<string, string>,
  ) {}

  happen(action: TimelineAction): void {
    if (action.do === 'save') return this.save(action);
    if (action.do === 'delete-record') this.families.delete(action.record);
    if (action.do === 'rename-record') {
      const family = this.families.get(action.record);
      this.families.delete(action.record);
      if (family) this.families.set(action.to, family);
    }
    // a text without a receiver goes to the texting partner
    if (action.do === 'text' && action.to !== undefined) this.reply(action.mobile, action.body);
  }

  poll(): void {
    for (const family of this.families.values()) family.seen = { ...family.values };
  }

  run(now: number): void {
    const today = dayInBoston(now);
    for (const [record, family] of [...this.families].sort(([a], [b]) => Number(a) - Number(b))) {
      for (const survey of surveys) this.invite(record, family, survey, today, now);
    }
  }

  summary(): ExpectedMessages {
    const count = (holds: (each: ExpectedInvitation) => boolean): number => this.invitations.filter(holds).length;
    return {
      invitations: this.invitations,
      delivered: count((each) => each.outcome === 'delivered'),
      undelivered: count((each) => each.outcome === 'undelivered'),
      byLanguage: { en: count((each) => each.language === 'en'), es: count((each) => each.language === 'es') },
      surveysComplete: [...this.families.values()].filter(({ values }) =>
        surveys.some((survey) => values[survey.done] === '2'),
      ).length,
      optedOut: [...this.optedOut].sort(),
      askedToStop: [...this.families].filter(([, family]) => this.askedToStop.has(family)).map(([record]) => record),
      repliesWaiting: this.replies,
      flagged: [...this.flagged].sort(),
    };
  }

  private save(action: Extract<TimelineAction, { do: 'save' }>): void {
    const family = this.families.get(action.record) ?? newFamily();
    this.families.set(action.record, family);
    if (action.instrument !== 'sms_survey_log') {
      Object.assign(family.values, action.values);
      return;
    }
    const on = action.values.txt_manual_date;
    if (on !== undefined) family.byHand.set(`${action.event}/${action.instance ?? 1}`, on);
  }

  private reply(mobile: string, body: string): void {
    if (body.trim().toUpperCase() === 'STOP') {
      this.optedOut.add(mobile);
    } else if (/\bstop\b/i.test(body)) {
      for (const family of this.families.values()) {
        if (e164(family.values.part_mobile_number) === mobile) this.askedToStop.add(family);
      }
    } else {
      this.replies += 1;
    }
  }

  private invite(record: string, family: Family, survey: (typeof surveys)[number], today: string, now: number): void {
    const { seen } = family;
    const mobile = e164(seen.part_mobile_number);
    const anchor = seen.rand_date ?? '';
    if (family.baseline || mobile === null || !mayBeTexted(seen) || !has(seen.rand_arm) || anchor === '') return;
    if (this.optedOut.has(mobile) || this.askedToStop.has(family) || this.flagged.has(mobile)) return;
    const target = monthsAfter(anchor, survey.months);
    if (seen[survey.done] === '2' || today < target || today > daysAfter(target, survey.closes)) return;

    const event = `${survey.event}${seen.rand_arm}`;
    const byHand = [...family.byHand].filter(([place]) => place.startsWith(`${event}/`));
    const sent = family.sent.get(survey.purpose) ?? { count: 0, at: -Infinity };
    const attempts = Math.max(sent.count, ...byHand.map(([place]) => Number(place.split('/')[1])));
    const waits = [0, 3, 7][attempts];
    if (waits === undefined || today < daysAfter(target, waits) || now - sent.at < 48 * hour) return;
    if (byHand.some(([, on]) => on >= daysAfter(today, -2))) return;

    const attempt = attempts + 1;
    family.sent.set(survey.purpose, { count: attempt, at: now });
    const outcome = this.lines.get(mobile) === 'landline' ? 'undelivered' : 'delivered';
    if (outcome === 'undelivered') this.flagged.add(mobile);
    const language = seen.part_lang === '2' ? 'es' : 'en';
    const { purpose } = survey;
    this.invitations.push({
      record,
      purpose,
      attempt,
      language,
      day: today,
      mobile,
      outcome,
      event,
      instance: attempt,
    });
  }
}

function newFamily(): Family {
  return { values: {}, seen: {}, baseline: false, byHand: new Map(), sent: new Map() };
}

function mayBeTexted(values: Values): boolean {
  return (
    has(values.part_consent_date) &&
    values.part_withdrawn !== '1' &&
    values.part_mobile_ok_to_text === '1' &&
    has(values.part_lang)
  );
}

function has(value: string | undefined): boolean {
  return (value ?? '').trim() !== '';
}

/** The North American plan: area code and exchange begin with 2 to 9, and no area code is N11. */
function e164(text = ''): string | null {
  const digits = text.replace(/[^0-9]/g, '').replace(/^1(?=\d{10}$)/, '');
  return /^[2-9]\d{2}[2-9]\d{6}$/.test(digits) && !/^\d11/.test(digits) ? `+1${digits}` : null;
}

/** Every day at 13:50 in California (studies.md §1.4). */
function runInstants(from: string, to: string): number[] {
  const instants: number[] = [];
  const first = DateTime.fromISO(from, { zone: 'America/Los_Angeles' }).set({ hour: 13, minute: 50 });
  for (let at = first; at.toMillis() <= Date.parse(to); at = at.plus({ days: 1 })) instants.push(at.toMillis());
  return instants.filter((instant) => instant >= Date.parse(from));
}

function dayInBoston(instant: number): string {
  return new Intl.DateTimeFormat('en-CA', { timeZone: 'America/New_York' }).format(instant);
}

function daysAfter(date: string, days: number): string {
  return new Date(Date.parse(date) + days * 24 * hour).toISOString().slice(0, 10);
}

/** The same day of a later month, or that month's last. */
function monthsAfter(date: string, months: number): string {
  const [year, month, day] = date.split('-').map(Number) as [number, number, number];
  const last = new Date(Date.UTC(year, month - 1 + months + 1, 0)).getUTCDate();
  return new Date(Date.UTC(year, month - 1 + months, Math.min(day, last))).toISOString().slice(0, 10);
}
