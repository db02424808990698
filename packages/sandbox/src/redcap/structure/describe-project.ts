import { ApiError } from '../api-error';
import { messages } from '../messages';
import type { LogEntry, User } from '../model';
import type { Params } from '../params';
import type { Project } from '../project';
import { readServerTime } from '../server-time';
import { atLeast } from '../version';
import { toldForms, toldRights } from './rights';
import type { ListRow, ListStyle } from './write-list';

/** A list export: its rows and how they are written. */
export interface ListExport {
  rows: ListRow[];
  style: ListStyle;
}

const list = (root: string, keys: readonly string[], rows: ListRow[], more: Partial<ListStyle> = {}): ListExport => ({
  rows,
  style: { root, keys, ...more },
});

const metadataKeys = [
  'field_name',
  'form_name',
  'section_header',
  'field_type',
  'field_label',
  'select_choices_or_calculations',
  'field_note',
  'text_validation_type_or_show_slider_number',
  'text_validation_min',
  'text_validation_max',
  'identifier',
  'branching_logic',
  'required_field',
  'custom_alignment',
  'question_number',
  'matrix_group_name',
  'matrix_ranking',
  'field_annotation',
];

function refuseUnknown(parameter: string, names: readonly string[] | null, known: (name: string) => boolean): void {
  const unknown = (names ?? []).filter((name) => !known(name));
  if (unknown.length > 0) throw new ApiError(400, messages.valuesNotValid(parameter, unknown));
}

/** The dictionary, 18 columns (§2.7). */
export function metadata(project: Project, params: Params): ListExport {
  const { design, codebook } = project;
  const fields = params.list('fields');
  const forms = params.list('forms');
  refuseUnknown('fields', fields, (name) => design.fields.some((field) => field.name === name));
  refuseUnknown('forms', forms, (name) => codebook.formIndex.has(name));
  const wanted = design.fields.filter(
    (field) =>
      (fields === null && forms === null) ||
      fields?.includes(field.name) === true ||
      forms?.includes(field.form) === true,
  );
  const yes = (flag: boolean): string => (flag ? 'y' : '');
  const rows = wanted.map((field) => ({
    field_name: field.name,
    form_name: field.form,
    section_header: field.sectionHeader,
    field_type: field.type,
    field_label: field.label,
    select_choices_or_calculations: field.choices,
    field_note: field.note,
    text_validation_type_or_show_slider_number: field.validation,
    text_validation_min: field.min,
    text_validation_max: field.max,
    identifier: yes(field.identifier),
    branching_logic: field.branchingLogic,
    required_field: yes(field.required),
    custom_alignment: field.alignment,
    question_number: field.questionNumber,
    matrix_group_name: field.matrixGroup,
    matrix_ranking: field.matrixRanking,
    field_annotation: field.annotation,
  }));
  return list('records', metadataKeys, rows, { delimiter: params.delimiter() });
}

/** Export names, one row per column; calculations and statuses included, files and descriptive fields not (§2.8). */
export function exportFieldNames(project: Project, params: Params): ListExport {
  const { codebook } = project;
  const field = params.get('field');
  if (field !== '' && !codebook.columnsByField.has(field)) throw new ApiError(400, messages.fieldNotValid(field));
  const rows = codebook.columns
    .filter((column) => column.kind !== 'file' && (field === '' || column.fieldName === field))
    .map((column) => ({
      original_field_name: column.fieldName,
      choice_value: column.code,
      export_field_name: column.name,
    }));
  return list('fields', ['original_field_name', 'choice_value', 'export_field_name'], rows);
}

/** Instruments in project order (§2.9). */
export function instruments(project: Project): ListExport {
  const rows = project.design.forms.map((form) => ({ instrument_name: form.name, instrument_label: form.label }));
  return list('items', ['instrument_name', 'instrument_label'], rows);
}

function armFilter(params: Params): (arm: number) => boolean {
  const wanted = params.list('arms')?.map(Number);
  return (arm) => wanted === undefined || wanted.includes(arm);
}

