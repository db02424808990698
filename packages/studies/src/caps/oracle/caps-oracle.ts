import { DateTime } from 'luxon';
import type { Cohort, TimelineAction } from '../../define-cohort';
import { newVisit, readVisits, type Visit } from './read-visits';

/**
 * What the notebook does wrong (messaging.md §0) and shows in what it writes, or what a law forbids it to write. What it does
 * wrong when a call fails (another message's status, a lost SID, a form left at `attempting`), its logs in clear and its
 * missing caps need a provider to show.
 */
export const notebookDefects = {
  'test-number': 'A hard-coded number overrides the participant’s own.',
  'not-final': 'The status is asked once, after a second, and the form is marked complete whatever it says.',
  'no-number-check': 'A number that is missing or no number is not noticed.',
  'no-consent-check': 'Nobody asks for consent.',
  'no-opt-out-check': 'Who sent STOP is texted all the same.',
  'no-window-check': 'The exam may be as long ago as it likes, or have no date.',
  'no-dedup': 'Every run texts everybody again.',
  'manual-date': 'That staff texted by hand is not looked at.',
  'stale-cells': 'A blank overwrites nothing, so an older text’s error stays beside the new status.',
  'wrong-arm': 'An exam in another arm’s event counts, and its event is written to.',
  baseline: 'What was there before the start is texted about.',
} as const;
/** One of them. */
export type NotebookDefect = keyof typeof notebookDefects;

/** A row of the SMS log; SID, dates and timestamps are the provider's and the clock's, and not here. */
export interface CapsLogRow {
  record: string;
  event: string;
  /** 0 where the log does not repeat. */
  instance: number;
  txt_message: string;
  txt_mobile_number: string;
  txt_twilio_status: string;
  txt_twilio_error_code: string;
  txt_manual_date: string;
  sms_survey_log_complete: string;
}

/** How a cohort of the demo project should end. */
export interface CapsExpectation {
  /** What each phone should get, in order of time. */
  sent: { record: string; day: string; mobile: string; text: string; outcome: 'delivered' | 'undelivered' }[];
  /** Why nobody is written to of whom the notebook would have sent something, by record. */
  held: { record: string; reason: string }[];
  /** Every row that should stand in `sms_survey_log`, by record, event and instance. */
  rows: CapsLogRow[];
  /** What would stand there had the notebook run at the same instants. */
  notebook: CapsLogRow[];
  /** How many texts the notebook would have sent. */
  notebookTexts: number;
  /** Which of its defects make the difference, by record; nothing else may. */
  differences: { record: string; defects: NotebookDefect[] }[];
}

interface Life {
  visits: Map<string, Visit>;
  seen: Map<string, Visit>;
  /** The 6-month exam was complete before the start. */
  baseline: boolean;
  sent: boolean;
  /** The log as the notebook would have left it, by event. */
  notebook: Map<string, Record<string, string>>;
  notebookRuns: number;
}

const zone = 'America/Los_Angeles';
const day = 24 * 3_600_000;
const testNumber = '+15129202947';
const sixMonths = ['6_month_arm_2', '6_month_arm_3'];
const twelveMonths = ['12_month_arm_2', '12_month_arm_3'];

/**
 * The follow-up as the talk's notebook does it (studies.md §5b), run on every weekday at 10:30, and the same less its
 * defects: computed from the cohort's XML and timeline alone, without a line in common with the campaign.
 */
export function capsOracle(cohort: Cohort): CapsExpectation {
  const { repeating, records } = readVisits(cohort.projectXml);
  const lives = new Map<string, Life>();
  for (const [record, visits] of records) {
    const baseline = sixMonths.some((event) => visits.get(event)?.values.exam_complete === '2');
    const notebook = new Map(
      [...visits].flatMap(([event, { log }]) => [...log.values()].map((row) => [event, { ...row }])),
    );
    lives.set(record, { visits, seen: structuredClone(visits), baseline, sent: false, notebook, notebookRuns: 0 });
  }
  const lines = new Map(cohort.handsets.map(({ mobile, line }) => [mobile, line]));
  const world = new FollowUps(lives, lines, repeating);
  const steps = [
    ...cohort.timeline.map((action) => ({ at: Date.parse(action.at), order: 0, step: () => world.happen(action) })),
    ...instants(cohort, ['00', '15', '30', '45'], [7, 18]).map((at) => ({ at, order: 1, step: () => world.poll() })),
    ...instants(cohort, ['30'], [10, 10]).map((at) => ({ at, order: 2, step: () => world.run(at) })),
  ].sort((a, b) => a.at - b.at || a.order - b.order);
  for (const { step } of steps) step();
  // when the timeline is over every job runs once more
  world.poll();
  world.run(Date.parse(cohort.endAt));
  return world.summary();
}

