import type { Row } from '@studybridge/contracts';
import type { Cohort, Handset } from '../../define-cohort';
import { buildProjectXml } from '../../project-xml';
import { projectFiles } from '../project-data';
import { study } from '../study';
import { Desk, rowsAtStart, type Color, type Person } from './people';

/** The study's number, to which participants answer. */
export const capsNumber = '+12025550110';

/** One participant with one thing to tell; records are numbered in this order. */
interface Situation extends Person {
  name: string;
  color: Color;
  line?: Handset['line'];
  /** Rows beyond the baseline that REDCap holds at the start. */
  held?: (event: string) => Row[];
  tell(desk: Desk, mobile: string): unknown;
}

const log = (event: string, values: Record<string, string>): Row => ({
  event,
  instrument: 'sms_survey_log',
  instance: 0,
  values,
});
const exam = (event: string, values: Record<string, string>): Row => ({
  event,
  instrument: 'exam',
  instance: 0,
  values,
});

const situations: readonly Situation[] = [
  {
    name: 'thanked',
    firstName: 'Ada',
    color: '2',
    phone: '(415) 555-0101',
    tell: (desk) => desk.exam(11, '09:10', '2'),
  },
  {
    name: 'thanked',
    firstName: 'Bruno',
    color: '3',
    phone: '415-555-0102',
    // after the day's run, and with the date as an office writes it
    tell: (desk) => desk.exam(11, '14:20', '2', { visitedOn: '9/11/2018' }),
  },
  {
    name: 'exam-toggled',
    firstName: 'Carla',
    color: '2',
    phone: '4155550103',
    tell: (desk) =>
      desk.exam(11, '09:20', '2').exam(12, '09:00', '0').exam(13, '09:00', '2', { visitedOn: '2018-09-11' }),
  },
  {
    name: 'exam-toggled-before-run',
    firstName: 'Dario',
    color: '3',
    phone: '415.555.0104',
    tell: (desk) => desk.exam(12, '09:05', '2').exam(12, '09:50', '0').exam(14, '09:00', '2'),
  },
  {
    name: 'final-visit-done',
    firstName: 'Elif',
    color: '2',
    phone: '(415) 555-0105',
    tell: (desk) => desk.exam(13, '09:00', '2').exam(13, '09:10', '2', { months: 12 }),
  },
  { name: 'phone-missing', firstName: 'Farid', color: '3', tell: (desk) => desk.exam(11, '09:30', '2') },
  {
    name: 'phone-missing-then-given',
    firstName: 'Gina',
    color: '2',
    tell: (desk) => desk.exam(11, '09:40', '2').info(13, '11:00', { part_mobile_number: '(415) 555-0107' }),
  },
  {
    name: 'phone-invalid',
    firstName: 'Hana',
    color: '3',
    phone: '(411) 555-0108',
    tell: (desk) => desk.exam(11, '10:05', '2'),
  },
  {
    name: 'texted-by-hand',
    firstName: 'Ivo',
    color: '2',
    phone: '(415) 555-0109',
    tell: (desk) => desk.exam(12, '09:15', '2').textedByHand(12, '09:30'),
  },
  {
    name: 'landline',
    firstName: 'Jamal',
    color: '3',
    phone: '(415) 555-0110',
    line: 'landline',
    tell: (desk) => desk.exam(12, '09:20', '2'),
  },
  {
    // an older text of the notebook stands in the event's one row, as final as the notebook thought it was
    name: 'log-overwritten',
    firstName: 'Kira',
    color: '2',
    phone: '(415) 555-0111',
    held: (event) => [
      exam(event, { exam_complete: '1' }),
      log(event, {
        txt_message: 'Thanks Kira for completing the 3 month exam. See you soon at your next visit',
        txt_last_timestamp: '2018-06-04 10:31:07',
        txt_mobile_number: '+14155550111',
        txt_twilio_sid: 'SM00000000000000000000000000000011',
        txt_twilio_status: 'queued',
        txt_date_created: '2018-06-04 10:31:02',
        txt_date_updated: '2018-06-04 10:31:02',
        txt_twilio_error_code: '30008',
        txt_twilio_error_msg: 'Unknown error',
        sms_survey_log_complete: '2',
      }),
    ],
    tell: (desk) => desk.exam(13, '09:20', '2'),
  },
  {
    name: 'baseline',
    firstName: 'Liam',
    color: '3',
    phone: '(415) 555-0112',
    held: (event) => [exam(event, { exam_visit_date: '2018-09-06', exam_num_teeth: '30', exam_complete: '2' })],
    tell: () => undefined,
  },
  {
    name: 'no-consent',
    firstName: 'Mona',
    color: '2',
    phone: '(415) 555-0113',
    info: { part_consent_date: '' },
    tell: (desk) => desk.exam(12, '09:25', '2'),
  },
  {
    name: 'wrong-arm',
    firstName: 'Noor',
    color: '2',
    phone: '(415) 555-0114',
    tell: (desk) => desk.exam(12, '09:35', '2', { color: '3' }),
  },
  {
    name: 'visit-date-missing',
    firstName: 'Omar',
    color: '3',
    phone: '(415) 555-0115',
    tell: (desk) => desk.exam(12, '09:40', '2', { visitedOn: '' }),
  },
  {
    name: 'opted-out',
    firstName: 'Pia',
    color: '2',
    phone: '(415) 555-0116',
    tell: (desk, mobile) => desk.texts(10, '12:00', { mobile, to: capsNumber, body: 'STOP' }).exam(13, '09:30', '2'),
  },
  {
    name: 'shared-phone',
    firstName: 'Quinn',
    color: '3',
    phone: '(415) 555-0117',
    tell: (desk) => desk.exam(14, '09:10', '2'),
  },
  {
    name: 'shared-phone',
    firstName: 'Rosa',
    color: '2',
    phone: '415 555 0117',
    tell: (desk) => desk.exam(14, '09:20', '2'),
  },
  {
    name: 'visit-long-ago',
    firstName: 'Sami',
    color: '3',
    phone: '(415) 555-0119',
    tell: (desk) => desk.exam(14, '09:30', '2', { visitedOn: '2018-07-02' }),
  },
  // the name makes the text UCS-2
  {
    name: 'name-with-accents',
    firstName: 'Zoë',
    color: '2',
    phone: '(415) 555-0120',
    tell: (desk) => desk.exam(17, '09:15', '2'),
  },
];

