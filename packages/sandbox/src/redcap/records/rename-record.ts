import { ApiError } from '../api-error';
import { messages } from '../messages';
import type { User } from '../model';
import type { Project } from '../project';

/**
 * Gives a record another name, in one arm or in all (§2.4). The log gets `Update record <new>` with the new id as its only
 * detail; where the whole record moves, its earlier lines are told under the new name from then on. Throws REDCap's
 * refusal when the record does not exist or the name is taken.
 */
export function renameRecord(
  project: Project,
  request: { record: string; name: string; arm: number | null },
  at: string,
  user: User,
  how: string,
): void {
  const { data } = project;
  const { record: id, name, arm } = request;
  const record = data.get(id);
  if (record === undefined || (arm !== null && !record.inArm(arm)) || (user.dag !== '' && record.dag !== user.dag)) {
    throw new ApiError(400, messages.recordMissing(id));
  }
  const target = data.get(name);
  if (target !== undefined && (arm === null || target.inArm(arm))) throw new ApiError(400, messages.recordExists(name));
  const whole = arm === null || record.rows.every((row) => row.event.arm === arm);
  if (whole && target === undefined) {
    data.rename(record, name);
    record.touched.push(at);
    // Links that were given out lead to the record under its new name.
    for (const place of project.surveyPlaces.values()) if (place.record === id) place.record = name;
    for (const entry of project.log) {
      if (entry.record !== id) continue;
      entry.record = name;
      if (entry.action.endsWith(` ${id}`)) entry.action = entry.action.slice(0, -id.length) + name;
    }
  } else {
    const into = target ?? data.create(name);
    into.dag = record.dag;
    into.touched.push(at);
    for (const row of record.rows.filter((candidate) => arm === null || candidate.event.arm === arm)) {
      record.rows.splice(record.rows.indexOf(row), 1);
      const moved = data.ensureRow(into, row.event, row.form, row.instance);
      row.cells.forEach((cells, form) => (moved.cells[form] = cells));
      moved.survey = row.survey;
    }
    if (record.rows.length === 0) data.delete(id);
    else record.touched.push(at);
  }
  const action = ['Update record', how, name].filter((word) => word !== '').join(' ');
  project.write(at, user.username, action, `${project.design.recordIdField} = '${name}'`, name);
}
