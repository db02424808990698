import type { ReasonCode, Row } from '@studybridge/contracts';
import { MappingError } from '@studybridge/field-mapping';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { DateTime } from 'luxon';
import {
  capsCohort,
  capsOracle,
  notebookDefects,
  smsSegments,
  studyById,
  type CapsLogRow,
  type DueMessage,
  type MessagingDefinition,
  type NotebookDefect,
  type SentBefore,
} from '../src';
import { projectFiles } from '../src/caps/project-data';
import { playCampaign } from './support/play-campaign';

const study = studyById('caps');
const messaging = study.messaging as MessagingDefinition;
const campaign = messaging.campaigns[0]!;

interface Story {
  info?: Record<string, string>;
  color?: string;
  /** By event. */
  exams?: Record<string, Record<string, string>>;
  log?: [event: string, instance: number, values: Record<string, string>][];
}

/** Somebody whose 6-month exam was on 11 September. */
function person(story: Story = {}): Row[] {
  const row = (event: string, instrument: string, values: Record<string, string>, instance = 0): Row => ({
    event,
    instrument,
    instance,
    values,
  });
  const exams = story.exams ?? { '6_month_arm_2': { exam_complete: '2', exam_visit_date: '2018-09-11' } };
  return [
    row('baseline_arm_1', 'participant_info', {
      part_first_name: 'Ada',
      part_mobile_number: '(415) 555-0101',
      part_consent_date: '3/5/2018',
      ...story.info,
    }),
    row('baseline_arm_1', 'randomization', { rand_color: story.color ?? '2', rand_date: '2018-03-07' }),
    ...Object.entries(exams).map(([event, values]) => row(event, 'exam', values)),
    ...(story.log ?? []).map(([event, instance, values]) => row(event, 'sms_survey_log', values, instance)),
  ];
}

const due = (today: string, story: Story = {}, sentBefore: SentBefore[] = []): DueMessage[] | ReasonCode | null =>
  campaign.due(person(story), { today, now: `${today}T17:30:00.000Z`, sentBefore });
const done = { exam_complete: '2', exam_visit_date: '2018-09-11' };

describe('the demo project', () => {
  it('is the talk’s: five events, five instruments, the log not repeating', () => {
    expect(projectFiles.eventMap.map((row) => `${row.unique_event_name} ${row.form}`)).toEqual([
      'baseline_arm_1 participant_info',
      'baseline_arm_1 randomization',
      '6_month_arm_2 exam',
      '6_month_arm_2 phone_follow_up',
      '6_month_arm_2 sms_survey_log',
      '12_month_arm_2 exam',
      '12_month_arm_2 phone_follow_up',
      '6_month_arm_3 exam',
      '6_month_arm_3 phone_follow_up',
      '6_month_arm_3 sms_survey_log',
      '12_month_arm_3 exam',
      '12_month_arm_3 phone_follow_up',
    ]);
    expect(new Set(projectFiles.repeating.map((row) => row.form_name))).toEqual(new Set(['phone_follow_up']));
    expect(projectFiles.dictionary).toHaveLength(29);
  });

  it('marks nothing as identifying; the study does', () => {
    expect(projectFiles.dictionary.filter((field) => field.identifier === 'y')).toEqual([]);
    expect([...study.projects.main.identifyingFields]).toEqual(
      expect.arrayContaining(['part_first_name', 'part_mobile_number', 'txt_mobile_number', 'txt_message']),
    );
  });

  it('has its arm by the colour', () => {
    const { armOf } = study.projects.main;
    expect([armOf(person({ color: '2' })), armOf(person({ color: '3' })), armOf(person({ color: '' }))]).toEqual([
      2,
      3,
      null,
    ]);
    expect(() => armOf(person({ color: '1' }))).toThrow(MappingError);
  });
});

