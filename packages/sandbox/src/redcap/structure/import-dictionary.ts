import { ApiError } from '../api-error';
import { messages } from '../messages';
import type { Design, Field, Form } from '../model';
import { restructure, type Project } from '../project';
import type { SentItem } from './parse-structure';

const types = new Set('text notes radio dropdown checkbox calc file yesno truefalse slider descriptive sql'.split(' '));
const typeNames: Record<string, string> = { select: 'dropdown', textarea: 'notes' };
const validationNames: Record<string, string> = { int: 'integer', float: 'number', date: 'date_ymd' };

/** `0, Female|1, Male` as a dictionary that was typed in or imported tells it: blanks round the bars (§2.7). */
function spaced(choices: string): string {
  return choices
    .split(/\||\n/)
    .map((choice) => choice.trim())
    .filter((choice) => choice !== '')
    .map((choice) => choice.replace(/^([^,]+?)\s*,\s*/, '$1, '))
    .join(' | ');
}

function readField(item: SentItem, line: number): Field {
  const name = item.text('field_name');
  const fault = (reason: string): ApiError => new ApiError(400, messages.metadataFault(line, reason));
  if (!/^[a-z][a-z0-9_]*$/.test(name)) throw fault('the field name is not valid');
  const form = item.text('form_name');
  if (!/^[a-z0-9][a-z0-9_]*$/.test(form)) throw fault('the form name is not valid');
  const sent = item.text('field_type').toLowerCase();
  const type = typeNames[sent] ?? sent;
  if (!types.has(type)) throw fault('the field type is not valid');
  const raw = item.text('select_choices_or_calculations');
  const isChoice = type === 'radio' || type === 'dropdown' || type === 'checkbox';
  if (isChoice && raw === '') throw fault('the choices are missing');
  if (type === 'calc' && raw === '') throw fault('the calculation is missing');
  const validation = item.text('text_validation_type_or_show_slider_number');
  const yes = (key: string): boolean => /^(y|yes|1|true)$/i.test(item.text(key));
  return {
    name,
    form,
    sectionHeader: item.text('section_header'),
    type,
    label: item.text('field_label'),
    choices: isChoice ? spaced(raw) : type === 'yesno' || type === 'truefalse' ? '' : raw,
    note: item.text('field_note'),
    validation: validationNames[validation] ?? validation,
    min: item.text('text_validation_min'),
    max: item.text('text_validation_max'),
    identifier: yes('identifier'),
    branchingLogic: item.text('branching_logic'),
    required: yes('required_field'),
    alignment: item.text('custom_alignment'),
    questionNumber: item.text('question_number'),
    matrixGroup: item.text('matrix_group_name'),
    matrixRanking: yes('matrix_ranking') ? 'y' : '',
    annotation: item.text('field_annotation'),
  };
}

/** The label an instrument gets that only has a name: `day_3` is `Day 3`. */
function labelOf(name: string): string {
  return name
    .split('_')
    .filter((word) => word !== '')
    .map((word) => word[0]!.toUpperCase() + word.slice(1))
    .join(' ');
}

function replaceForms(design: Design, fields: Field[]): string[] {
  const known = new Map(design.forms.map((form) => [form.name, form]));
  const names = [...new Set(fields.map((field) => field.form))];
  const added = names.filter((name) => !known.has(name));
  design.forms = names.map((name): Form => known.get(name) ?? { name, label: labelOf(name) });
  // Fields of one instrument stand together, whatever order they came in.
  design.fields = names.flatMap((name) => fields.filter((field) => field.form === name));
  design.recordIdField = design.fields[0]!.name;
  const kept = new Set(names);
  design.mapping = design.mapping.filter((entry) => kept.has(entry.form));
  design.repeating = design.repeating.filter((entry) => entry.form === '' || kept.has(entry.form));
  const [first] = design.events;
  if (!design.longitudinal && first !== undefined) {
    // In a classic project every instrument belongs to the one event; others, unseen, keep what they had.
    const others = design.mapping.filter((entry) => entry.event !== first.uniqueName);
    design.mapping = [...names.map((form) => ({ event: first.uniqueName, form })), ...others];
  }
  return added;
}

/**
 * Replaces the dictionary (§2.7): what is left out is gone, with its data. Answers how many fields there are now. Throws
 * REDCap's refusal in production and for a dictionary that cannot be.
 */
export function importDictionary(project: Project, items: readonly SentItem[]): number {
  const { design } = project;
  if (design.settings.inProduction) throw new ApiError(400, messages.metadataInProduction);
  const fields = items.map((item, at) => readField(item, at + 1));
  if (fields.length === 0) throw new ApiError(400, messages.dataNotInFormat);
  const seen = new Set<string>();
  fields.forEach((field, at) => {
    if (seen.has(field.name)) throw new ApiError(400, messages.metadataFault(at + 1, 'the field name is used twice'));
    seen.add(field.name);
  });
  if (fields[0]!.type !== 'text') {
    throw new ApiError(400, messages.metadataFault(1, 'the record ID field must be a text field'));
  }
  let added: string[] = [];
  restructure(project, (changed) => {
    added = replaceForms(changed, fields);
  });
  const names = new Set(design.forms.map((form) => form.name));
  for (const { rights } of [...project.users.values(), ...project.roles]) {
    for (const map of [rights.forms, rights.forms_export]) {
      const right = Object.values(map)[0] ?? 1;
      for (const form of added) map[form] = right;
      for (const form of Object.keys(map)) if (!names.has(form)) delete map[form];
    }
  }
  return fields.length;
}