class FollowUps {
  private readonly sent: CapsExpectation['sent'] = [];
  private readonly stopped = new Set<string>();
  private readonly held = new Map<string, string>();
  private readonly defects = new Map<string, Set<NotebookDefect>>();
  private texts = 0;

  constructor(
    private readonly lives: Map<string, Life>,
    private readonly lines: ReadonlyMap<string, string>,
    private readonly repeating: boolean,
  ) {}

  happen(action: TimelineAction): void {
    if (action.do === 'text' && action.body === 'STOP') this.stopped.add(action.mobile);
    if (action.do !== 'save') return;
    const life = this.lives.get(action.record);
    if (!life) throw new Error('The cohort makes no new records.');
    const visit = visitOf(life.visits, action.event);
    if (action.instrument !== 'sms_survey_log') {
      Object.assign(visit.values, action.values);
      return;
    }
    visit.log.set(action.instance ?? 0, { ...visit.log.get(action.instance ?? 0), ...action.values });
    life.notebook.set(action.event, { ...life.notebook.get(action.event), ...action.values });
  }

  poll(): void {
    for (const life of this.lives.values()) life.seen = structuredClone(life.visits);
  }

  run(now: number): void {
    const today = DateTime.fromMillis(now, { zone }).toFormat('yyyy-MM-dd');
    for (const [record, life] of this.lives) {
      const { seen } = life;
      const complete = (event: string): boolean => seen.get(event)?.values.exam_complete === '2';
      if (twelveMonths.some(complete)) continue;
      // a record with both arms' exams complete is twice in the notebook's list
      for (const event of sixMonths.filter(complete)) this.follow(record, life, event, today);
    }
  }

  summary(): CapsExpectation {
    const rows: CapsLogRow[] = [];
    const notebook: CapsLogRow[] = [];
    for (const [record, life] of this.lives) {
      for (const [event, { log }] of life.visits) {
        for (const [instance, values] of log) rows.push(rowOf(record, event, instance, values));
      }
      for (const [event, values] of life.notebook) {
        notebook.push(rowOf(record, event, this.repeating ? 1 : 0, values));
      }
    }
    return {
      sent: this.sent,
      held: [...this.held]
        .filter(([record]) => this.lives.get(record)?.sent === false)
        .map(([record, reason]) => ({ record, reason }))
        .sort((a, b) => Number(a.record) - Number(b.record)),
      rows: rows.sort(byPlace),
      notebook: notebook.sort(byPlace),
      notebookTexts: this.texts,
      differences: [...this.defects]
        .map(([record, defects]) => ({ record, defects: [...defects].sort() }))
        .sort((a, b) => Number(a.record) - Number(b.record)),
    };
  }

  /** One row of the notebook's list at one run. */
  private follow(record: string, life: Life, event: string, today: string): void {
    const name = life.seen.get('baseline_arm_1')?.values.part_first_name ?? '';
    const text = `Thanks ${name} for completing the 6 month exam. See you soon at your final visit`;
    this.texts += 1;
    life.notebookRuns += 1;
    this.differs(record, 'test-number');
    this.differs(record, 'not-final');
    if (life.notebookRuns > 1) this.differs(record, 'no-dedup');
    const before = life.notebook.get(event) ?? {};
    if (before.txt_twilio_error_code) this.differs(record, 'stale-cells');
    life.notebook.set(event, {
      ...before,
      txt_message: text,
      txt_mobile_number: testNumber,
      txt_twilio_status: 'queued',
      sms_survey_log_complete: '2',
    });
    if (life.sent) return;

    const mobile = e164(life.seen.get('baseline_arm_1')?.values.part_mobile_number);
    const against = this.against(life, event, mobile, today);
    if (against !== null) {
      this.differs(record, against.defect);
      this.held.set(record, against.reason);
      return;
    }
    life.sent = true;
    const outcome = this.lines.get(mobile ?? '') === 'landline' ? 'undelivered' : 'delivered';
    this.sent.push({ record, day: today, mobile: mobile ?? '', text, outcome });
    const { log } = visitOf(life.visits, event);
    const instance = this.repeating ? 1 + Math.max(0, ...log.keys()) : 0;
    log.set(instance, {
      ...log.get(instance),
      txt_message: text,
      txt_mobile_number: mobile ?? '',
      txt_twilio_status: outcome,
      txt_twilio_error_code: outcome === 'undelivered' ? '30006' : '',
      sms_survey_log_complete: '2',
    });
  }