/**
 * The demo project's fictional cohort: two weeks of September 2018. `repeatingLog` declares the SMS log repeating, as the
 * talk's field note has it; in the talk's project file it is not.
 */
export function capsCohort({ repeatingLog = false }: { repeatingLog?: boolean } = {}): Cohort {
  const told = situations.map((situation, index) => {
    const record = String(index + 1);
    const mobile = `+1${(situation.phone ?? '').replace(/\D/g, '')}`;
    const desk = new Desk(record, situation.color);
    situation.tell(desk, mobile);
    const event = `6_month_arm_${situation.color}`;
    const held = (situation.held?.(event) ?? []).map((row) =>
      repeatingLog && row.instrument === 'sms_survey_log' ? { ...row, instance: 1 } : row,
    );
    return { ...situation, record, mobile, actions: desk.actions, rows: [...rowsAtStart(situation), ...held] };
  });
  const notYetRandomised = { record: String(situations.length + 1), rows: rowsAtStart({ firstName: 'Tess' }) };
  const reached = [...told.filter(({ phone }) => phone), { mobile: '+14155550107', line: undefined }];
  return {
    id: repeatingLog ? 'caps-repeating' : 'caps',
    study: 'caps',
    projectXml: buildProjectXml({
      title: study.projects.main.title,
      files: repeatingLog ? { ...projectFiles, repeating: [...projectFiles.repeating, ...logs] } : projectFiles,
      createdAt: '2018-09-09T23:30:00',
      records: [...told, notYetRandomised].map(({ record, rows }) => ({ record, rows })),
    }),
    startAt: '2018-09-10T07:00:00.000Z',
    endAt: '2018-09-21T23:00:00.000Z',
    serverZone: 'America/Los_Angeles',
    timeline: told
      .flatMap(({ actions }) => actions)
      .map((action) => (repeatingLog && isLog(action) ? { ...action, instance: 1 } : action))
      .sort((a, b) => a.at.localeCompare(b.at)),
    handsets: [
      ...new Map(reached.map(({ mobile, line }) => [mobile, { mobile, line: line ?? 'mobile' } as const])).values(),
    ],
    situations: told.map(({ name, record }) => ({ name, record })),
  };
}

const logs = projectFiles.eventMap
  .filter((row) => row.form === 'sms_survey_log')
  .map((row) => ({
    event_name: row.unique_event_name,
    form_name: row.form,
    custom_form_label: '[txt_date_created]',
  }));

function isLog(action: Cohort['timeline'][number]): boolean {
  return action.do === 'save' && action.instrument === 'sms_survey_log';
}
