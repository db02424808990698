import { ApiError } from '../api-error';
import { messages } from '../messages';
import type { Folder, StoredFile, User } from '../model';
import type { Params } from '../params';
import type { Project } from '../project';
import type { ListExport } from '../structure/describe-project';
import type { ListRow } from '../structure/write-list';
import { atLeast } from '../version';
import { keepFile, uploaded } from './field-files';

function mayOpen(project: Project, user: User, folder: Folder): boolean {
  const dag = project.design.dags.find((candidate) => candidate.uniqueName === user.dag)?.id ?? 0;
  const role = project.roles.find((candidate) => candidate.uniqueName === user.role)?.id ?? 0;
  // Who is in no group or role sees what is kept for one; who is in another does not.
  return (
    (folder.dag === 0 || dag === 0 || folder.dag === dag) && (folder.role === 0 || role === 0 || folder.role === role)
  );
}

/** The folder a call names, 0 for the top. Throws REDCap's refusal when it is not there or not for this user. */
function folderNamed(project: Project, params: Params, user: User): number {
  const text = params.get('folder_id');
  if (text === '') return 0;
  const folder = project.folders.find((candidate) => String(candidate.id) === text);
  if (folder === undefined || !mayOpen(project, user, folder)) throw new ApiError(400, messages.folderUnknown(text));
  return folder.id;
}

function idOf(params: Params, name: string, known: (id: number) => boolean): number {
  const text = params.get(name);
  if (text === '') return 0;
  if (!known(Number(text))) throw new ApiError(400, messages.parameterInvalid(name));
  return Number(text);
}

/** Makes a folder and tells its id (§2.24). */
export function createFolder(project: Project, params: Params, user: User, folderId: () => number): ListExport {
  const name = params.get('name').trim();
  if (name === '' || name.length > 150) throw new ApiError(400, messages.folderNameInvalid);
  const parent = folderNamed(project, params, user);
  const dag = idOf(params, 'dag_id', (id) => project.design.dags.some((candidate) => candidate.id === id));
  const role = idOf(params, 'role_id', (id) => project.roles.some((candidate) => candidate.id === id));
  const folder = { id: folderId(), name, parent, dag, role };
  project.folders.push(folder);
  return { rows: [{ folder_id: folder.id }], style: { root: 'items', keys: ['folder_id'] } };
}

/** What lies in a folder: folders first, then files (§2.24). */
export function listFolder(project: Project, params: Params, user: User, version: string): ListExport {
  const here = folderNamed(project, params, user);
  const told = atLeast(version, '16.0.8');
  const keptFor = ({ dag, role }: Folder): ListRow => ({
    ...(role === 0 ? {} : { role: project.roles.find((known) => known.id === role)?.label ?? '' }),
    ...(dag === 0 ? {} : { dag: project.design.dags.find((known) => known.id === dag)?.name ?? '' }),
  });
  const folders = project.folders
    .filter((folder) => folder.parent === here && mayOpen(project, user, folder))
    .map((folder): ListRow => ({ folder_id: folder.id, name: folder.name, ...(told ? keptFor(folder) : {}) }));
  const files = [...project.shelved]
    .filter(([, folder]) => folder === here)
    .map(([id]): ListRow => ({ doc_id: id, name: project.files.get(String(id))?.name ?? '' }));
  return {
    rows: [...folders, ...files],
    style: { root: 'items', keys: ['folder_id', 'doc_id', 'name', ...(told ? ['role', 'dag'] : [])] },
  };
}

/** The file of the repository that a call names. Throws REDCap's refusal when it is not there or not for this user. */
export function shelvedFile(project: Project, params: Params, user: User): StoredFile {
  const id = params.get('doc_id');
  if (id === '') throw new ApiError(400, messages.parameterMissing('doc_id'));
  const folderId = project.shelved.get(Number(id));
  const folder = project.folders.find((candidate) => candidate.id === folderId);
  const file = project.files.get(id);
  if (file === undefined || folderId === undefined || (folder !== undefined && !mayOpen(project, user, folder))) {
    throw new ApiError(400, messages.docUnknown(id));
  }
  return file;
}

/** Puts an uploaded file into a folder (§2.24). */
export function shelveFile(project: Project, params: Params, user: User, docId: () => number): StoredFile {
  const folder = folderNamed(project, params, user);
  const file = keepFile(project, uploaded(params), docId);
  project.shelved.set(file.id, folder);
  return file;
}

/** Takes a file out of the repository (§2.24). */
export function unshelveFile(project: Project, params: Params, user: User): StoredFile {
  const file = shelvedFile(project, params, user);
  project.shelved.delete(file.id);
  project.files.delete(String(file.id));
  return file;
}
