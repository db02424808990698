/**
 * Shapes of REDCap's answers (redcap-api.md §2). What a schema does not name is left out of the rows and told to
 * `onUnknownNames`.
 */
import { z } from 'zod';

const toText = (value: string | number | null): string => (value === null ? '' : String(value));
const toNumber = (value: string | number | null): number | null =>
  value === null || value === '' ? null : Number(value);
const scalar = z.union([z.string(), z.number(), z.null()]);
const text = scalar.default('').transform(toText);
/** Missing where REDCap did not tell it. */
const textIfTold = scalar.transform(toText).optional();
const flag = z
  .union([z.number(), z.string(), z.boolean(), z.null()])
  .transform((value) => ['1', 'true'].includes(String(value)));
const whole = z.coerce.number().int();
const maybeWhole = scalar.default('').transform(toNumber);
const wholeIfTold = scalar.transform(toNumber).optional();
/** Rights per instrument. PHP writes an empty map as an empty list. */
const rightsMap = z
  .union([z.record(z.string(), z.coerce.number()), z.array(z.never()).transform(() => ({}))])
  .default({});

/** One row of the data dictionary, all 18 columns (`content=metadata`). */
export const metadataRowSchema = z.object({
  field_name: z.string().min(1),
  form_name: z.string().min(1),
  section_header: text,
  field_type: z.string().min(1),
  field_label: text,
  select_choices_or_calculations: text,
  field_note: text,
  text_validation_type_or_show_slider_number: text,
  text_validation_min: text,
  text_validation_max: text,
  identifier: text,
  branching_logic: text,
  required_field: text,
  custom_alignment: text,
  question_number: text,
  matrix_group_name: text,
  matrix_ranking: text,
  field_annotation: text,
});
/** See {@link metadataRowSchema}. */
export type MetadataRow = z.infer<typeof metadataRowSchema>;

/** An instrument and its label. */
export const instrumentSchema = z.object({ instrument_name: z.string().min(1), instrument_label: text });
/** See {@link instrumentSchema}. */
export type InstrumentRow = z.infer<typeof instrumentSchema>;

/** One exportable column; a checkbox has one per choice, of which `choice_value` is the code (§2.8). */
export const fieldNameSchema = z.object({
  original_field_name: z.string().min(1),
  choice_value: text,
  export_field_name: z.string().min(1),
});
/** See {@link fieldNameSchema}. */
export type FieldNameRow = z.infer<typeof fieldNameSchema>;

/** Offsets (days) are told only where scheduling is on. */
export const eventSchema = z.object({
  event_name: z.string(),
  arm_num: whole,
  day_offset: wholeIfTold,
  offset_min: wholeIfTold,
  offset_max: wholeIfTold,
  unique_event_name: z.string().min(1),
  custom_event_label: textIfTold,
  event_id: whole.optional(),
});
/** See {@link eventSchema}. */
export type EventRow = z.infer<typeof eventSchema>;

/** An arm by its number. */
export const armSchema = z.object({ arm_num: whole, name: z.string() });
/** See {@link armSchema}. */
export type ArmRow = z.infer<typeof armSchema>;

/** An instrument designated to an event. */
export const mappingSchema = z.object({
  arm_num: whole,
  unique_event_name: z.string().min(1),
  form: z.string().min(1),
});
/** See {@link mappingSchema}. */
export type MappingRow = z.infer<typeof mappingSchema>;

/** `form` is empty where the whole event repeats, `event` in a project without events. */
export const repeatingSchema = z.object({
  event_name: text,
  form_name: text,
  custom_form_label: text,
});
/** What repeats, and its label; see {@link repeatingSchema}. */
export interface RepeatingRow {
  event: string;
  form: string;
  label: string;
}

/** A Data Access Group. */
export const dagSchema = z.object({
  data_access_group_name: z.string(),
  unique_group_name: z.string(),
  data_access_group_id: wholeIfTold,
});
/** See {@link dagSchema}. */
export type DagRow = z.infer<typeof dagSchema>;

/** A user’s group; empty for none. */
export const userDagSchema = z.object({ username: z.string(), redcap_data_access_group: text });
/** See {@link userDagSchema}. */
export type UserDagRow = z.infer<typeof userDagSchema>;

/** A user’s role; empty for none. */
export const userRoleMappingSchema = z.object({
  username: z.string(),
  unique_role_name: text,
  data_access_group: textIfTold,
});
/** See {@link userRoleMappingSchema}. */
export type UserRoleMappingRow = z.infer<typeof userRoleMappingSchema>;

/** Rights of a user or role as REDCap's versions name them (§2.14). */
const rightNames = [
  ...['design', 'alerts', 'user_rights', 'data_access_groups', 'reports', 'stats_and_charts'],
  ...['manage_survey_participants', 'calendar', 'data_import_tool', 'data_comparison_tool', 'logging', 'email_logging'],
  ...['file_repository', 'data_quality_create', 'data_quality_execute', 'data_quality_resolution', 'api_export'],
  ...['api_import', 'api_modules', 'mobile_app', 'mobile_app_download_data', 'record_create', 'record_rename'],
  ...['record_delete', 'lock_records_all_forms', 'lock_records', 'lock_records_customization', 'mycap_participants'],
  ...['random_setup', 'random_dashboard', 'random_perform', 'data_export'],
] as const;

