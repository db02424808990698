import { parseChoices, type DictionaryField } from '@studybridge/field-mapping';
import type { ProjectFiles } from '../project-files';

const header = `// Generated from project/*.csv by \`npm run generate -w packages/studies\`; never edited by hand.\n`;
const formStatuses = { '0': 'Incomplete', '1': 'Unverified', '2': 'Complete' };

/** What a codebook is made from. */
export interface CodebookSource extends Pick<ProjectFiles, 'dictionary' | 'eventMap'> {
  events: readonly { unique_event_name: string; arm_num: number }[];
  /** Codes that stand for a missing answer in every field, with their labels. */
  missingDataCodes?: ReadonlyMap<string, string>;
}

/** The text of a study's `codebook.ts`: names, codes, events and instruments as literal types. */
export function renderCodebook(files: CodebookSource, firstLine = header): string {
  const [first] = files.dictionary;
  if (first === undefined) throw new Error('The dictionary has no field.');
  const missing = files.missingDataCodes ?? new Map<string, string>();
  const events = files.events.map(({ unique_event_name: event, arm_num: arm }) => {
    const instruments = files.eventMap.filter((row) => row.unique_event_name === event).map((row) => row.form);
    return line(event, { arm, instruments });
  });
  const instruments = [...new Set(files.dictionary.map((field) => field.form_name))];
  const fields = instruments.flatMap((instrument) => [
    ...files.dictionary.filter((field) => field.form_name === instrument).flatMap(fieldLines),
    line(`${instrument}_complete`, { instrument, type: 'dropdown', validation: '', choices: formStatuses }),
  ]);
  return [
    firstLine,
    '// prettier-ignore',
    'export const codebook = {',
    `  "recordIdField": ${JSON.stringify(first.field_name)},`,
    '  "events": {',
    ...events,
    '  },',
    '  "fields": {',
    ...fields,
    '  },',
    ...(missing.size > 0 ? [`  "missingDataCodes": ${JSON.stringify(Object.fromEntries(missing))},`] : []),
    '} as const;',
    '',
  ].join('\n');
}

/**
 * The text of a type that says what one flat row of a raw export holds, in words of its own: a field with codes is one of
 * them or blank, any other a text. Fields that hold nothing (descriptive ones) are left out.
 */
export function renderRecordType(files: CodebookSource): string {
  const missing = [...(files.missingDataCodes?.keys() ?? [])];
  const oneOf = (codes: Iterable<string>) => [...new Set([...codes, ''])].map((code) => quoted(code)).join(' | ');
  const instruments = [...new Set(files.dictionary.map((field) => field.form_name))];
  const columns = instruments.flatMap((instrument) => [
    ...files.dictionary
      .filter((field) => field.form_name === instrument && field.field_type !== 'descriptive')
      .flatMap((field) => columnsOf(field)),
    { name: `${instrument}_complete`, codes: Object.keys(formStatuses) },
  ]);
  const events = files.events.map((event) => quoted(event.unique_event_name));
  return [
    '/** One flat row of a raw export; of the system columns only those that the project has are there. */',
    'export interface ExportedRecord {',
    ...(events.length > 0 ? [`  readonly redcap_event_name?: ${events.join(' | ')};`] : []),
    '  readonly redcap_repeat_instrument?: string;',
    '  readonly redcap_repeat_instance?: string;',
    ...columns.map(
      ({ name, codes }) => `  readonly ${name}: ${codes.length === 0 ? 'string' : oneOf([...codes, ...missing])};`,
    ),
    '}',
    '',
  ].join('\n');
}

/** The text of a study's `project-data.ts`: the same exports as data, so that nothing is read from disk at run time. */
export function renderProjectData(files: ProjectFiles): string {
  const lists = Object.entries(files) as [keyof ProjectFiles, readonly object[]][];
  return [
    header,
    `import type { ProjectFiles } from '../project-files';`,
    '',
    '// prettier-ignore',
    'export const projectFiles: ProjectFiles = {',
    ...lists.flatMap(([name, rows]) => [`  ${name}: [`, ...rows.map((row) => `    ${JSON.stringify(row)},`), '  ],']),
    '};',
    '',
  ].join('\n');
}

/** The text of `registry.ts`: one study per folder that has a `study.ts`. */
export function renderRegistry(folders: readonly string[]): string {
  const name = (folder: string): string => folder.replace(/-(.)/g, (_, letter: string) => letter.toUpperCase());
  return [
    `// Generated from the study folders by \`npm run generate -w packages/studies\`; never edited by hand.`,
    `import type { StudyDefinition } from './define-study';`,
    ...folders.map((folder) => `import { study as ${name(folder)} } from './${folder}/study';`),
    '',
    '/** Every study there is: one per folder. */',
    `export const studies: readonly StudyDefinition[] = [${folders.map(name).join(', ')}];`,
    '',
  ].join('\n');
}

function fieldLines(field: DictionaryField): string[] {
  const about = {
    instrument: field.form_name,
    type: field.field_type,
    validation: field.text_validation_type_or_show_slider_number,
  };
  const choices = parseChoices(field);
  if (field.field_type === 'checkbox') {
    return [...choices].map(([option, label]) =>
      line(optionColumn(field, option), { ...about, choices: { '0': 'Unchecked', '1': label } }),
    );
  }
  return [line(field.field_name, { ...about, choices: Object.fromEntries(choices) })];
}

function columnsOf(field: DictionaryField): { name: string; codes: string[] }[] {
  const choices = [...parseChoices(field).keys()];
  if (field.field_type !== 'checkbox') return [{ name: field.field_name, codes: choices }];
  return choices.map((option) => ({ name: optionColumn(field, option), codes: ['0', '1'] }));
}

/** A checkbox is one column per option in the data, named after its code as REDCap does it (redcap-api.md §3.5). */
function optionColumn(field: DictionaryField, option: string): string {
  return `${field.field_name}___${option.toLowerCase().replace(/[^a-z0-9]/g, '_')}`;
}

function quoted(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
}

function line(name: string, value: object): string {
  return `    ${JSON.stringify(name)}: ${JSON.stringify(value)},`;
}
