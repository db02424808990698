import type { Row } from '@studybridge/contracts';
import { DateTime } from 'luxon';
import type { TimelineAction } from '../../define-cohort';

type Values = Record<string, string>;

/** REDCap's arms and the colours they stand for. */
export type Color = '2' | '3';

/** A fictional participant, consented and randomised in March; what differs is said. */
export interface Person {
  firstName: string;
  color?: Color;
  /** As the staff wrote it. */
  phone?: string;
  /** Changes to the participant form at the start. */
  info?: Values;
}

const zone = 'America/Los_Angeles';

/** What REDCap holds of somebody at the start. */
export function rowsAtStart({ firstName, color, phone = '', info = {} }: Person): Row[] {
  const baseline = { event: 'baseline_arm_1', instance: 0 };
  const participant: Row = {
    ...baseline,
    instrument: 'participant_info',
    values: {
      part_first_name: firstName,
      part_last_name: 'Example',
      part_age: '34',
      part_mobile_number: phone,
      part_consent_date: '2018-03-05',
      participant_info_complete: '2',
      ...info,
    },
  };
  if (color === undefined) return [participant];
  const values = { rand_color: color, rand_date: '2018-03-07', randomization_complete: '2' };
  return [participant, { ...baseline, instrument: 'randomization', values }];
}

/** What staff save about one record; days of September 2018, the clock of the coordinating centre. */
export class Desk {
  readonly actions: TimelineAction[] = [];

  constructor(
    private readonly record: string,
    private readonly color: Color,
  ) {}

  /** The exam form; a blank date is left out. */
  exam(
    day: number,
    time: string,
    status: '0' | '1' | '2',
    more: { visitedOn?: string; months?: 6 | 12; color?: Color } = {},
  ): this {
    const { visitedOn = `2018-09-${String(day).padStart(2, '0')}`, months = 6, color = this.color } = more;
    const values: Values = { exam_complete: status };
    if (visitedOn !== '') Object.assign(values, { exam_visit_date: visitedOn, exam_num_teeth: '28' });
    return this.save(day, time, `${months}_month_arm_${color}`, 'exam', values);
  }

  info(day: number, time: string, values: Values): this {
    return this.save(day, time, 'baseline_arm_1', 'participant_info', values);
  }

  /** Staff sent the text themselves. */
  textedByHand(day: number, time: string): this {
    const values = { txt_manual_date: `2018-09-${String(day).padStart(2, '0')}` };
    return this.save(day, time, `6_month_arm_${this.color}`, 'sms_survey_log', values);
  }

  texts(day: number, time: string, text: { mobile: string; to: string; body: string }): this {
    this.actions.push({ at: instant(day, time), do: 'text', ...text });
    return this;
  }

  private save(day: number, time: string, event: string, instrument: string, values: Values): this {
    const at = instant(day, time);
    this.actions.push({ at, do: 'save', record: this.record, event, instrument, values, user: 'coordinator' });
    return this;
  }
}

/** Seconds keep staff off the minutes at which jobs run. */
function instant(day: number, time: string): string {
  const at = DateTime.fromISO(`2018-09-${String(day).padStart(2, '0')}T${time}:17`, { zone });
  return at.toUTC().toISO({ suppressMilliseconds: false }) as string;
}
