/** What a call does to REDCap, in the words of its API; `export` and `import` also where the parameter is left out. */
export type Action =
  'export' | 'import' | 'delete' | 'rename' | 'randomize' | 'switch' | 'list' | 'createFolder' | 'create';

/**
 * Actions that may be made again after a lost answer, by content and action: everything that reads, and what replaces a
 * whole or names what it changes. Every call is a POST, so the verb says nothing. Left out are those that would do a
 * thing twice or fail the second time: record imports (the caller may know better), deletions of records, files, arms,
 * events, users and roles, renames, randomisation, new projects, events, groups, roles and folders.
 */
const repeatableChanges = new Set([
  'metadata/import',
  'arm/import',
  'formEventMapping/import',
  'repeatingFormsEvents/import',
  'project_settings/import',
  'user/import',
  'userDagMapping/import',
  'userRoleMapping/import',
  'dag/delete',
  'dag/switch',
  'file/import',
]);

/** Whether the same call may be made twice without harm (law 6). */
export function mayRepeat(content: string, action: Action): boolean {
  return action === 'export' || action === 'list' || repeatableChanges.has(`${content}/${action}`);
}