  private against(
    life: Life,
    event: string,
    mobile: string | null,
    today: string,
  ): { defect: NotebookDefect; reason: string } | null {
    const info = life.seen.get('baseline_arm_1')?.values ?? {};
    const visit = visitOf(life.seen, event);
    if (life.baseline) return { defect: 'baseline', reason: 'BASELINE_NOT_RELEASED' };
    if (!event.endsWith(`_arm_${info.rand_color ?? ''}`)) return { defect: 'wrong-arm', reason: 'WRONG_ARM' };
    const visited = dateOf(visit.values.exam_visit_date);
    if (visited === null) return { defect: 'no-window-check', reason: 'VISIT_DATE_MISSING' };
    if (Date.parse(today) - visited > 30 * day) return { defect: 'no-window-check', reason: 'OUTSIDE_WINDOW' };
    if ([...visit.log.values()].some((row) => row.txt_manual_date)) {
      return { defect: 'manual-date', reason: 'TEXTED_BY_HAND' };
    }
    if (!info.part_consent_date) return { defect: 'no-consent-check', reason: 'CONSENT_MISSING' };
    if (!info.part_mobile_number) return { defect: 'no-number-check', reason: 'PHONE_MISSING' };
    if (mobile === null) return { defect: 'no-number-check', reason: 'PHONE_INVALID' };
    return this.stopped.has(mobile) ? { defect: 'no-opt-out-check', reason: 'OPTED_OUT' } : null;
  }

  private differs(record: string, defect: NotebookDefect): void {
    this.defects.set(record, (this.defects.get(record) ?? new Set()).add(defect));
  }
}

function rowOf(record: string, event: string, instance: number, values: Record<string, string>): CapsLogRow {
  const of = (field: string): string => values[field] ?? '';
  return {
    record,
    event,
    instance,
    txt_message: of('txt_message'),
    txt_mobile_number: of('txt_mobile_number'),
    txt_twilio_status: of('txt_twilio_status'),
    txt_twilio_error_code: of('txt_twilio_error_code'),
    txt_manual_date: of('txt_manual_date'),
    // REDCap shows a form that holds anything and has no status as incomplete
    sms_survey_log_complete: of('sms_survey_log_complete') || '0',
  };
}

function byPlace(a: CapsLogRow, b: CapsLogRow): number {
  return Number(a.record) - Number(b.record) || a.event.localeCompare(b.event) || a.instance - b.instance;
}

function visitOf(visits: Map<string, Visit>, event: string): Visit {
  const visit = visits.get(event) ?? newVisit();
  visits.set(event, visit);
  return visit;
}

function e164(text = ''): string | null {
  const digits = text.replace(/\D/g, '').replace(/^1(?=\d{10}$)/, '');
  return /^[2-9]\d{2}[2-9]\d{6}$/.test(digits) && !/^\d11/.test(digits) ? `+1${digits}` : null;
}

/** Year first, or as an American office writes it. */
function dateOf(text = ''): number | null {
  const american = /^(\d{1,2})\/(\d{1,2})\/(\d{4})$/.exec(text);
  const iso = american ? `${american[3]}-${american[1]?.padStart(2, '0')}-${american[2]?.padStart(2, '0')}` : text;
  return /^\d{4}-\d{2}-\d{2}$/.test(iso) ? Date.parse(iso) : null;
}

/** Weekdays between the cohort's start and end, at those minutes of those hours, in California. */
function instants(cohort: Cohort, minutes: string[], [first, last]: [number, number]): number[] {
  const found: number[] = [];
  const end = Date.parse(cohort.endAt);
  for (
    let date = DateTime.fromISO(cohort.startAt, { zone }).startOf('day');
    date.toMillis() < end;
    date = date.plus({ days: 1 })
  ) {
    if (date.weekday > 5) continue;
    for (let hour = first; hour <= last; hour += 1) {
      for (const minute of minutes) found.push(date.set({ hour, minute: Number(minute) }).toMillis());
    }
  }
  return found.filter((instant) => instant <= end);
}
