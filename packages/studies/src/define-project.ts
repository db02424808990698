import { parseChoices, type Mapping } from '@studybridge/field-mapping';
import type { ProjectDefinition } from './define-study';
import type { ProjectFiles } from './project-files';

/** What a study adds to the exports of its REDCap project. */
export interface ProjectOptions extends Pick<ProjectDefinition, 'title' | 'ownerOf' | 'armOf'> {
  files: ProjectFiles;
  declaredFields: readonly string[];
  timestampFields: readonly string[];
  mappings: readonly Mapping<object>[];
  /** Instruments of which the live project decides whether they repeat. */
  mayRepeat?: readonly string[];
  /** Declared fields that identify a person although the dictionary does not mark them. */
  alsoIdentifying?: readonly string[];
}

/** A project definition from its exports; identifying are the declared fields that the dictionary or the study marks as identifiers. */
export function defineProject(options: ProjectOptions): ProjectDefinition {
  const { files, declaredFields } = options;
  const identifiers = new Set([
    ...files.dictionary.filter((field) => field.identifier === 'y').map((field) => field.field_name),
    ...(options.alsoIdentifying ?? []),
  ]);
  return {
    title: options.title,
    recordIdField: files.dictionary[0]?.field_name ?? 'record_id',
    dictionary: files.dictionary,
    arms: files.arms.map((arm) => ({ number: arm.arm_num, name: arm.name })),
    events: files.events.map((event) => ({
      uniqueName: event.unique_event_name,
      armNumber: event.arm_num,
      name: event.event_name,
      dayOffset: event.day_offset,
    })),
    mapping: files.eventMap.map((row) => ({ event: row.unique_event_name, instrument: row.form })),
    repeating: files.repeating.map((row) => ({ event: row.event_name, instrument: row.form_name })),
    mayRepeat: new Set(options.mayRepeat),
    declaredFields,
    identifyingFields: new Set(declaredFields.filter((field) => identifiers.has(field))),
    ownerOf: options.ownerOf,
    timestampFields: new Set(options.timestampFields),
    armOf: options.armOf,
    mappings: options.mappings,
  };
}

/** The label that the dictionary gives a choice code; the code itself where it has none. */
export function labelOf(files: ProjectFiles, field: string, code: string): string {
  const found = files.dictionary.find((row) => row.field_name === field);
  return (found && parseChoices(found).get(code)) ?? code;
}