/** Arms that own events (§2.10). Refused for a classic project. */
export function arms(project: Project, params: Params): ListExport {
  if (!project.codebook.longitudinal) throw new ApiError(400, messages.armsOfClassic);
  const wanted = armFilter(params);
  const { design } = project;
  const rows = design.arms
    .filter((arm) => wanted(arm.number) && design.events.some((event) => event.arm === arm.number))
    .map((arm) => ({ arm_num: arm.number, name: arm.name }));
  return list('arms', ['arm_num', 'name'], rows);
}

/** Events; offsets only where scheduling is on (§2.11). Refused for a classic project. */
export function events(project: Project, params: Params): ListExport {
  if (!project.codebook.longitudinal) throw new ApiError(400, messages.eventsOfClassic);
  const wanted = armFilter(params);
  const offsets = project.design.settings.schedulingEnabled;
  const rows = project.design.events
    .filter((event) => wanted(event.arm))
    .map((event): ListRow => ({
      event_name: event.name,
      arm_num: event.arm,
      ...(offsets ? { day_offset: event.dayOffset, offset_min: event.offsetMin, offset_max: event.offsetMax } : {}),
      unique_event_name: event.uniqueName,
      custom_event_label: event.customLabel,
      event_id: event.id,
    }));
  const offsetKeys = offsets ? ['day_offset', 'offset_min', 'offset_max'] : [];
  const keys = ['event_name', 'arm_num', ...offsetKeys, 'unique_event_name', 'custom_event_label', 'event_id'];
  return list('events', keys, rows, { alwaysQuoted: ['event_name'] });
}

/** Which instrument belongs to which event, by arm, event, form (§2.12). Refused for a classic project. */
export function formEventMapping(project: Project, params: Params): ListExport {
  const { codebook, design } = project;
  if (!codebook.longitudinal) throw new ApiError(400, messages.mappingsOfClassic);
  const wanted = armFilter(params);
  const rows = design.events.flatMap((event) =>
    design.forms
      .filter((_, form) => wanted(event.arm) && codebook.isDesignated(event, form))
      .map((form) => ({ arm_num: event.arm, unique_event_name: event.uniqueName, form: form.name })),
  );
  return list('items', ['arm_num', 'unique_event_name', 'form'], rows);
}

/** What repeats (§2.13). Refused when nothing does. */
export function repeatingFormsEvents(project: Project): ListExport {
  const { codebook, design } = project;
  if (!codebook.hasRepeating) throw new ApiError(400, messages.nothingRepeats);
  const first = codebook.firstEvent.uniqueName;
  const seen = design.repeating.filter(
    (entry) => codebook.longitudinal || (entry.event === first && entry.form !== ''),
  );
  const rows = seen.map((entry): ListRow => ({
    ...(codebook.longitudinal ? { event_name: entry.event } : {}),
    form_name: entry.form,
    custom_form_label: entry.label,
  }));
  const keys = [...(codebook.longitudinal ? ['event_name'] : []), 'form_name', 'custom_form_label'];
  return list('items', keys, rows, { quoting: 'minimal' });
}

/** Data access groups, with their ids since 13.1 (§2.16). */
export function dags(project: Project, _params: Params, _user: User, version: string): ListExport {
  const numbered = atLeast(version, '13.1.0');
  const rows = project.design.dags.map((dag): ListRow => ({
    data_access_group_name: dag.name,
    unique_group_name: dag.uniqueName,
    ...(numbered ? { data_access_group_id: dag.id } : {}),
  }));
  const keys = ['data_access_group_name', 'unique_group_name', ...(numbered ? ['data_access_group_id'] : [])];
  return list('dags', keys, rows);
}

