import type { DictionaryField } from '@studybridge/field-mapping';

/** A REDCap project's structure as its API exports it; what a study folder keeps under `project/`. */
export interface ProjectFiles {
  dictionary: readonly DictionaryField[];
  instruments: readonly { instrument_name: string; instrument_label: string }[];
  arms: readonly { arm_num: number; name: string }[];
  events: readonly {
    event_name: string;
    arm_num: number;
    day_offset: number;
    offset_min: number;
    offset_max: number;
    unique_event_name: string;
  }[];
  eventMap: readonly { arm_num: number; unique_event_name: string; form: string }[];
  repeating: readonly { event_name: string; form_name: string; custom_form_label: string }[];
}
