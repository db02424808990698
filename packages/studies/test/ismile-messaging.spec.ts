import type { ReasonCode, Row } from '@studybridge/contracts';
import { MappingError } from '@studybridge/field-mapping';
import { expectTypeErrors } from '@studybridge/testing';
import fc from 'fast-check';
import path from 'node:path';
import { smsSegments, studyById, type DueMessage, type MessagingDefinition, type SentBefore } from '../src';
import { daysAfter, visitWindow } from '../src/ismile/windows';

const study = studyById('ismile');
const messaging = study.messaging as MessagingDefinition;
const campaign = messaging.campaigns[0]!;

const family = {
  part_first_name: 'Ana',
  part_lang: '2',
  part_mobile_number: '(617) 555-0123',
  part_mobile_ok_to_text: '1',
  part_email: 'ana@example.org',
  child_dob: '2014-03-09',
  part_consent_date: '2018-08-30',
  part_withdrawn: '',
};

interface Story {
  family?: Record<string, string>;
  arm?: string;
  randomizedOn?: string;
  surveyedOn?: string;
  /** By event. */
  status?: Record<string, string>;
  log?: [event: string, instance: number, values: Record<string, string>][];
}

/** A family randomised on 31 August: target 31 October, closing 21 November. */
function person(story: Story = {}): Row[] {
  const row = (event: string, instrument: string, values: Record<string, string>, instance = 0): Row => ({
    event,
    instrument,
    instance,
    values,
  });
  return [
    row('baseline_arm_1', 'participant_info', { ...family, ...story.family }),
    row('baseline_arm_1', 'baseline_survey', { bs_date: story.surveyedOn ?? '2018-08-30' }),
    row('baseline_arm_1', 'randomization', {
      rand_arm: story.arm ?? '2',
      rand_date: story.randomizedOn ?? '2018-08-31',
    }),
    ...Object.entries(story.status ?? {}).map(([event, status]) => {
      const instrument = event.startsWith('2_') ? 'survey_2m' : 'survey_4m';
      return row(event, instrument, { [`${instrument}_complete`]: status });
    }),
    ...(story.log ?? []).map(([event, instance, values]) => row(event, 'sms_survey_log', values, instance)),
  ];
}

const sent = (occurrence: number, sentAt: string | null, more: Partial<SentBefore> = {}): SentBefore => ({
  purpose: 'survey-2m',
  occurrence: String(occurrence),
  sentOn: sentAt?.slice(0, 10) ?? null,
  sentAt,
  waiting: false,
  ...more,
});

/** What is due on a day at ten to five in Boston. */
const due = (today: string, story: Story = {}, sentBefore: SentBefore[] = []): DueMessage[] | ReasonCode | null =>
  campaign.due(person(story), { today, now: `${today}T20:50:00.000Z`, sentBefore });

const only = (answer: DueMessage[] | ReasonCode | null): DueMessage => {
  expect(answer).toHaveLength(1);
  return (answer as DueMessage[])[0]!;
};

describe('windows', () => {
  // studies.md §1.5, golden dates
  it.each([
    ['2018-08-31', '2_month', '2018-10-31', '2018-10-24', '2018-11-21'],
    ['2018-08-31', '12_month', '2019-08-31', '2019-08-01', '2019-11-29'],
    ['2018-08-31', '24_month', '2020-08-31', '2020-08-01', '2021-02-27'],
    ['2018-12-31', '2_month', '2019-02-28', '2019-02-21', '2019-03-21'],
    ['2020-02-29', '12_month', '2021-02-28', '2021-01-29', '2021-05-29'],
    ['2020-02-29', '24_month', '2022-02-28', '2022-01-29', '2022-08-27'],
    ['2018-10-31', '4_month', '2019-02-28', '2019-02-21', '2019-03-28'],
  ] as const)('after %s, %s: %s', (anchor, visit, target, opens, closes) => {
    expect(visitWindow(anchor, visit)).toEqual({ target, opens, closes });
  });
});