/** The project's settings: one object, not a list, in JSON (§2.17). */
export function projectInfo(project: Project, version: string): ListRow {
  const info = modernInfo(project, version);
  if (atLeast(version, '10.0.0')) return info;
  // 9.1.3 was seen to tell all but what it works out as texts, fewer of them, and what repeats last.
  const derived = ['is_longitudinal', 'has_repeating_instruments_or_events'];
  const later = ['missing_data_codes', 'external_modules', 'bypass_branching_erase_field_prompt', derived[1]!];
  const told = Object.keys(info).filter((key) => !later.includes(key));
  return Object.fromEntries(
    [...told, derived[1]!].map((key) => [key, derived.includes(key) ? info[key]! : String(info[key])]),
  );
}

function modernInfo(project: Project, version: string): ListRow {
  const { settings } = project.design;
  const { codebook } = project;
  return {
    project_id: project.id,
    project_title: settings.title,
    creation_time: settings.creationTime,
    production_time: settings.productionTime,
    in_production: Number(settings.inProduction),
    project_language: settings.language,
    purpose: settings.purpose,
    purpose_other: settings.purposeOther,
    project_notes: settings.notes,
    custom_record_label: settings.customRecordLabel,
    secondary_unique_field: settings.secondaryUniqueField,
    is_longitudinal: Number(codebook.longitudinal),
    has_repeating_instruments_or_events: Number(codebook.hasRepeating),
    surveys_enabled: Number(settings.surveysEnabled),
    scheduling_enabled: Number(settings.schedulingEnabled),
    record_autonumbering_enabled: Number(settings.autonumbering),
    randomization_enabled: Number(settings.randomizationEnabled),
    ddp_enabled: 0,
    project_irb_number: settings.irbNumber,
    project_grant_number: settings.grantNumber,
    project_pi_firstname: settings.piFirstName,
    project_pi_lastname: settings.piLastName,
    ...(atLeast(version, '15.8.2') ? { project_pi_email: settings.piEmail } : {}),
    display_today_now_button: settings.displayTodayNow,
    missing_data_codes: settings.missingDataCodes,
    external_modules: '',
    bypass_branching_erase_field_prompt: settings.bypassBranchingErase,
  };
}

/** The project's users with the rights that count, columns by version (§2.14). */
export function users(project: Project, _params: Params, _user: User, version: string): ListExport {
  const told = toldRights(project, version);
  const labelled = atLeast(version, '16.0.0');
  const perForm = atLeast(version, '12.0.0');
  const rows = [...project.users.values()].map((user): ListRow => {
    const dag = project.design.dags.find((candidate) => candidate.uniqueName === user.dag);
    const { rights } = project.effective(user);
    return {
      username: user.username,
      email: user.email,
      firstname: user.firstname,
      lastname: user.lastname,
      expiration: user.expiration,
      data_access_group: user.dag,
      data_access_group_id: dag?.id ?? '',
      ...(labelled ? { data_access_group_label: dag?.name ?? '' } : {}),
      ...Object.fromEntries(told.map((key) => [key, rights[key]])),
      forms: toldForms(rights, version),
      ...(perForm
        ? { forms_export: rights.forms_export }
        : { data_export: Math.max(0, ...Object.values(rights.forms_export)) }),
    };
  });
  const keys = [
    'username',
    'email',
    'firstname',
    'lastname',
    'expiration',
    'data_access_group',
    'data_access_group_id',
    ...(labelled ? ['data_access_group_label'] : []),
    ...told,
    'forms',
    perForm ? 'forms_export' : 'data_export',
  ];
  return list('users', keys, rows);
}

/** The project's roles: the same rights as texts, the three about locks in another order (§2.15). */
export function userRoles(project: Project, _params: Params, _user: User, version: string): ListExport {
  const locks = ['lock_records_customization', 'lock_records', 'lock_records_all_forms'] as const;
  const told = toldRights(project, version);
  const first = told.findIndex((key) => key.startsWith('lock_'));
  const ordered = [...told.slice(0, first), ...locks, ...told.slice(first + locks.length)];
  const rows = project.roles.map((role): ListRow => ({
    unique_role_name: role.uniqueName,
    role_label: role.label,
    ...Object.fromEntries(ordered.map((key) => [key, String(role.rights[key])])),
    forms: toldForms(role.rights, version),
    forms_export: role.rights.forms_export,
  }));
  return list('userRoles', ['unique_role_name', 'role_label', ...ordered, 'forms', 'forms_export'], rows);
}

