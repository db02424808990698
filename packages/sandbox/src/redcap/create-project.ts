import { ApiError } from './api-error';
import { messages } from './messages';
import type { Design, Field, ProjectSettings } from './model';
import type { SentItem } from './structure/parse-structure';

const plainField = (name: string, form: string, label: string): Field => ({
  name,
  form,
  sectionHeader: '',
  type: 'text',
  label,
  choices: '',
  note: '',
  validation: '',
  min: '',
  max: '',
  identifier: false,
  branchingLogic: '',
  required: false,
  alignment: '',
  questionNumber: '',
  matrixGroup: '',
  matrixRanking: '',
  annotation: '',
});

/** What a creation by super token asks for, checked (§2.17). */
export interface ProjectWish {
  title: string;
  purpose: number;
  purposeOther: string;
  notes: string;
  longitudinal: boolean;
  surveys: boolean;
  autonumbering: boolean;
}

/** Reads the one entry of a creation's `data`. Throws REDCap's refusals. */
export function readWish(items: readonly SentItem[]): ProjectWish {
  const [item] = items;
  if (item === undefined) throw new ApiError(400, messages.dataNotInFormat);
  const title = item.text('project_title');
  const purpose = item.text('purpose');
  if (title === '') throw new ApiError(400, messages.projectFieldMissing('project_title'));
  if (purpose === '') throw new ApiError(400, messages.projectFieldMissing('purpose'));
  if (!/^[0-4]$/.test(purpose)) throw new ApiError(400, messages.purposeInvalid);
  const purposeOther = item.text('purpose_other');
  if (purpose === '1' && purposeOther === '') throw new ApiError(400, messages.purposeOtherMissing);
  const on = (key: string, otherwise: boolean): boolean =>
    item.text(key) === '' ? otherwise : /^(1|true)$/i.test(item.text(key));
  return {
    title,
    purpose: Number(purpose),
    purposeOther,
    notes: item.text('project_notes'),
    longitudinal: on('is_longitudinal', false),
    surveys: on('surveys_enabled', false),
    autonumbering: on('record_autonumbering_enabled', true),
  };
}

/** Puts a wish's title, purpose and notes over what a project XML says. */
export function applyWish(settings: ProjectSettings, wish: ProjectWish): void {
  settings.title = wish.title;
  settings.purpose = wish.purpose;
  settings.purposeOther = wish.purposeOther;
  if (wish.notes !== '') settings.notes = wish.notes;
}

/** A project without anything: one instrument with the record id, one event (§2.17). */
export function emptyDesign(wish: ProjectWish, eventId: number, creationTime: string): Design {
  const event = 'event_1_arm_1';
  return {
    settings: {
      title: wish.title,
      creationTime,
      productionTime: '',
      inProduction: false,
      language: 'English',
      purpose: wish.purpose,
      purposeOther: wish.purposeOther,
      notes: wish.notes,
      customRecordLabel: '',
      secondaryUniqueField: '',
      surveysEnabled: wish.surveys,
      schedulingEnabled: false,
      autonumbering: wish.autonumbering,
      randomizationEnabled: false,
      surveyEmailField: '',
      irbNumber: '',
      grantNumber: '',
      piFirstName: '',
      piLastName: '',
      piEmail: '',
      displayTodayNow: 1,
      bypassBranchingErase: 0,
      missingDataCodes: '',
    },
    longitudinal: wish.longitudinal,
    recordIdField: 'record_id',
    forms: [{ name: 'form_1', label: 'Form 1' }],
    fields: [plainField('record_id', 'form_1', 'Record ID')],
    arms: [{ number: 1, name: 'Arm 1' }],
    events: [
      {
        id: eventId,
        uniqueName: event,
        name: 'Event 1',
        arm: 1,
        dayOffset: 1,
        offsetMin: 0,
        offsetMax: 0,
        customLabel: '',
      },
    ],
    mapping: [{ event, form: 'form_1' }],
    repeating: [],
    dags: [],
    reports: [],
    randomization: null,
  };
}
