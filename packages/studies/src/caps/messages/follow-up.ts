import type { Row } from '@studybridge/contracts';
import { DateTime } from 'luxon';
import type { MessageCampaign } from '../../define-messaging';
import { logRows } from '../../sms-log';
import { settings } from '../settings';
import { sixMonthExam } from './follow-up-facts';
import { mayReceive } from './may-receive';
import { followUp } from './templates';

const { withinDays, waitDays } = settings.followUp;

/**
 * studies.md §5b: thanks for the 6-month exam, once, as long as the final visit is still to come. One text whatever becomes
 * of the form's status afterwards, so its occurrence is always the same.
 */
export const followUpCampaign: MessageCampaign = {
  job: 'follow-up',
  purposes: ['follow-up'],
  due(person, { today, sentBefore }) {
    const exam = sixMonthExam(person);
    if (!exam?.complete || sentBefore.length > 0) return null;
    if (exam.finalVisitDone) return 'OUTSIDE_WINDOW';
    const { event, visitedOn, firstName } = exam;
    if (visitedOn === null) return 'VISIT_DATE_MISSING';
    if (today < visitedOn) return null;
    const closes = daysAfter(visitedOn, withinDays);
    if (today > closes) return 'OUTSIDE_WINDOW';
    if (textedByHand(person, event)) return 'TEXTED_BY_HAND';
    // asked here too: the one text there is must not be used up before the number is given
    const against = mayReceive(person, 'sms');
    if (against !== null) return against;
    const last = daysAfter(today, waitDays);
    return [
      {
        purpose: 'follow-up',
        template: 'follow-up',
        occurrence: '1',
        log: { event, instance: 1 + Math.max(0, ...logRows(person, event).map((row) => row.instance)) },
        link: null,
        data: followUp.data({ firstName }),
        decidedOn: visitedOn,
        firstDay: today,
        lastDay: last < closes ? last : closes,
      },
    ];
  },
  stillDue(person, message, today) {
    const exam = sixMonthExam(person);
    if (!exam?.complete || exam.finalVisitDone) return 'OUTSIDE_WINDOW';
    if (exam.event !== message.log?.event) return 'WRONG_ARM';
    if (exam.visitedOn === null) return 'VISIT_DATE_MISSING';
    if (today < exam.visitedOn || today > daysAfter(exam.visitedOn, withinDays)) return 'OUTSIDE_WINDOW';
    return textedByHand(person, exam.event) ? 'TEXTED_BY_HAND' : null;
  },
};

function textedByHand(person: readonly Row[], event: string): boolean {
  return logRows(person, event).some((row) => (row.values.txt_manual_date ?? '') !== '');
}

function daysAfter(date: string, days: number): string {
  return DateTime.fromISO(date, { zone: 'utc' }).plus({ days }).toFormat('yyyy-MM-dd');
}