/** Which user has which role; users without one are there with a blank (§2.15). */
export function userRoleMapping(project: Project, _params: Params, _user: User, version: string): ListExport {
  // A client's own tests saw the column on a server of about 15.2, other notes say 15.8.2.
  const grouped = atLeast(version, '15.2.0');
  const rows = [...project.users.values()].map((user): ListRow => ({
    username: user.username,
    unique_role_name: user.role,
    ...(grouped ? { data_access_group: user.dag } : {}),
  }));
  return list('items', ['username', 'unique_role_name', ...(grouped ? ['data_access_group'] : [])], rows);
}

/** Which user is in which group, all users (§2.16). */
export function userDagMapping(project: Project): ListExport {
  const rows = [...project.users.values()].map((user) => ({
    username: user.username,
    redcap_data_access_group: user.dag,
  }));
  return list('items', ['username', 'redcap_data_access_group'], rows);
}

const isRecord = (verb: string) => (action: string) => new RegExp(`^${verb} record`, 'i').test(action);
const logTypes: Record<string, (action: string) => boolean> = {
  export: (action) => action.startsWith('Data Export'),
  manage: (action) => action.startsWith('Manage/Design'),
  user: (action) => /\buser\b/i.test(action),
  record: isRecord('(Create|Update|Delete)'),
  record_add: isRecord('Create'),
  record_edit: isRecord('Update'),
  record_delete: isRecord('Delete'),
  lock_record: (action) => action.startsWith('Lock/Unlock'),
  page_view: () => false,
};

/** Up to 11: `Created Record (API) 1200` (§5). */
const oldWords = (action: string): string => action.replace(/^(Create|Update|Delete) record\b/, '$1d Record');

/** The log, newest first, filtered (§2.22). Times are minutes of the server's wall clock. */
export function logEntries(project: Project, params: Params, user: User, version: string): ListExport {
  const type = params.get('logtype');
  const ofType = type === '' ? () => true : Object.hasOwn(logTypes, type) ? logTypes[type]! : null;
  if (ofType === null) throw new ApiError(400, messages.parameterInvalid('logtype'));
  const time = (name: string): string => {
    const text = params.get(name);
    const read = text === '' ? '' : readServerTime(text);
    if (read === null) throw new ApiError(400, messages.parameterInvalid(name));
    return read;
  };
  const begin = time('beginTime');
  const end = time('endTime');
  const dag = user.dag === '' ? params.get('dag') : user.dag;
  // Lines that concern no record are not left out by a group (phpcap LoggingTest); who is in one sees those of its members.
  const ofGroup = (entry: LogEntry): boolean =>
    entry.record === ''
      ? user.dag === '' || project.users.get(entry.user)?.dag === user.dag
      : project.data.get(entry.record)?.dag === dag;
  const wanted = (entry: LogEntry): boolean =>
    ofType(entry.action) &&
    (begin === '' || entry.at >= begin) &&
    (end === '' || entry.at <= end) &&
    (params.get('user') === '' || entry.user === params.get('user')) &&
    (params.get('record') === '' || entry.record === params.get('record')) &&
    (dag === '' || ofGroup(entry));
  const rows: ListRow[] = [];
  for (let i = project.log.length - 1; i >= 0; i -= 1) {
    const entry = project.log[i]!;
    if (!wanted(entry)) continue;
    rows.push({
      timestamp: entry.at.slice(0, 16),
      username: entry.user,
      action: atLeast(version, '12.0.0') ? entry.action : oldWords(entry.action),
      details: atLeast(version, '12.0.0') ? entry.details : entry.details.replace('DAG assignments', 'DAG Assignments'),
      record: entry.record,
    });
  }
  return list('logs', ['timestamp', 'username', 'action', 'details', 'record'], rows);
}
