import { defineProject } from '../define-project';
import { defineStudy } from '../define-study';
import { agileHealth } from './agile/agile-health';
import { armMapping } from './agile/arm-mapping';
import { enrolmentMapping } from './agile/gate';
import { memberMapping } from './agile/member-mapping';
import { statusMapping } from './agile/status-table';
import { declaredFields, ownerOf, timestampFields } from './cells';
import { invitationMapping } from './messages/invitation-facts';
import { messaging } from './messages/messaging';
import { projectFiles } from './project-data';
import { schedules } from './schedules';
import { settings } from './settings';

/** The REDCap arms behind the trial's arms: the randomisation codes 2 and 3 are also REDCap's arm numbers. */
const redcapArms = { OHT: 2, CWT: 3 } as const;

/** iSMILE, Boston University: texts to caregivers of young children (studies.md §1). */
export const study = defineStudy({
  id: 'ismile',
  title: 'iSMILE',
  zone: settings.zone,
  projects: {
    main: defineProject({
      title: 'iSMILE Main',
      files: projectFiles,
      mayRepeat: ['sms_survey_log'],
      declaredFields,
      ownerOf,
      timestampFields,
      armOf(rows) {
        const { arm } = armMapping.decode(rows);
        return arm === undefined ? null : redcapArms[arm];
      },
      mappings: [memberMapping, armMapping, enrolmentMapping, statusMapping, invitationMapping],
    }),
  },
  schedules,
  agileHealth,
  messaging,
  writeCaps: settings.writeCaps,
});
