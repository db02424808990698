import { defineProject } from '../define-project';
import { defineStudy } from '../define-study';
import { declaredFields, identifying, ownerOf, timestampFields } from './cells';
import { armOf, followUpMapping } from './messages/follow-up-facts';
import { messaging } from './messages/messaging';
import { projectFiles } from './project-data';
import { schedules } from './schedules';
import { settings } from './settings';

/** The demo project of the coordinating centre's talk (studies.md §5b). */
export const study = defineStudy({
  id: 'caps',
  title: 'CAPS Demo',
  zone: settings.zone,
  projects: {
    main: defineProject({
      title: 'CAPS Demo Project',
      files: projectFiles,
      mayRepeat: ['sms_survey_log'],
      declaredFields,
      alsoIdentifying: identifying,
      ownerOf,
      timestampFields,
      armOf,
      mappings: [followUpMapping],
    }),
  },
  schedules,
  messaging,
  writeCaps: settings.writeCaps,
});
