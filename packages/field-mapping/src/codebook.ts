/**
 * One row of REDCap's data dictionary exactly as its API exports it (`content=metadata`): these 18 columns in this order,
 * every value a string.
 */
export interface DictionaryField {
  field_name: string;
  form_name: string;
  section_header: string;
  field_type: string;
  field_label: string;
  select_choices_or_calculations: string;
  field_note: string;
  text_validation_type_or_show_slider_number: string;
  text_validation_min: string;
  text_validation_max: string;
  /** `y` where the field identifies a person. */
  identifier: string;
  branching_logic: string;
  required_field: string;
  custom_alignment: string;
  question_number: string;
  matrix_group_name: string;
  matrix_ranking: string;
  field_annotation: string;
}

/** The columns of `DictionaryField`, in REDCap's order. */
export const dictionaryColumns = [
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
] as const satisfies readonly (keyof DictionaryField)[];

/** What the codebook knows of one field. `choices` maps code to label, and is empty where the field has none. */
export interface CodebookField {
  instrument: string;
  type: string;
  validation: string;
  choices: Readonly<Record<string, string>>;
}

/**
 * A project's names as literal types, generated from its dictionary and event map. `events` says which instruments live in
 * which event; `fields` holds every field of the dictionary and the form status field of every instrument.
 */
export interface Codebook {
  recordIdField: string;
  events: Readonly<Record<string, { arm: number; instruments: readonly string[] }>>;
  fields: Readonly<Record<string, CodebookField>>;
}

/** The unique event names of a codebook. */
export type EventOf<C extends Codebook> = keyof C['events'] & string;

/** The fields whose instrument lives in the event `E`: any other field does not compile. */
export type FieldIn<C extends Codebook, E extends EventOf<C>> = {
  [F in keyof C['fields'] & string]: C['fields'][F]['instrument'] extends C['events'][E]['instruments'][number]
    ? F
    : never;
}[keyof C['fields'] & string];

/** The choice codes of a field, as strings; `never` for a field without choices. */
export type CodeOf<
  C extends Codebook,
  F extends keyof C['fields'],
> = `${keyof C['fields'][F]['choices'] & (string | number)}`;
