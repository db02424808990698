import { ApiError } from '../api-error';
import { messages } from '../messages';
import type { ProjectSettings } from '../model';
import { restructure, type Project } from '../project';
import type { SentItem } from './parse-structure';

type Take = (settings: ProjectSettings, text: string) => void;

const flag = (text: string): boolean => /^(1|true|y|yes)$/i.test(text);
const texts: Record<string, Take> = {
  project_title: (settings, text) => {
    if (text !== '') settings.title = text;
  },
  project_language: (settings, text) => void (settings.language = text),
  // A purpose that is none of the five is counted and passed over, as REDCap does (REDCap.jl projects.jl).
  purpose: (settings, text) => {
    if (/^[0-4]$/.test(text)) settings.purpose = Number(text);
  },
  purpose_other: (settings, text) => void (settings.purposeOther = text),
  project_notes: (settings, text) => void (settings.notes = text),
  custom_record_label: (settings, text) => void (settings.customRecordLabel = text),
  secondary_unique_field: (settings, text) => void (settings.secondaryUniqueField = text),
  is_longitudinal: () => undefined,
  surveys_enabled: (settings, text) => void (settings.surveysEnabled = flag(text)),
  scheduling_enabled: (settings, text) => void (settings.schedulingEnabled = flag(text)),
  record_autonumbering_enabled: (settings, text) => void (settings.autonumbering = flag(text)),
  randomization_enabled: (settings, text) => void (settings.randomizationEnabled = flag(text)),
  project_irb_number: (settings, text) => void (settings.irbNumber = text),
  project_grant_number: (settings, text) => void (settings.grantNumber = text),
  project_pi_firstname: (settings, text) => void (settings.piFirstName = text),
  project_pi_lastname: (settings, text) => void (settings.piLastName = text),
  project_pi_email: (settings, text) => void (settings.piEmail = text),
  display_today_now_button: (settings, text) => void (settings.displayTodayNow = Number(flag(text))),
  bypass_branching_erase_field_prompt: (settings, text) => void (settings.bypassBranchingErase = Number(flag(text))),
};

/**
 * Changes the project's settings (§2.17) and answers how many values were taken. Longitudinal switched off shows
 * the first event only; the others and their data are there again when it is switched on.
 */
export function importSettings(project: Project, items: readonly SentItem[]): number {
  const [item] = items;
  const given = item === undefined ? [] : Object.keys(texts).filter((key) => item.has(key));
  if (item === undefined || given.length === 0) throw new ApiError(400, messages.noSettings);
  for (const key of given) texts[key]!(project.design.settings, item.text(key));
  if (item.has('is_longitudinal')) {
    const longitudinal = flag(item.text('is_longitudinal'));
    if (longitudinal !== project.design.longitudinal) {
      restructure(project, (design) => {
        design.longitudinal = longitudinal;
      });
    }
  }
  return given.length;
}
