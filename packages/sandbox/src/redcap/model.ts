/**
 * A field of the dictionary, in the words of the API's metadata export (redcap-api.md §2.7). `choices` is the text of
 * `select_choices_or_calculations` as it will be exported.
 */
export interface Field {
  name: string;
  form: string;
  sectionHeader: string;
  type: string;
  label: string;
  choices: string;
  note: string;
  validation: string;
  min: string;
  max: string;
  identifier: boolean;
  branchingLogic: string;
  required: boolean;
  alignment: string;
  questionNumber: string;
  matrixGroup: string;
  matrixRanking: string;
  annotation: string;
}

/** An instrument. `survey` holds the survey's title where the instrument is one. */
export interface Form {
  name: string;
  label: string;
  survey?: string;
}

/** An arm that owns at least one event. */
interface Arm {
  number: number;
  name: string;
}

/** An event. Offsets are days, relative to the arm's anchor. */
export interface ProjectEvent {
  id: number;
  uniqueName: string;
  name: string;
  arm: number;
  dayOffset: number;
  offsetMin: number;
  offsetMax: number;
  customLabel: string;
}

/** What repeats: the whole event (`form` empty) or one instrument in an event. */
export interface Repeating {
  event: string;
  form: string;
  label: string;
}

/** A data access group. */
interface Dag {
  id: number;
  name: string;
  uniqueName: string;
}

/** Project settings that the API tells (redcap-api.md §2.17). */
export interface ProjectSettings {
  title: string;
  creationTime: string;
  productionTime: string;
  inProduction: boolean;
  language: string;
  purpose: number;
  purposeOther: string;
  notes: string;
  customRecordLabel: string;
  secondaryUniqueField: string;
  surveysEnabled: boolean;
  schedulingEnabled: boolean;
  autonumbering: boolean;
  randomizationEnabled: boolean;
  /** The field that holds the address surveys are sent to; blank for none. */
  surveyEmailField: string;
  irbNumber: string;
  grantNumber: string;
  piFirstName: string;
  piLastName: string;
  piEmail: string;
  displayTodayNow: number;
  bypassBranchingErase: number;
  /** As in the XML: `NI, No information | UNK, Unknown`. */
  missingDataCodes: string;
}

/** A report of the project (redcap-api.md §2.19, §6.2): its own columns in its own order, and which rows it shows. */
export interface Report {
  id: number;
  title: string;
  uniqueName: string;
  fields: string[];
  logic: string;
  /** `RECORD` shows every row of a record of which one row fits, `EVENT` the fitting rows only. */
  filterType: 'RECORD' | 'EVENT';
  removeLineBreaks: boolean;
  combineCheckboxes: boolean;
  outputDags: boolean;
  outputSurveyFields: boolean;
  filterDags: string[];
  filterEvents: string[];
  /** Up to three fields to sort by. */
  order: { field: string; descending: boolean }[];
}

/** How records are randomised: the field that takes the result, the fields that make the strata. */
export interface Randomization {
  id: number;
  targetField: string;
  targetEvent: string;
  strata: { field: string; event: string }[];
  /** Given results in order, per stratum (`code|code`); the stand-in draws balanced blocks where a list has run out. */
  allocations: Record<string, string[]>;
}

/** Everything about a project but its data, log and users: plain JSON. */
export interface Design {
  settings: ProjectSettings;
  longitudinal: boolean;
  recordIdField: string;
  forms: Form[];
  fields: Field[];
  arms: Arm[];
  events: ProjectEvent[];
  mapping: { event: string; form: string }[];
  repeating: Repeating[];
  dags: Dag[];
  reports: Report[];
  randomization: Randomization | null;
}

/**
 * What a user of a project may do, in the API's words and numbers (redcap-api.md §2.14): 0 no, 1 yes; `user_rights` 2 is
 * read only; `forms` 0 none, 1 view and edit, 2 read only; `forms_export` 0 none, 1 full, 2 de-identified, 3 no identifiers.
 */
export interface Rights {
  design: number;
  alerts: number;
  user_rights: number;
  data_access_groups: number;
  reports: number;
  stats_and_charts: number;
  manage_survey_participants: number;
  calendar: number;
  data_import_tool: number;
  data_comparison_tool: number;
  logging: number;
  email_logging: number;
  file_repository: number;
  data_quality_create: number;
  data_quality_execute: number;
  api_export: number;
  api_import: number;
  api_modules: number;
  mobile_app: number;
  mobile_app_download_data: number;
  record_create: number;
  record_rename: number;
  record_delete: number;
  lock_records_all_forms: number;
  lock_records: number;
  lock_records_customization: number;
  mycap_participants: number;
  random_setup: number;
  random_dashboard: number;
  random_perform: number;
  forms: Record<string, number>;
  forms_export: Record<string, number>;
}

/** A project's user. `dag` is the unique name of the group the user is bound to, or empty. */
export interface User {
  username: string;
  email: string;
  firstname: string;
  lastname: string;
  /** Day (`YYYY-MM-DD`) from which the user may do nothing any more; empty for never. */
  expiration: string;
  dag: string;
  /** Groups the user may switch between (§2.16); the current one need not be among them. */
  dags: string[];
  /** Unique name of the user's role, whose rights count then; empty for none. */
  role: string;
  rights: Rights;
}

/** A role of the project: rights under a name (redcap-api.md §2.15). */
export interface Role {
  id: number;
  uniqueName: string;
  label: string;
  rights: Rights;
}

/** A stored file, of a field or of the file repository. `data` is base64. */
export interface StoredFile {
  id: number;
  name: string;
  type: string;
  data: string;
}

/** A folder of the file repository; `parent` 0 is the top. */
export interface Folder {
  id: number;
  name: string;
  parent: number;
  dag: number;
  role: number;
}

/** One line of the project's log (redcap-api.md §5). `at` is wall time of the server: `YYYY-MM-DD HH:MM:SS`. */
export interface LogEntry {
  at: string;
  user: string;
  action: string;
  details: string;
  record: string;
}
