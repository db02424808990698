import { parseChoices, type DictionaryField } from '@studybridge/field-mapping';
import type { ProjectFiles } from '../project-files';

const header = `// Generated from project/*.csv by \`npm run generate -w packages/studies\`; never edited by hand.\n`;
const formStatuses = { '0': 'Incomplete', '1': 'Unverified', '2': 'Complete' };

/** The text of a study's `codebook.ts`: names, codes, events and instruments as literal types. */
export function renderCodebook(files: ProjectFiles): string {
  const [first] = files.dictionary;
  if (first === undefined) throw new Error('The dictionary has no field.');
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
    header,
    '// prettier-ignore',
    'export const codebook = {',
    `  "recordIdField": ${JSON.stringify(first.field_name)},`,
    '  "events": {',
    ...events,
    '  },',
    '  "fields": {',
    ...fields,
    '  },',
    '} as const;',
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

/** A checkbox is one column per option in the data, each 0 or 1. */
function fieldLines(field: DictionaryField): string[] {
  const about = {
    instrument: field.form_name,
    type: field.field_type,
    validation: field.text_validation_type_or_show_slider_number,
  };
  const choices = parseChoices(field);
  if (field.field_type === 'checkbox') {
    return [...choices].map(([option, label]) =>
      line(`${field.field_name}___${option}`, { ...about, choices: { '0': 'Unchecked', '1': label } }),
    );
  }
  return [line(field.field_name, { ...about, choices: Object.fromEntries(choices) })];
}

function line(name: string, value: object): string {
  return `    ${JSON.stringify(name)}: ${JSON.stringify(value)},`;
}