describe('an invitation', () => {
  it('is due from the target date on, for the event of the family’s arm, decided on the day of the randomisation', () => {
    expect(due('2018-10-30')).toBeNull();
    expect(due('2018-10-31')).toEqual([
      {
        purpose: 'survey-2m',
        template: 'survey-invitation',
        occurrence: '1',
        log: { event: '2_month_arm_2', instance: 1 },
        link: { event: '2_month_arm_2', instrument: 'survey_2m', instance: 0 },
        data: { months: '2' },
        decidedOn: '2018-08-31',
        firstDay: '2018-10-31',
        lastDay: '2018-11-02',
      },
    ]);
    expect(only(due('2018-10-31', { arm: '3' })).link?.event).toBe('2_month_arm_3');
  });

  it('comes at four months too', () => {
    expect(only(due('2018-12-31', { status: { '2_month_arm_2': '2' } }))).toMatchObject({
      purpose: 'survey-4m',
      occurrence: '1',
      log: { event: '4_month_arm_2', instance: 1 },
      link: { event: '4_month_arm_2', instrument: 'survey_4m' },
      data: { months: '4' },
    });
  });

  it('is not due without an arm or an anchor; without a date of randomisation the baseline survey is the anchor', () => {
    expect(due('2018-10-31', { arm: '' })).toBeNull();
    expect(due('2018-10-31', { randomizedOn: '', surveyedOn: '' })).toBeNull();
    expect(only(due('2018-10-31', { randomizedOn: '' })).decidedOn).toBe('2018-08-30');
  });

  it('ends with the window, and no earlier invitation waits beyond it', () => {
    expect(only(due('2018-11-20')).lastDay).toBe('2018-11-21');
    expect(only(due('2018-11-21')).lastDay).toBe('2018-11-21');
    expect(due('2018-11-22')).toBe('OUTSIDE_WINDOW');
  });

  it('stops at once when the survey is complete, in the family’s own arm', () => {
    expect(due('2018-10-31', { status: { '2_month_arm_2': '2' } })).toBe('SURVEY_DONE');
    expect(only(due('2018-10-31', { status: { '2_month_arm_2': '1' } }))).toBeDefined();
    // somebody filled in the other arm's form: a matter of data quality
    expect(only(due('2018-10-31', { status: { '2_month_arm_3': '2' } }))).toBeDefined();
  });

  it('comes again on day 3 and day 7, as a reminder, and never a fourth time', () => {
    const first = sent(1, '2018-10-31T20:50:01.000Z');
    const second = sent(2, '2018-11-03T20:50:01.000Z');
    expect(due('2018-11-02', {}, [first])).toBeNull();
    expect(only(due('2018-11-03', {}, [first]))).toMatchObject({
      template: 'survey-reminder',
      occurrence: '2',
      log: { instance: 2 },
    });
    expect(due('2018-11-06', {}, [first, second])).toBeNull();
    expect(only(due('2018-11-07', {}, [first, second])).occurrence).toBe('3');
    const third = sent(3, '2018-11-07T20:50:01.000Z');
    for (let day = '2018-11-07'; day <= '2018-11-21'; day = daysAfter(day, 1)) {
      expect(due(day, {}, [first, second, third])).toBeNull();
    }
  });

  it('that began late keeps 48 hours from the next one', () => {
    const late = sent(1, '2018-11-08T20:50:00.000Z');
    expect(due('2018-11-09', {}, [late])).toBeNull();
    expect(only(due('2018-11-10', {}, [late])).occurrence).toBe('2');
    expect(due('2018-11-10', {}, [sent(1, '2018-11-08T20:50:01.000Z')])).toBeNull();
  });

  it('that waits holds the next one back; one that never went out is not tried under the same number', () => {
    expect(due('2018-11-03', {}, [sent(1, null, { waiting: true })])).toBeNull();
    expect(only(due('2018-11-03', {}, [sent(1, null)])).occurrence).toBe('2');
  });

  it('to one survey does not count for the other', () => {
    const earlier = [1, 2, 3].map((occurrence) => sent(occurrence, '2018-11-07T20:50:00.000Z'));
    expect(only(due('2018-12-31', {}, earlier))).toMatchObject({ purpose: 'survey-4m', occurrence: '1' });
  });

  it('respects a text that staff sent by hand: it is an attempt, and the next one keeps its distance', () => {
    const byHand = (on: string): Story => ({ log: [['2_month_arm_2', 1, { txt_manual_date: on }]] });
    expect(due('2018-11-03', byHand('2018-11-02'))).toBe('TEXTED_BY_HAND');
    expect(due('2018-11-04', byHand('2018-11-02'))).toBe('TEXTED_BY_HAND');
    expect(only(due('2018-11-05', byHand('2018-11-02')))).toMatchObject({ occurrence: '2', log: { instance: 2 } });
    // in the row of our own attempt it is the same attempt
    const own: Story = { log: [['2_month_arm_2', 1, { txt_twilio_sid: 'SM1', txt_manual_date: '2018-10-31' }]] };
    expect(only(due('2018-11-03', own, [sent(1, '2018-10-31T20:50:00.000Z')])).occurrence).toBe('2');
  });

  it('takes the next free instance of the log', () => {
    const log: Story['log'] = [
      ['2_month_arm_2', 1, { txt_twilio_sid: 'SM1' }],
      ['2_month_arm_2', 2, { txt_twilio_sid: 'SM2' }],
      ['2_month_arm_2', 3, { txt_twilio_sid: '' }],
      ['4_month_arm_2', 3, { txt_twilio_sid: 'SM4' }],
    ];
    expect(only(due('2018-11-08', { log })).log).toEqual({ event: '2_month_arm_2', instance: 3 });
  });

  it('never more than three, 48 hours apart and within the window, however late and irregular the runs are', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 70 }), { maxLength: 30 }), (runs) => {
        const before: SentBefore[] = [];
        for (const run of [...new Set(runs)].sort((a, b) => a - b)) {
          const today = daysAfter('2018-10-10', run);
          const answer = due(today, {}, before);
          if (Array.isArray(answer))
            for (const { purpose, occurrence } of answer) {
              before.push(sent(Number(occurrence), `${today}T20:50:00.000Z`, { purpose }));
            }
        }
        const days = before.filter((message) => message.purpose === 'survey-2m').map((message) => message.sentOn!);
        expect(days.length).toBeLessThanOrEqual(3);
        days.forEach((day, index) => {
          expect(day >= daysAfter('2018-10-31', [0, 3, 7][index]!) && day <= '2018-11-21').toBe(true);
          if (index > 0) expect(day >= daysAfter(days[index - 1]!, 2)).toBe(true);
        });
      }),
    );
  });

  it.each<[ReasonCode, Record<string, string>]>([
    ['WITHDRAWN', { part_withdrawn: '1' }],
    ['PHONE_MISSING', { part_mobile_number: '' }],
    ['LANGUAGE_MISSING', { part_lang: '' }],
  ])('is not planned for who may not be written to, and uses up no attempt: %s', (reason, changes) => {
    expect(due('2018-10-31', { family: changes })).toBe(reason);
    // that there is nothing to send is said first
    expect(due('2018-10-30', { family: changes })).toBeNull();
    expect(due('2018-10-31', { family: changes, status: { '2_month_arm_2': '2' } })).toBe('SURVEY_DONE');
  });

  it('is never guessed from an unknown code', () => {
    expect(() => due('2018-10-31', { arm: '4' })).toThrow(MappingError);
    expect(() => due('2018-10-31', { status: { '2_month_arm_2': '7' } })).toThrow(MappingError);
  });
});

