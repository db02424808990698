import { mappingsOf, MappingError, type DictionaryField } from '../src';

/** A small project: one event with two instruments, one with the second only. */
export const codebook = {
  recordIdField: 'record_id',
  events: {
    baseline_arm_1: { arm: 1, instruments: ['person', 'visit'] },
    follow_up_arm_1: { arm: 1, instruments: ['visit'] },
  },
  fields: {
    record_id: { instrument: 'person', type: 'text', validation: '', choices: {} },
    first_name: { instrument: 'person', type: 'text', validation: '', choices: {} },
    language: { instrument: 'person', type: 'radio', validation: '', choices: { '1': 'English', '2': 'Spanish' } },
    weight: { instrument: 'person', type: 'text', validation: 'number', choices: {} },
    allergy___1: { instrument: 'person', type: 'checkbox', validation: '', choices: { '0': 'Unchecked', '1': 'Nuts' } },
    person_complete: {
      instrument: 'person',
      type: 'dropdown',
      validation: '',
      choices: { '0': 'Incomplete', '1': 'Unverified', '2': 'Complete' },
    },
    came: { instrument: 'visit', type: 'yesno', validation: '', choices: { '0': 'No', '1': 'Yes' } },
    visit_complete: {
      instrument: 'visit',
      type: 'dropdown',
      validation: '',
      choices: { '0': 'Incomplete', '1': 'Unverified', '2': 'Complete' },
    },
  },
} as const;

export const from = mappingsOf(codebook);

export interface Partner {
  name: string;
  language: 'en' | 'es';
  came?: boolean;
  extra: { grams?: number; nuts?: boolean; source: string };
}

export const partnerMapping = from.mapping<Partner>('partner', {
  name: from.text('baseline_arm_1', 'first_name'),
  language: from.coded('baseline_arm_1', 'language', { '1': 'en', '2': 'es' }),
  came: from.optional(from.coded('follow_up_arm_1', 'came', { '1': true, '0': false })),
  extra: from.group<Partner['extra']>({
    grams: from.optional(
      from.converted<number, 'baseline_arm_1', 'weight'>('baseline_arm_1', 'weight', {
        example: '12',
        decode(text, where) {
          if (!/^\d+$/.test(text)) throw new MappingError(`${where.field} is no whole number.`, 'Correct it.');
          return Number(text) * 1000;
        },
        encode: (grams) => String(grams / 1000),
      }),
    ),
    nuts: from.optional(from.coded('baseline_arm_1', 'allergy___1', { '1': true, '0': false })),
    source: from.constant<string>('redcap'),
  }),
});

const blank: Omit<DictionaryField, 'field_name' | 'form_name' | 'field_type'> = {
  section_header: '',
  field_label: '',
  select_choices_or_calculations: '',
  field_note: '',
  text_validation_type_or_show_slider_number: '',
  text_validation_min: '',
  text_validation_max: '',
  identifier: '',
  branching_logic: '',
  required_field: '',
  custom_alignment: '',
  question_number: '',
  matrix_group_name: '',
  matrix_ranking: '',
  field_annotation: '',
};

export function field(
  field_name: string,
  form_name: string,
  field_type: string,
  more: Partial<DictionaryField> = {},
): DictionaryField {
  return { ...blank, field_name, form_name, field_type, ...more };
}

/** The dictionary and event map behind the codebook. */
export const dictionary: DictionaryField[] = [
  field('record_id', 'person', 'text'),
  field('first_name', 'person', 'text'),
  field('language', 'person', 'radio', { select_choices_or_calculations: '1, English | 2, Spanish' }),
  field('weight', 'person', 'text', { text_validation_type_or_show_slider_number: 'number' }),
  field('allergy', 'person', 'checkbox', { select_choices_or_calculations: '1, Nuts' }),
  field('came', 'visit', 'yesno'),
];
export const eventMap = [
  { unique_event_name: 'baseline_arm_1', form: 'person' },
  { unique_event_name: 'baseline_arm_1', form: 'visit' },
  { unique_event_name: 'follow_up_arm_1', form: 'visit' },
];
