import { createHash } from 'node:crypto';
import { ApiError } from '../api-error';
import type { Column } from '../codebook';
import type { StoredRecord } from '../data-store';
import { messages } from '../messages';
import type { Randomization, User } from '../model';
import type { Params } from '../params';
import type { Project } from '../project';
import { autoCalculation, logChange, putValue, type RecordChange } from './changes';
import { recordNamed } from './locate';
import { recalculate } from './recalculate';

/** What a randomisation answers (§2.6). */
export interface Randomized {
  randomization_id: number;
  record: string;
  target_field: string;
  target_field_alt: string;
}

function valueIn(project: Project, record: StoredRecord, field: string, event: string): string {
  const column = project.codebook.columnByName.get(field);
  if (column === undefined) return '';
  const at = event === '' ? project.codebook.firstEvent : project.codebook.eventByName.get(event);
  return record.rows.find((row) => row.event === at && row.get(column) !== undefined)?.get(column) ?? '';
}

/** The next result of a stratum: the list's, else from balanced blocks of all options, shuffled the same way every time. */
function draw(project: Project, randomization: Randomization, target: Column, stratum: string): string {
  const list = randomization.allocations[stratum] ?? [];
  const given = list.shift();
  if (given !== undefined) return given;
  const block = [...target.choices.keys()].flatMap((code) => [code, code]);
  const seed = `${project.id}\n${randomization.id}\n${stratum}\n${project.log.length}`;
  const rank = (code: string, at: number): string =>
    createHash('sha256').update(`${seed}\n${code}\n${at}`).digest('hex');
  const ranked = block.map((code, at) => ({ code, rank: rank(code, at) }));
  ranked.sort((a, b) => (a.rank < b.rank ? -1 : 1));
  const [first, ...rest] = ranked.map(({ code }) => code);
  randomization.allocations[stratum] = rest;
  return first ?? '';
}

/**
 * Randomises a record: draws a result for its stratum and stores it in the target field (§2.6). Throws REDCap's refusals:
 * no such randomisation, done already, strata missing.
 */
export function randomizeRecord(project: Project, params: Params, user: User, at: string): Randomized {
  const { randomization } = project.design;
  const id = params.get('randomization_id');
  if (id === '') throw new ApiError(400, messages.parameterMissing('randomization_id'));
  if (randomization === null || String(randomization.id) !== id) {
    throw new ApiError(400, messages.randomizationUnknown(id));
  }
  const record = recordNamed(project, params.get('record'), user);
  const { targetField, targetEvent, strata } = randomization;
  if (valueIn(project, record, targetField, targetEvent) !== '') {
    throw new ApiError(400, messages.alreadyRandomized(record.id));
  }
  const values = strata.map(({ field, event }) => valueIn(project, record, field, event));
  const missing = strata.filter((_, i) => values[i] === '').map(({ field }) => field);
  if (missing.length > 0) throw new ApiError(400, messages.strataMissing(missing));
  const column = project.codebook.columnByName.get(targetField)!;
  const code = draw(project, randomization, column, values.join('|'));
  const event = targetEvent === '' ? project.codebook.firstEvent : project.codebook.eventByName.get(targetEvent)!;
  const row = project.data.ensureRow(record, event, -1, 0);
  const change: RecordChange = { record, created: false, details: [], fields: new Set() };
  putValue(change, row, column, code);
  const auto = recalculate(project, change, { now: at, user: user.username });
  logChange(project, change, at, user.username, '(API)');
  logChange(project, auto, at, user.username, autoCalculation);
  project.write(at, user.username, `Randomize record (API) ${record.id}`, `${targetField} = '${code}'`, record.id);
  return {
    randomization_id: randomization.id,
    record: record.id,
    target_field: code,
    target_field_alt: column.choices.get(code) ?? '',
  };
}