describe('right before the send', () => {
  const message = only(due('2018-10-31'));
  const still = (today: string, story: Story = {}): ReasonCode | null =>
    campaign.stillDue(person(story), message, today);

  it('it still may go out', () => expect(still('2018-11-01')).toBeNull());

  it.each<[ReasonCode, Story, string]>([
    ['SURVEY_DONE', { status: { '2_month_arm_2': '2' } }, '2018-10-31'],
    ['WRONG_ARM', { arm: '3' }, '2018-10-31'],
    ['OUTSIDE_WINDOW', { randomizedOn: '2018-09-30' }, '2018-10-31'],
    ['OUTSIDE_WINDOW', {}, '2018-11-22'],
    ['OUTSIDE_WINDOW', { arm: '' }, '2018-10-31'],
    ['TEXTED_BY_HAND', { log: [['2_month_arm_2', 2, { txt_manual_date: '2018-10-31' }]] }, '2018-10-31'],
  ])('it may not any more: %s', (reason, story, today) => expect(still(today, story)).toBe(reason));
});

describe('who may be written to', () => {
  const may = (changes: Record<string, string>, channel: 'sms' | 'email' = 'sms'): ReasonCode | null =>
    messaging.mayReceive(person({ family: changes }), channel);

  it('is a consented family that agreed to texts', () => {
    expect(may({})).toBeNull();
    expect(may({}, 'email')).toBeNull();
  });

  it.each<[ReasonCode, Record<string, string>, 'sms' | 'email']>([
    ['WITHDRAWN', { part_withdrawn: '1', part_consent_date: '', part_lang: '7' }, 'sms'],
    ['CONSENT_MISSING', { part_consent_date: ' ' }, 'email'],
    ['PHONE_MISSING', { part_mobile_number: '' }, 'sms'],
    ['PHONE_INVALID', { part_mobile_number: '(411) 555-0142' }, 'sms'],
    ['TEXTING_NOT_ALLOWED', { part_mobile_ok_to_text: '0' }, 'sms'],
    ['TEXTING_NOT_ALLOWED', { part_mobile_ok_to_text: '' }, 'sms'],
    ['LANGUAGE_MISSING', { part_lang: '' }, 'sms'],
    ['EMAIL_MISSING', { part_email: '' }, 'email'],
    ['EMAIL_INVALID', { part_email: 'ana at example' }, 'email'],
  ])('%s', (reason, changes, channel) => expect(may(changes, channel)).toBe(reason));

  it('has a number in E.164, a language and Boston’s clock', () => {
    const ana = person();
    expect(messaging.mobile(ana)).toBe('+16175550123');
    expect(messaging.mobile(person({ family: { part_mobile_number: '' } }))).toBeNull();
    expect(() => messaging.mobile(person({ family: { part_mobile_number: '12345' } }))).toThrow(
      expect.objectContaining({ code: 'PHONE_INVALID' }),
    );
    expect([messaging.language(ana), messaging.language(person({ family: { part_lang: '' } }))]).toEqual(['es', null]);
    expect(() => messaging.language(person({ family: { part_lang: '3' } }))).toThrow(MappingError);
    expect(messaging.zoneOf(ana)).toBe('America/New_York');
    expect(messaging.email(ana)).toBe('ana@example.org');
  });
});

