import type { StudyDefinition } from '../define-study';
import { settings } from './settings';

const zone = settings.serverZone;

/** studies.md §1.4: the real times of the coordinating centre's server, in its own zone. */
export const schedules: StudyDefinition['schedules'] = {
  'redcap-poll': [
    { cron: '*/15 5-22 * * 1-5', zone },
    { cron: '4 3,7,11,15,19,23 * * 0,6', zone },
  ],
  'agile-status': [{ cron: '16 0,4 * * *', zone }],
  // After the full comparison with REDCap and the statuses of the night, so that what differs then stands.
  'agile-compare': [{ cron: '40 4 * * *', zone }],
  'survey-invitations': [{ cron: '50 13 * * *', zone }],
  'full-comparison': [{ cron: '30 2 * * *', zone }],
};
