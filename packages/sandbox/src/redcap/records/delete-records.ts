import { ApiError } from '../api-error';
import type { StoredRecord } from '../data-store';
import { messages } from '../messages';
import type { User } from '../model';
import type { Project } from '../project';
import { logDetail } from './changes';

/** What to delete (§2.3): whole records, one arm of them, or one instrument, event or instance of them. */
interface DeleteRequest {
  records: readonly string[];
  arm: number | null;
  instrument: string;
  event: string;
  instance: number | null;
  /** Blanks what the log says about the records, as the law of a country may demand. */
  wipeLog: boolean;
}

/** Takes everything away that is stored at the chosen place of a record; the parts of the log's details come back. */
function clearPart(project: Project, record: StoredRecord, request: DeleteRequest): string[] {
  const { codebook } = project;
  const form = request.instrument === '' ? null : codebook.formIndex.get(request.instrument)!;
  const event =
    request.event === ''
      ? codebook.longitudinal
        ? null
        : codebook.firstEvent
      : codebook.eventByName.get(request.event)!;
  const details: string[] = [];
  for (const row of [...record.rows]) {
    if (event !== null && row.event !== event) continue;
    if (request.arm !== null && row.event.arm !== request.arm) continue;
    const repeats = row.form >= 0 || codebook.repeatsAsEvent(row.event);
    if (repeats && request.instance !== null && row.instance !== request.instance) continue;
    if (form !== null && row.form >= 0 && row.form !== form) continue;
    let cleared = false;
    for (const column of codebook.columns) {
      if (form !== null && column.form !== form) continue;
      if (row.get(column) === undefined) continue;
      details.push(logDetail(column, undefined));
      row.set(column, undefined);
      cleared = true;
    }
    if (form === null || (row.form === form && cleared)) record.rows.splice(record.rows.indexOf(row), 1);
  }
  return details;
}

/**
 * Deletes and answers how many records were touched. Throws REDCap's refusal, before anything is deleted, when one of
 * the records does not exist. `how` is `''` in the browser, `(API)` otherwise.
 */
export function deleteRecords(project: Project, request: DeleteRequest, at: string, user: User, how: string): number {
  const { codebook, data } = project;
  const ids = [...new Set(request.records)];
  const missing = ids.filter((id) => {
    const record = data.get(id);
    if (record === undefined || (user.dag !== '' && record.dag !== user.dag)) return true;
    return request.arm !== null && !record.inArm(request.arm);
  });
  if (missing.length > 0) throw new ApiError(400, messages.recordsToDeleteMissing(missing));
  if (request.instrument !== '' && !codebook.formIndex.has(request.instrument)) {
    throw new ApiError(400, messages.valuesNotValid('instrument', [request.instrument]));
  }
  if (request.event !== '' && !codebook.eventByName.has(request.event)) {
    throw new ApiError(400, messages.valuesNotValid('event', [request.event]));
  }
  if (request.instrument !== '' && request.event === '' && codebook.longitudinal) {
    throw new ApiError(400, messages.eventNeeded);
  }
  const whole = request.instrument === '' && request.event === '';
  const idField = project.design.recordIdField;
  const verb = (action: string, id: string): string => [action, how, id].filter((word) => word !== '').join(' ');
  for (const id of ids) {
    const record = data.get(id)!;
    const details = whole && request.arm === null ? [] : clearPart(project, record, request);
    if ((whole && request.arm === null) || record.rows.length === 0) {
      data.delete(id);
      project.write(at, user.username, verb('Delete record', id), `${idField} = '${id}'`, id);
    } else {
      record.touched.push(at);
      if (details.length === 0) details.push(`${idField} = '${id}'`);
      project.write(at, user.username, verb('Update record', id), details.join(', '), id);
    }
    if (request.wipeLog) for (const entry of project.log) if (entry.record === id) entry.details = '';
  }
  return ids.length;
}
