import type { ReasonCode, Row } from '@studybridge/contracts';
import type { CampaignFacts, DueMessage, MessageCampaign } from '../../define-messaging';
import { logRows } from '../../sms-log';
import { settings } from '../settings';
import { daysAfter, visitWindow } from '../windows';
import { surveyOf } from './invitation-facts';
import { mayReceive } from './may-receive';
import { surveyInvitation, surveyReminder } from './templates';

const surveys = [
  { purpose: 'survey-2m', visit: '2_month', instrument: 'survey_2m' },
  { purpose: 'survey-4m', visit: '4_month', instrument: 'survey_4m' },
] as const;
type Survey = (typeof surveys)[number];

const { days, hoursApart, waitDays } = settings.invitations;
const hour = 3_600_000;

/** studies.md §1.5: from the target date until the window closes, on day 0, +3 and +7, until the survey is complete. */
export const surveyInvitations: MessageCampaign = {
  job: 'survey-invitations',
  purposes: surveys.map((survey) => survey.purpose),
  due(person, facts) {
    const answers = surveys.map((survey) => dueOf(person, survey, facts));
    const messages = answers.filter((answer) => answer !== null && typeof answer !== 'string');
    if (messages.length > 0) return messages;
    // of the survey that began last
    return answers.findLast((answer): answer is ReasonCode => typeof answer === 'string') ?? null;
  },
  stillDue(person, message, today) {
    const survey = surveys.find((candidate) => candidate.purpose === message.purpose);
    const standing = survey && surveyOf(person, survey.visit);
    if (!survey || !standing) return 'OUTSIDE_WINDOW';
    if (standing.complete) return 'SURVEY_DONE';
    if (message.link?.event !== standing.event) return 'WRONG_ARM';
    const { target, closes } = visitWindow(standing.anchor, survey.visit);
    if (today < target || today > closes) return 'OUTSIDE_WINDOW';
    return textedByHand(person, standing.event, today) ? 'TEXTED_BY_HAND' : null;
  },
};

function dueOf(person: readonly Row[], survey: Survey, facts: CampaignFacts): DueMessage | ReasonCode | null {
  const { purpose, visit, instrument } = survey;
  const { today, sentBefore } = facts;
  const standing = surveyOf(person, visit);
  if (standing === null) return null;
  const { event, anchor, complete } = standing;
  const { target, closes } = visitWindow(anchor, visit);
  if (today < target) return null;
  if (complete) return 'SURVEY_DONE';
  if (today > closes) return 'OUTSIDE_WINDOW';

  const earlier = sentBefore.filter((message) => message.purpose === purpose);
  const attempts = Math.max(0, ...earlier.map((message) => Number(message.occurrence)), ...logInstances(person, event));
  const day = days[attempts];
  if (day === undefined || today < daysAfter(target, day)) return null;
  if (earlier.some((message) => message.waiting || isRecent(message.sentAt, facts.now))) return null;
  if (textedByHand(person, event, today)) return 'TEXTED_BY_HAND';
  // asked here too, so that what is put right in time uses up no attempt
  const against = mayReceive(person, 'sms');
  if (against !== null) return against;

  const attempt = attempts + 1;
  const last = daysAfter(today, waitDays);
  const template = attempt === 1 ? 'survey-invitation' : 'survey-reminder';
  return {
    purpose,
    template,
    occurrence: String(attempt),
    log: { event, instance: attempt },
    link: { event, instrument, instance: 0 },
    data: (attempt === 1 ? surveyInvitation : surveyReminder).data({ months: String(settings.windows[visit].months) }),
    decidedOn: anchor,
    firstDay: today,
    lastDay: last < closes ? last : closes,
  };
}

function isRecent(sentAt: string | null, now: string): boolean {
  return sentAt !== null && Date.parse(now) - Date.parse(sentAt) < hoursApart * hour;
}

/** Instance n is attempt n, whoever made it: one that staff wrote is an attempt too. */
function logInstances(person: readonly Row[], event: string): number[] {
  return logRows(person, event).map((row) => row.instance);
}

/** Of a text by hand only the day is known: it is far enough away after `hoursApart` and a day. */
function textedByHand(person: readonly Row[], event: string, today: string): boolean {
  const since = daysAfter(today, -Math.ceil(hoursApart / 24));
  return logRows(person, event).some((row) => (row.values.txt_manual_date ?? '') >= since);
}
