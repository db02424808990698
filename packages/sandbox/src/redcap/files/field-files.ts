import { ApiError } from '../api-error';
import type { Column } from '../codebook';
import type { FilePart, Params } from '../params';
import { messages } from '../messages';
import type { StoredFile, User } from '../model';
import type { Project } from '../project';
import { locate, type Spot } from '../records/locate';
import { mimeOf } from './mime';

function place(project: Project, params: Params, user: User): { column: Column; spot: Spot } {
  const field = params.get('field');
  if (field === '') throw new ApiError(400, messages.parameterMissing('field'));
  const column = project.codebook.columnByName.get(field);
  if (column?.kind !== 'file') throw new ApiError(400, messages.fileFieldUnknown(field));
  return { column, spot: locate(project, params, column.form, user) };
}

/** The file part of an upload. Throws REDCap's refusal when there is none. */
export function uploaded(params: Params): FilePart {
  const part = params.files.get('file');
  if (part === undefined) throw new ApiError(400, messages.fileMissing);
  return part;
}

/** Puts an uploaded file into the project's store under a new id. */
export function keepFile(project: Project, part: FilePart, docId: () => number): StoredFile {
  const name = part.name.replace(/^.*[\\/]/, '') || 'file';
  const file = { id: docId(), name, type: mimeOf(name, part.type), data: part.bytes.toString('base64') };
  project.files.set(String(file.id), file);
  return file;
}

/** The file in a field (§2.23). Throws REDCap's refusals. */
export function readFieldFile(project: Project, params: Params, user: User): StoredFile {
  const { column, spot } = place(project, params, user);
  const id = spot.record.row(spot.event, spot.form, spot.instance)?.get(column);
  const file = id === undefined ? undefined : project.files.get(id);
  if (file === undefined) throw new ApiError(400, messages.noFileToDownload);
  return file;
}

function writeCell(
  project: Project,
  { spot, column }: { spot: Spot; column: Column },
  id: string,
  at: string,
  user: User,
): void {
  const row = project.data.ensureRow(spot.record, spot.event, spot.form, spot.instance);
  const before = row.get(column);
  if (before !== undefined) project.files.delete(before);
  row.set(column, id === '' ? undefined : id);
  spot.record.touched.push(at);
  const { id: record } = spot.record;
  project.write(at, user.username, `Update record (API) ${record}`, `${column.name} = '${id}'`, record);
}

/** Puts a file into a field of a record that exists; an earlier one is gone then (§2.23). */
export function writeFieldFile(project: Project, params: Params, user: User, at: string, docId: () => number): void {
  const target = place(project, params, user);
  const part = uploaded(params);
  if (target.spot.record.locked) throw new ApiError(400, messages.recordLocked);
  writeCell(project, target, String(keepFile(project, part, docId).id), at, user);
}

/** Takes the file out of a field (§2.23). Throws REDCap's refusal when there is none. */
export function deleteFieldFile(project: Project, params: Params, user: User, at: string): void {
  const target = place(project, params, user);
  const { spot, column } = target;
  if (spot.record.locked) throw new ApiError(400, messages.recordLocked);
  if (spot.record.row(spot.event, spot.form, spot.instance)?.get(column) === undefined) {
    throw new ApiError(400, messages.noFileToDelete);
  }
  writeCell(project, target, '', at, user);
}
