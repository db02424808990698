import type { DictionaryField } from './codebook';
import type { CheckableMapping, MappedField } from './define-mapping';

/** One way in which the live project no longer fits a mapping. */
export interface DriftProblem {
  mapping: string;
  partnerField: string;
  event: string;
  field: string;
  /** What changed, one sentence for the data manager. */
  sentence: string;
}

/** A row of REDCap's form-event mapping, as its API exports it (`content=formEventMapping`). */
export interface LiveEventInstrument {
  unique_event_name: string;
  form: string;
}

/**
 * Compares what a mapping expects with the live dictionary and event map. Empty = it fits. A field that several partner
 * fields use gives one problem for each, so that what is touched can be stopped and the rest goes on.
 */
export function checkMapping(
  mapping: CheckableMapping,
  liveDictionary: readonly DictionaryField[],
  liveEventMap: readonly LiveEventInstrument[],
): DriftProblem[] {
  const fields = new Map(liveDictionary.map((field) => [field.field_name, field]));
  const instruments = new Set(liveDictionary.map((field) => field.form_name));
  const designated = new Set(liveEventMap.map((row) => `${row.unique_event_name}/${row.form}`));
  return mapping.fields.flatMap((expected) =>
    [
      ...(expected.field === `${expected.instrument}_complete`
        ? checkFormStatus(expected, instruments)
        : checkField(expected, fields.get(dictionaryName(expected.field)))),
      ...checkEvent(expected, fields.get(dictionaryName(expected.field))?.form_name ?? expected.instrument, designated),
    ].map((sentence) => ({
      mapping: mapping.name,
      partnerField: expected.partnerField,
      event: expected.event,
      field: expected.field,
      sentence,
    })),
  );
}

function checkFormStatus(expected: MappedField, instruments: ReadonlySet<string>): string[] {
  return instruments.has(expected.instrument)
    ? []
    : [`The instrument ${expected.instrument} is gone, and with it its status ${expected.field}.`];
}

function checkField(expected: MappedField, live: DictionaryField | undefined): string[] {
  if (live === undefined) return [`The field ${expected.field} is gone from the dictionary, or was renamed.`];
  const sentences: string[] = [];
  if (live.form_name !== expected.instrument) {
    sentences.push(
      `The field ${expected.field} moved from the instrument ${expected.instrument} to ${live.form_name}.`,
    );
  }
  if (kindOf(live.field_type) !== kindOf(expected.type)) {
    sentences.push(`The field ${expected.field} changed its type from ${expected.type} to ${live.field_type}.`);
    return sentences;
  }
  const validation = live.text_validation_type_or_show_slider_number;
  if (validation !== expected.validation && expected.codes === null) {
    sentences.push(
      `The field ${expected.field} changed its validation from ${expected.validation || 'none'} to ${validation || 'none'}.`,
    );
  }
  return expected.codes === null ? sentences : [...sentences, ...checkCodes(expected, expected.codes, live)];
}

function checkCodes(expected: MappedField, codes: readonly string[], live: DictionaryField): string[] {
  const choices = parseChoices(live);
  if (live.field_type === 'checkbox') {
    const option = expected.field.slice(live.field_name.length + 3);
    return choices.has(option)
      ? []
      : [`The field ${live.field_name} lost the option ${option}, which the mapping uses.`];
  }
  return [
    ...[...choices.keys()]
      .filter((code) => !codes.includes(code))
      .map(
        (code) =>
          `The field ${expected.field} gained the code ${code} (${choices.get(code)}), which the mapping does not know.`,
      ),
    ...codes
      .filter((code) => !choices.has(code))
      .map((code) => `The field ${expected.field} lost the code ${code}, which the mapping still uses.`),
  ];
}

function checkEvent(expected: MappedField, instrument: string, designated: ReadonlySet<string>): string[] {
  return designated.has(`${expected.event}/${instrument}`)
    ? []
    : [
        `The instrument ${instrument} is not designated to the event ${expected.event}, where ${expected.field} is read.`,
      ];
}

/** The choices of a dictionary row, code to label in the dictionary's order; `yesno` and `truefalse` have REDCap's own. */
export function parseChoices(
  field: Pick<DictionaryField, 'field_type' | 'select_choices_or_calculations'>,
): Map<string, string> {
  if (field.field_type === 'yesno') return new Map([['1', 'Yes'], ['0', 'No']]); // prettier-ignore
  if (field.field_type === 'truefalse') return new Map([['1', 'True'], ['0', 'False']]); // prettier-ignore
  if (!['radio', 'dropdown', 'checkbox'].includes(field.field_type)) return new Map();
  const choices = new Map<string, string>();
  for (const choice of field.select_choices_or_calculations.split('|')) {
    const comma = choice.indexOf(',');
    const code = (comma < 0 ? choice : choice.slice(0, comma)).trim();
    if (code !== '') choices.set(code, comma < 0 ? code : choice.slice(comma + 1).trim());
  }
  return choices;
}

/** A checkbox stands in the dictionary once and in the data once per option, as `field___option`. */
function dictionaryName(field: string): string {
  return field.split('___')[0] ?? field;
}

/** Radio and dropdown hold the same values; changing one to the other is no drift. */
function kindOf(type: string): string {
  return type === 'dropdown' ? 'radio' : type;
}