describe('the follow-up', () => {
  it('thanks by first name, to the log of the exam’s own event', () => {
    expect(due('2018-09-11')).toEqual([
      {
        purpose: 'follow-up',
        template: 'follow-up',
        occurrence: '1',
        log: { event: '6_month_arm_2', instance: 1 },
        link: null,
        data: { firstName: 'Ada' },
        decidedOn: '2018-09-11',
        firstDay: '2018-09-11',
        lastDay: '2018-09-13',
      },
    ]);
    const text = messaging.templates['follow-up']!.body.en({ firstName: 'Ada' });
    expect(text).toBe('Thanks Ada for completing the 6 month exam. See you soon at your final visit');
    expect(smsSegments(text)).toMatchObject({ encoding: 'GSM-7', segments: 1 });
  });

  it.each<[string, DueMessage[] | ReasonCode | null, Story, string?]>([
    ['the exam is not complete', null, { exams: { '6_month_arm_2': { ...done, exam_complete: '1' } } }],
    ['there is no exam', null, { exams: {} }],
    ['nobody is randomised', null, { color: '' }],
    ['the exam stands in another arm’s event', null, { exams: { '6_month_arm_3': done } }],
    ['the final visit is done', 'OUTSIDE_WINDOW', { exams: { '6_month_arm_2': done, '12_month_arm_2': done } }],
    [
      'the final visit is done in the wrong arm',
      'OUTSIDE_WINDOW',
      { exams: { '6_month_arm_2': done, '12_month_arm_3': done } },
    ],
    ['the visit has no date', 'VISIT_DATE_MISSING', { exams: { '6_month_arm_2': { exam_complete: '2' } } }],
    [
      'the date is no date',
      'VISIT_DATE_MISSING',
      { exams: { '6_month_arm_2': { exam_complete: '2', exam_visit_date: 'Tuesday' } } },
    ],
    ['the visit is to come', null, {}, '2018-09-10'],
    ['the visit is long ago', 'OUTSIDE_WINDOW', {}, '2018-10-12'],
    ['there is no number', 'PHONE_MISSING', { info: { part_mobile_number: '' } }],
    ['there is no consent', 'CONSENT_MISSING', { info: { part_consent_date: '' } }],
    ['staff texted by hand', 'TEXTED_BY_HAND', { log: [['6_month_arm_2', 0, { txt_manual_date: '2018-09-11' }]] }],
  ])('is not due when %s', (_, expected, story, today = '2018-09-11') => {
    expect(due(today, story)).toEqual(expected);
  });

  it.each(['2018-09-11', '9/11/2018', '09/11/2018', '9-11-2018', ' 2018-09-11 '])(
    'reads the visit’s date %j',
    (text) => {
      expect(due('2018-09-12', { exams: { '6_month_arm_2': { exam_complete: '2', exam_visit_date: text } } })).toEqual([
        expect.objectContaining({ decidedOn: '2018-09-11' }),
      ]);
    },
  );

  it('comes once, whatever becomes of the form’s status or of the text', () => {
    const before = { purpose: 'follow-up', occurrence: '1' };
    for (const sent of [
      { ...before, sentOn: '2018-09-11', sentAt: '2018-09-11T17:30:00.000Z', waiting: false },
      { ...before, sentOn: null, sentAt: null, waiting: true },
      { ...before, sentOn: null, sentAt: null, waiting: false },
    ]) {
      expect(due('2018-09-12', {}, [sent])).toBeNull();
    }
  });

  it('takes the next free instance where the log repeats', () => {
    const log: Story['log'] = [
      ['6_month_arm_2', 1, { txt_twilio_sid: 'SM1' }],
      ['6_month_arm_2', 2, { txt_twilio_sid: 'SM2' }],
      ['6_month_arm_3', 9, { txt_twilio_sid: 'SM9' }],
    ];
    expect(due('2018-09-11', { log })).toEqual([
      expect.objectContaining({ log: { event: '6_month_arm_2', instance: 3 } }),
    ]);
  });

  it.each<[ReasonCode | null, Story, string?]>([
    [null, {}],
    ['OUTSIDE_WINDOW', { exams: { '6_month_arm_2': { ...done, exam_complete: '0' } } }],
    ['OUTSIDE_WINDOW', { exams: { '6_month_arm_2': done, '12_month_arm_2': done } }],
    ['OUTSIDE_WINDOW', { color: '' }],
    ['OUTSIDE_WINDOW', {}, '2018-10-12'],
    ['WRONG_ARM', { color: '3', exams: { '6_month_arm_3': done } }],
    ['VISIT_DATE_MISSING', { exams: { '6_month_arm_2': { exam_complete: '2' } } }],
    ['TEXTED_BY_HAND', { log: [['6_month_arm_2', 0, { txt_manual_date: '2018-09-11' }]] }],
  ])('is asked again right before the send: %s', (reason, story, today = '2018-09-12') => {
    const [message] = due('2018-09-11') as DueMessage[];
    expect(campaign.stillDue(person(story), message!, today)).toBe(reason);
  });

  it.each<[ReasonCode | null, Record<string, string>, 'sms' | 'email']>([
    [null, {}, 'sms'],
    ['CONSENT_MISSING', { part_consent_date: ' ' }, 'sms'],
    ['PHONE_MISSING', { part_mobile_number: '' }, 'sms'],
    ['PHONE_INVALID', { part_mobile_number: '(411) 555-0108' }, 'sms'],
    // the project asks for no address
    ['EMAIL_MISSING', {}, 'email'],
  ])('may be sent: %s', (reason, info, channel) => {
    expect(messaging.mayReceive(person({ info }), channel)).toBe(reason);
  });
});

