/** Shapes of REDCap's answers, by the parts that Studybridge uses (redcap-api.md §2). Everything else passes through. */
import { z } from 'zod';

const text = z.union([z.string(), z.number(), z.null()]).transform((value) => (value === null ? '' : String(value)));
const flag = z.union([z.number(), z.string(), z.boolean()]).transform((value) => ['1', 'true'].includes(String(value)));

/** One row of the data dictionary, all 18 columns (`content=metadata`). */
export const metadataRowSchema = z.object({
  field_name: z.string().min(1),
  form_name: z.string().min(1),
  section_header: text.default(''),
  field_type: z.string().min(1),
  field_label: text.default(''),
  select_choices_or_calculations: text.default(''),
  field_note: text.default(''),
  text_validation_type_or_show_slider_number: text.default(''),
  text_validation_min: text.default(''),
  text_validation_max: text.default(''),
  identifier: text.default(''),
  branching_logic: text.default(''),
  required_field: text.default(''),
  custom_alignment: text.default(''),
  question_number: text.default(''),
  matrix_group_name: text.default(''),
  matrix_ranking: text.default(''),
  field_annotation: text.default(''),
});
export type MetadataRow = z.infer<typeof metadataRowSchema>;

export const eventSchema = z.object({
  event_name: z.string(),
  arm_num: z.coerce.number().int(),
  unique_event_name: z.string().min(1),
});
export type EventRow = z.infer<typeof eventSchema>;

export const armSchema = z.object({ arm_num: z.coerce.number().int(), name: z.string() });
export type ArmRow = z.infer<typeof armSchema>;

export const mappingSchema = z.object({
  arm_num: z.coerce.number().int(),
  unique_event_name: z.string().min(1),
  form: z.string().min(1),
});
export type MappingRow = z.infer<typeof mappingSchema>;

/** `form` is empty where the whole event repeats. */
export const repeatingSchema = z
  .object({ event_name: z.string().default(''), form_name: z.string().nullable().default('') })
  .transform((row) => ({ event: row.event_name, form: row.form_name ?? '' }));
export type RepeatingRow = z.infer<typeof repeatingSchema>;

export const projectSchema = z.object({
  project_id: z.coerce.number().int(),
  project_title: z.string(),
  in_production: flag,
  is_longitudinal: flag,
});
export type ProjectInfo = z.infer<typeof projectSchema>;

/** `timestamp` is the server's wall time, to the minute (redcap-api.md §5). */
export const logRowSchema = z.object({
  timestamp: z.string(),
  username: text,
  action: z.string(),
  details: text,
  record: text.optional(),
});
export type LogRow = z.infer<typeof logRowSchema>;

export const userSchema = z.object({
  username: z.string(),
  api_export: flag.default(false),
  api_import: flag.default(false),
  logging: flag.default(false),
  record_create: flag.default(false),
});
export type UserRow = z.infer<typeof userSchema>;
