import type { StudyDefinition } from '../define-study';
import { settings } from './settings';

const zone = settings.zone;

/** The talk ran its notebook by hand, several times a week: here on weekdays, in the middle of the morning. */
export const schedules: StudyDefinition['schedules'] = {
  'redcap-poll': [{ cron: '*/15 7-18 * * 1-5', zone }],
  'follow-up': [{ cron: '30 10 * * 1-5', zone }],
  'full-comparison': [{ cron: '30 2 * * *', zone }],
};
