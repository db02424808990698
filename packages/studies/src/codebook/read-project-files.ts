import { readFileSync } from 'node:fs';
import path from 'node:path';
import { parse } from 'papaparse';
import type { ProjectFiles } from '../project-files';

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

function readCsv(folder: string, name: string): Cells[] {
  const { data, errors } = parse<Cells>(readFileSync(path.join(folder, name), 'utf8'), {
    header: true,
    skipEmptyLines: true,
  });
  const [error] = errors;
  if (error !== undefined) throw new Error(`${path.join(folder, name)}, row ${error.row ?? '?'}: ${error.message}`);
  return data;
}