describe('texts', () => {
  const link = 'https://redcap.studies.example.edu/redcap/surveys/?s=ABCDEFGHJKLMNPQR';
  const text = (template: string, language: 'en' | 'es'): string =>
    messaging.templates[template]!.body[language]({ months: '4', link });

  it('carry the link and nothing of the family', () => {
    for (const template of ['survey-invitation', 'survey-reminder']) {
      for (const language of ['en', 'es'] as const) {
        expect(text(template, language)).toContain(link);
        for (const value of ['Ana', '555', '2014-03-09']) expect(text(template, language)).not.toContain(value);
      }
    }
  });

  it('fit: one segment, in Spanish with accents two', () => {
    expect(smsSegments(text('survey-invitation', 'en'))).toMatchObject({ encoding: 'GSM-7', segments: 1 });
    expect(smsSegments(text('survey-invitation', 'es'))).toMatchObject({ encoding: 'GSM-7', segments: 1 });
    expect(smsSegments(text('survey-reminder', 'en'))).toMatchObject({ encoding: 'GSM-7', segments: 1 });
    expect(smsSegments(text('survey-reminder', 'es'))).toMatchObject({ encoding: 'UCS-2', segments: 2 });
  });

  it('do not compile with a misspelt field, foreign data or a missing language', () => {
    expect(expectTypeErrors(path.join(__dirname, 'messaging.types.ts'))).toHaveLength(5);
  });
});
