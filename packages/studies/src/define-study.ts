import type { Row } from '@studybridge/contracts';
import type { DictionaryField, Mapping } from '@studybridge/field-mapping';
import type { AgileHealthDefinition } from './define-agile-health';
import type { MessagingDefinition } from './define-messaging';

/** When a job runs: a five-field cron expression and the IANA zone in which it is written. */
export interface Schedule {
  cron: string;
  zone: string;
}

/** How many records a write may touch (law 3); settings of the protocol, versioned with the study. */
export interface WriteCaps {
  recordsPerBatch: number;
  recordsPerRun: number;
}

/** One event of a longitudinal REDCap project. `dayOffset` is REDCap's own day number, not used for windows. */
export interface ProjectEvent {
  uniqueName: string;
  armNumber: number;
  name: string;
  dayOffset: number;
}

/** That an instrument is designated to an event, or repeats there. */
export interface EventInstrument {
  event: string;
  instrument: string;
}

/** One REDCap project as the study knows it. */
export interface ProjectDefinition {
  title: string;
  recordIdField: string;
  /** The dictionary, row by row as REDCap's API exports it. */
  dictionary: readonly DictionaryField[];
  arms: readonly { number: number; name: string }[];
  events: readonly ProjectEvent[];
  /** Which instrument lives in which event. */
  mapping: readonly EventInstrument[];
  repeating: readonly EventInstrument[];
  /** Instruments that may repeat or not, whatever `repeating` says: the live project decides, and who reads and writes them copes. */
  mayRepeat: ReadonlySet<string>;
  /** The fields that the services need, form status fields included; the gateway reads nothing else. */
  declaredFields: readonly string[];
  /** The declared fields that identify a person: sealed wherever they travel (law 9). */
  identifyingFields: ReadonlySet<string>;
  /** Who may change a field: `staff`, or the name of the one service that owns it. */
  ownerOf(field: string): string;
  /** Fields that only move together with another cell of the same row. */
  timestampFields: ReadonlySet<string>;
  /**
   * The participant's REDCap arm by the randomisation field, never by the events that hold data; null = not randomised:
   * only arm 1 events. Throws a MappingError for an arm code that is not known.
   */
  armOf(rows: readonly Row[]): number | null;
  /** The mappings that read or write this project, for the drift check (`checkMapping`) and the round trips. */
  mappings: readonly Mapping<object>[];
}

/** What every study states about itself. Everything else of a study is found through this. */
export interface StudyDefinition {
  /** Lower case, the name of its folder, and the first half of a binding's id. */
  id: string;
  title: string;
  /** The study's own IANA zone: timestamps written into REDCap are wall time of this zone. */
  zone: string;
  projects: { main: ProjectDefinition };
  /** By job name; a job that is not named here does not exist for the study. */
  schedules: Readonly<Record<string, readonly Schedule[]>>;
  agileHealth?: AgileHealthDefinition;
  messaging?: MessagingDefinition;
  writeCaps: WriteCaps;
}

/** Declares a study. */
export function defineStudy(study: StudyDefinition): StudyDefinition {
  return study;
}