/** Rights by name, 0 = none; what REDCap's version does not know is missing. */
export type Rights = Readonly<Record<string, number>>;

const userFields = {
  username: z.string(),
  email: text,
  firstname: text,
  lastname: text,
  expiration: text,
  data_access_group: text,
  data_access_group_id: text,
  data_access_group_label: text,
};
const roleFields = { unique_role_name: text, role_label: text };
const formFields = { forms: rightsMap, forms_export: rightsMap };
/** A row of users, its rights beside what is named here. */
export const userSchema = z.looseObject({ ...userFields, ...formFields });
/** A row of roles, its rights beside what is named here. */
export const roleSchema = z.looseObject({ ...roleFields, ...formFields });
/** Every name that a row of users may have. */
export const userNames: readonly string[] = [...Object.keys({ ...userFields, ...formFields }), ...rightNames];
/** Every name that a row of roles may have. */
export const roleNames: readonly string[] = [...Object.keys({ ...roleFields, ...formFields }), ...rightNames];

/** A user of the project; with a role, the role's rights (§2.14). */
export interface UserRow {
  username: string;
  email: string;
  firstname: string;
  lastname: string;
  /** `YYYY-MM-DD`, empty where the account does not expire. */
  expiration: string;
  /** Unique name of the group, empty for none. */
  data_access_group: string;
  rights: Rights;
  /** Right to each instrument: numbers of REDCap's version (§2.14). */
  forms: Rights;
  forms_export: Rights;
}

/** A role of the project and its rights (§2.15). */
export interface RoleRow {
  unique_role_name: string;
  role_label: string;
  rights: Rights;
  forms: Rights;
  forms_export: Rights;
}

/** The rights in a row of users or roles. */
export function rightsIn(row: Record<string, unknown>): Rights {
  const told = rightNames.filter((name) => row[name] !== undefined && row[name] !== null && row[name] !== '');
  return Object.fromEntries(told.map((name) => [name, Number(row[name])]));
}

/** What REDCap tells of a project (§2.17). */
export const projectSchema = z.object({
  project_id: whole,
  project_title: z.string(),
  creation_time: text,
  production_time: text,
  in_production: flag,
  project_language: text,
  purpose: maybeWhole,
  purpose_other: text,
  project_notes: text,
  custom_record_label: text,
  secondary_unique_field: text,
  is_longitudinal: flag,
  has_repeating_instruments_or_events: flag.default(false),
  surveys_enabled: flag.default(false),
  scheduling_enabled: flag.default(false),
  record_autonumbering_enabled: flag.default(false),
  randomization_enabled: flag.default(false),
  ddp_enabled: flag.default(false),
  project_irb_number: text,
  project_grant_number: text,
  project_pi_firstname: text,
  project_pi_lastname: text,
  project_pi_email: text,
  display_today_now_button: flag.default(false),
  /** `code, label | code, label` as in a dictionary. */
  missing_data_codes: text,
  external_modules: text,
  bypass_branching_erase_field_prompt: flag.default(false),
});
/** See {@link projectSchema}. */
export type ProjectInfo = z.infer<typeof projectSchema>;

/** `timestamp` is the server's wall time, to the minute (§5). */
export const logRowSchema = z.object({
  timestamp: z.string(),
  username: text,
  action: z.string(),
  details: text,
  record: textIfTold,
});
/** See {@link logRowSchema}. */
export type LogRow = z.infer<typeof logRowSchema>;

/** A line of a survey’s participant list. */
export const participantSchema = z.object({
  email: text,
  email_occurrence: maybeWhole,
  identifier: text,
  record: textIfTold,
  invitation_sent_status: maybeWhole,
  invitation_send_time: text,
  /** 0 none, 1 partial, 2 complete. */
  response_status: maybeWhole,
  survey_access_code: text,
  survey_link: text,
});
/** See {@link participantSchema}. */
export type ParticipantRow = z.infer<typeof participantSchema>;

/** Folders have a `folder_id`, files a `doc_id`; the other is null. */
export const fileListSchema = z.object({
  folder_id: maybeWhole,
  doc_id: maybeWhole,
  name: text,
  role: textIfTold,
  dag: textIfTold,
});
/** See {@link fileListSchema}. */
export type FileListRow = z.infer<typeof fileListSchema>;

/** A folder that was made. */
export const folderSchema = z.object({ folder_id: whole });

/** What a randomisation gave; `target_field_alt` only where it was asked for, `*` while it is concealed (§2.6). */
export const randomizedSchema = z.object({
  randomization_id: whole,
  record: text,
  target_field: text,
  target_field_alt: textIfTold,
});
/** See {@link randomizedSchema}. */
export type Randomized = z.infer<typeof randomizedSchema>;

/** One stored value (`type=eav`); system columns only where the project has them (§3.6). */
export const eavSchema = z.object({
  record: text,
  redcap_event_name: textIfTold,
  redcap_repeat_instrument: textIfTold,
  redcap_repeat_instance: textIfTold,
  field_name: z.string().min(1),
  value: text,
});
/** See {@link eavSchema}. */
export type EavRow = z.infer<typeof eavSchema>;
