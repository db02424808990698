import { readFileSync } from 'node:fs';
import path from 'node:path';
import { dictionaryColumns, type DictionaryField } from '@studybridge/field-mapping';
import { parse } from 'papaparse';
import type { ProjectFiles } from '../project-files';
import type { CodebookSource } from './render-codebook';

type Cells = Record<string, string>;

/** Reads the CSV exports of a study's `project/` folder. Throws with the file's name when one cannot be read as CSV. */
export function readProjectFiles(folder: string): ProjectFiles {
  return {
    dictionary: readCsv(folder, 'dictionary.csv') as unknown as ProjectFiles['dictionary'],
    instruments: readCsv(folder, 'instruments.csv') as unknown as ProjectFiles['instruments'],
    arms: readCsv(folder, 'arms.csv').map((row) => ({ arm_num: Number(row.arm_num), name: row.name ?? '' })),
    events: readCsv(folder, 'events.csv').map((row) => ({
      event_name: row.event_name ?? '',
      arm_num: Number(row.arm_num),
      day_offset: Number(row.day_offset),
      offset_min: Number(row.offset_min),
      offset_max: Number(row.offset_max),
      unique_event_name: row.unique_event_name ?? '',
    })),
    eventMap: readCsv(folder, 'event-map.csv').map((row) => ({
      arm_num: Number(row.arm_num),
      unique_event_name: row.unique_event_name ?? '',
      form: row.form ?? '',
    })),
    repeating: readCsv(folder, 'repeating.csv') as unknown as ProjectFiles['repeating'],
  };
}

/**
 * Reads a dictionary and, for a longitudinal project, its event map: as the API exports them, or as they are downloaded
 * in the browser, where the dictionary's columns have longer titles. Throws with the file's name when one is neither.
 */
export function readCodebookFiles(dictionaryFile: string, eventMapFile: string | null): CodebookSource {
  const { data, errors } = parse<string[]>(readText(dictionaryFile), { skipEmptyLines: true });
  const [error] = errors;
  if (error !== undefined) throw new Error(`${dictionaryFile}, row ${error.row ?? '?'}: ${error.message}`);
  const [titles, ...rows] = data;
  const known = titles?.[0] === dictionaryColumns[0] || titles?.[0] === 'Variable / Field Name';
  if (!known || titles.length !== dictionaryColumns.length || rows.length === 0) {
    throw new Error(`${dictionaryFile} is no data dictionary: it needs REDCap's ${dictionaryColumns.length} columns.`);
  }
  const dictionary = rows.map(
    (row) =>
      Object.fromEntries(dictionaryColumns.map((column, at) => [column, row[at] ?? ''])) as unknown as DictionaryField,
  );
  const map = eventMapFile === null ? [] : readCsv(path.dirname(eventMapFile), path.basename(eventMapFile));
  const eventMap = map.map((row) => {
    if (!row.unique_event_name || !row.form) {
      throw new Error(`${eventMapFile} is no event map: it needs the columns arm_num, unique_event_name and form.`);
    }
    return { arm_num: Number(row.arm_num), unique_event_name: row.unique_event_name, form: row.form };
  });
  const arms = new Map(eventMap.map((row) => [row.unique_event_name, row.arm_num]));
  return {
    dictionary,
    eventMap,
    events: [...arms].map(([unique_event_name, arm_num]) => ({ unique_event_name, arm_num })),
  };
}

function readText(file: string): string {
  // A download from the browser begins with a byte order mark.
  return readFileSync(file, 'utf8').replace(/^\uFEFF/, '');
}

function readCsv(folder: string, name: string): Cells[] {
  const { data, errors } = parse<Cells>(readText(path.join(folder, name)), {
    header: true,
    skipEmptyLines: true,
  });
  const [error] = errors;
  if (error !== undefined) throw new Error(`${path.join(folder, name)}, row ${error.row ?? '?'}: ${error.message}`);
  return data;
}