describe.each([
  ['as in the project file', false],
  ['with a repeating log', true],
])('the cohort %s', (_, repeatingLog) => {
  const cohort = capsCohort({ repeatingLog });
  const expected = capsOracle(cohort);
  const recordOf = (name: string): string => cohort.situations.find((situation) => situation.name === name)!.record;
  const rowsOf = (rows: CapsLogRow[], name: string): CapsLogRow[] =>
    rows.filter(({ record }) => record === recordOf(name));

  it('lies in order of time within its span and saves only what stands on the form', () => {
    const instants = cohort.timeline.map(({ at }) => at);
    expect([...instants].sort()).toEqual(instants);
    expect(cohort.startAt < instants[0]! && instants.at(-1)! < cohort.endAt).toBe(true);
    for (const action of cohort.timeline) {
      const at = DateTime.fromISO(action.at, { zone: 'America/Los_Angeles' });
      expect([at.weekday <= 5, at.second]).toEqual([true, 17]);
      if (action.do !== 'save') continue;
      expect(study.projects.main.mapping).toContainEqual({ event: action.event, instrument: action.instrument });
    }
    for (const { mobile } of cohort.handsets) expect(mobile).toMatch(/^\+14[0-9]{2}55501\d\d$/);
  });

  it('brings these texts, one to a person', () => {
    expect(expected.sent.map(({ record, day }) => `${record} ${day}`)).toEqual([
      '1 2018-09-11',
      '3 2018-09-11',
      '2 2018-09-12',
      '10 2018-09-12',
      '11 2018-09-13',
      '4 2018-09-14',
      '7 2018-09-14',
      '17 2018-09-14',
      '18 2018-09-14',
      '20 2018-09-17',
    ]);
    expect(expected.held.map(({ record, reason }) => [cohort.situations[Number(record) - 1]!.name, reason])).toEqual([
      ['phone-missing', 'PHONE_MISSING'],
      ['phone-invalid', 'PHONE_INVALID'],
      ['texted-by-hand', 'TEXTED_BY_HAND'],
      ['baseline', 'BASELINE_NOT_RELEASED'],
      ['no-consent', 'CONSENT_MISSING'],
      ['wrong-arm', 'WRONG_ARM'],
      ['visit-date-missing', 'VISIT_DATE_MISSING'],
      ['opted-out', 'OPTED_OUT'],
      ['visit-long-ago', 'OUTSIDE_WINDOW'],
    ]);
    const shared = expected.sent.filter(({ mobile }) => mobile === '+14155550117');
    expect(shared.map(({ text }) => text.split(' ')[1])).toEqual(['Quinn', 'Rosa']);
  });

  it('ends with these rows in the log', () => {
    expect(rowsOf(expected.rows, 'landline')).toEqual([
      {
        record: recordOf('landline'),
        event: '6_month_arm_3',
        instance: repeatingLog ? 1 : 0,
        txt_message: 'Thanks Jamal for completing the 6 month exam. See you soon at your final visit',
        txt_mobile_number: '+14155550110',
        txt_twilio_status: 'undelivered',
        txt_twilio_error_code: '30006',
        txt_manual_date: '',
        sms_survey_log_complete: '2',
      },
    ]);
    // what stood there is overwritten, or keeps its instance
    const over = rowsOf(expected.rows, 'log-overwritten');
    expect(over.map((row) => [row.instance, row.txt_twilio_status, row.txt_twilio_error_code])).toEqual(
      repeatingLog
        ? [
            [1, 'queued', '30008'],
            [2, 'delivered', ''],
          ]
        : [[0, 'delivered', '']],
    );
    expect(rowsOf(expected.rows, 'texted-by-hand')).toEqual([
      expect.objectContaining({ txt_message: '', txt_manual_date: '2018-09-12', sms_survey_log_complete: '0' }),
    ]);
    for (const name of ['baseline', 'no-consent', 'opted-out', 'phone-missing', 'final-visit-done', 'wrong-arm']) {
      expect(rowsOf(expected.rows, name)).toEqual([]);
    }
  });

  it('is what the notebook would have written, less its defects', () => {
    const place = ({ record, event }: CapsLogRow): string => `${record} ${event}`;
    const ours = new Map(expected.rows.map((row) => [place(row), row]));
    const defects = new Map(expected.differences.map((each) => [each.record, each.defects]));
    for (const row of expected.notebook) {
      const own = ours.get(place(row));
      const explained = new Set<NotebookDefect>(defects.get(row.record));
      if (own === undefined || own.txt_message === '') {
        // nothing went out: one defect that is more than a wrong number or status says why
        const why = [...explained].filter((defect) => !['test-number', 'not-final', 'no-dedup'].includes(defect));
        expect([place(row), why]).toEqual([place(row), [expect.any(String)]]);
        continue;
      }
      expect(own.txt_message).toBe(row.txt_message);
      expect(explained).toContain('test-number');
      if (own.txt_twilio_status !== row.txt_twilio_status) expect(explained).toContain('not-final');
      if (!repeatingLog && row.txt_twilio_error_code !== '' && own.txt_twilio_error_code === '') {
        expect(explained).toContain('stale-cells');
      }
    }
    // and nothing that the notebook would not have written about
    const written = new Set(expected.notebook.map(place));
    for (const row of expected.rows) expect(written).toContain(place(row));
  });

  it('shows every defect that rows can show', () => {
    const shown = new Set(expected.differences.flatMap(({ defects }) => defects));
    expect([...shown].sort()).toEqual(Object.keys(notebookDefects).sort());
    expect(expected.notebookTexts).toBeGreaterThan(5 * expected.sent.length);
  });

  it('brings the same texts by the campaign, asked at every run', () => {
    const polls: number[] = [];
    for (let at = Date.parse(cohort.startAt); at < Date.parse(cohort.endAt); at += 15 * 60_000) polls.push(at);
    const run = { hour: 10, minute: 30, zone: 'America/Los_Angeles', weekdays: true };
    const played = playCampaign(study, cohort, { polls, run });
    expect(played.map(({ record, day, mobile }) => ({ record, day, mobile }))).toEqual(
      expected.sent.map(({ record, day, mobile }) => ({ record, day, mobile })),
    );
    for (const { record, message, language } of played) {
      const body = messaging.templates[message.template]!.body[language as 'en'](message.data);
      const row = expected.rows.find(
        (each) =>
          each.record === record &&
          each.event === message.log?.event &&
          each.instance === (repeatingLog ? message.log.instance : 0),
      );
      expect(row?.txt_message).toBe(body);
    }
  });
});

it('the demo project’s oracle shares no code with what the services use', () => {
  const imported = ['caps-oracle.ts', 'read-visits.ts'].flatMap((file) => {
    const text = readFileSync(path.join(__dirname, '../src/caps/oracle', file), 'utf8');
    return [...text.matchAll(/from '([^']+)'/g)].map((match) => match[1]!);
  });
  expect([...new Set(imported)].sort()).toEqual(['../../define-cohort', './read-visits', 'fast-xml-parser', 'luxon']);
});
