import { checkMapping } from '@studybridge/field-mapping';
import type { ProjectDefinition } from '@studybridge/studies';
import { baseField, type LiveDesign } from './live-design';

/** How a live project departs from its study. `sentences` are for the data manager. */
export interface Drift {
  /** Declared fields that are gone, moved or of another kind: their last known values stay, and nothing is written to them. */
  stopped: ReadonlySet<string>;
  sentences: string[];
}

/**
 * Compares the live design with what the study declares. What is merely more (a new choice) is said but stops nothing:
 * a participant who has the new code is held by the mapping.
 */
export function findDrift(definition: ProjectDefinition, live: LiveDesign): Drift {
  const stopped = new Set<string>();
  const sentences = new Set<string>();
  const expected = new Map(definition.dictionary.map((field) => [field.field_name, field]));
  for (const declared of definition.declaredFields) {
    const field = expected.get(baseField(declared));
    const instrument = live.instrumentOfColumn(declared);
    const home = field?.form_name ?? declared.replace(/_complete$/, '');
    if (instrument === null) {
      stopped.add(declared);
      sentences.add(`The field ${declared} is gone from the dictionary, or was renamed.`);
    } else if (instrument !== home) {
      stopped.add(declared);
      sentences.add(`The field ${declared} moved from the instrument ${home} to ${instrument}.`);
    } else if (field && kind(live.typeOf(field.field_name) ?? '') !== kind(field.field_type)) {
      stopped.add(declared);
      sentences.add(`The field ${declared} changed its type to ${live.typeOf(field.field_name)}.`);
    }
  }
  for (const { event, instrument } of definition.mapping) {
    if (!live.instrumentsOf(event).includes(instrument)) {
      sentences.add(`The instrument ${instrument} is no longer designated to the event ${event}.`);
    }
  }
  for (const mapping of definition.mappings) {
    for (const problem of checkMapping(mapping, live.dictionary, live.mapping)) sentences.add(problem.sentence);
  }
  return { stopped, sentences: [...sentences] };
}

const kind = (type: string): string => (type === 'dropdown' ? 'radio' : type);
