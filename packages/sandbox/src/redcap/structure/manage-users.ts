import { ApiError } from '../api-error';
import { messages } from '../messages';
import type { Role, User } from '../model';
import { newUser, noRights, type Project } from '../project';
import { codeOf } from '../server-ids';
import { uniqueGroupName } from '../unique-names';
import type { SentItem } from './parse-structure';
import { takeRights } from './rights';

/** Writes a line of the log: action and details. */
export type Note = (action: string, details: string) => void;

function refuse(faults: readonly string[]): void {
  if (faults.length > 0) throw new ApiError(400, faults.join('\n'));
}

function groupNamed(project: Project, name: string): string {
  if (name !== '' && !project.design.dags.some((dag) => dag.uniqueName === name)) {
    throw new ApiError(400, messages.dagUnknown(name));
  }
  return name;
}

function userNamed(project: Project, name: string): User {
  if (name === '') throw new ApiError(400, messages.usernameMissing);
  const user = project.users.get(name);
  if (user === undefined) throw new ApiError(400, messages.userUnknown(name));
  return user;
}

/** Adds users or changes their rights (§2.14); a new one has no right that was not sent. All or none. */
export function importUsers(project: Project, items: readonly SentItem[], note: Note): number {
  const faults: string[] = [];
  const changed = items.map((item) => {
    const username = item.text('username');
    if (username === '') throw new ApiError(400, messages.usernameMissing);
    const known = project.users.get(username);
    const user = structuredClone(known ?? newUser(username, noRights(project.design.forms)));
    for (const key of ['email', 'firstname', 'lastname', 'expiration'] as const) {
      if (item.has(key)) user[key] = item.text(key);
    }
    if (item.has('data_access_group')) user.dag = groupNamed(project, item.text('data_access_group'));
    faults.push(...takeRights(project, user.rights, item, 'user', username));
    return { user, known: known !== undefined };
  });
  refuse(faults);
  for (const { user, known } of changed) {
    project.users.set(user.username, user);
    note(`${known ? 'Update' : 'Add'} user (API) ${user.username}`, `user = '${user.username}'`);
  }
  return changed.length;
}

/** Takes users out of the project (§2.14). */
export function deleteUsers(project: Project, names: readonly string[], note: Note): number {
  const wanted = [...new Set(names)];
  for (const name of wanted) userNamed(project, name);
  for (const name of wanted) {
    project.users.delete(name);
    note(`Delete user (API) ${name}`, `user = '${name}'`);
  }
  return wanted.length;
}

/** Makes roles or changes them by unique name (§2.15). All or none. */
export function importRoles(project: Project, items: readonly SentItem[], roleId: () => number, note: Note): number {
  const names = items.map((item) => item.text('unique_role_name'));
  const unknown = names.filter((name) => name !== '' && !project.roles.some((role) => role.uniqueName === name));
  const faults: string[] = [];
  const changed = items.map((item, at): Role => {
    const known = project.roles.find((role) => names[at] !== '' && role.uniqueName === names[at]);
    const label = item.text('role_label') || (known?.label ?? '');
    if (label === '' && !unknown.includes(names[at]!)) throw new ApiError(400, messages.roleLabelMissing);
    const role: Role =
      known === undefined
        ? { id: 0, uniqueName: '', label, rights: noRights(project.design.forms) }
        : { ...structuredClone(known), label };
    faults.push(...takeRights(project, role.rights, item, 'user role', names[at] || label));
    return role;
  });
  // All complaints at once, those about names last (REDCap.jl user_roles.jl).
  refuse(unknown.length > 0 ? [...faults, messages.rolesInvalid(unknown)] : faults);
  for (const role of changed) {
    const at = project.roles.findIndex((other) => other.uniqueName === role.uniqueName);
    if (role.id === 0) {
      role.id = roleId();
      role.uniqueName = `U-${codeOf(10, 'role', project.id, role.id)}`;
      project.roles.push(role);
      note('Add user role (API)', `role = '${role.label}'`);
    } else {
      project.roles[at] = role;
      note('Edit user role (API)', `role = '${role.label}'`);
    }
  }
  return changed.length;
}

/** Deletes roles; their users keep the rights they have of their own (§2.15). */
export function deleteRoles(project: Project, names: readonly string[], note: Note): number {
  const wanted = new Set(names);
  const unknown = [...wanted].filter((name) => !project.roles.some((role) => role.uniqueName === name));
  if (unknown.length > 0) throw new ApiError(400, messages.rolesInvalid(unknown));
  for (const name of wanted) {
    const [role] = project.roles.splice(
      project.roles.findIndex((candidate) => candidate.uniqueName === name),
      1,
    );
    for (const user of project.users.values()) if (user.role === name) user.role = '';
    note('Delete user role (API)', `role = '${role!.label}'`);
  }
  return wanted.size;
}

/** Puts users into roles, or takes them out with a blank one (§2.15). All or none. */
export function importRoleMapping(project: Project, items: readonly SentItem[], note: Note): number {
  const changed = items.map((item) => {
    const user = userNamed(project, item.text('username'));
    const role = item.text('unique_role_name');
    if (role !== '' && !project.roles.some((candidate) => candidate.uniqueName === role)) {
      throw new ApiError(400, messages.rolesInvalid([role]));
    }
    const dag = item.has('data_access_group') ? groupNamed(project, item.text('data_access_group')) : user.dag;
    return { user, role, dag };
  });
  for (const { user, role, dag } of changed) {
    [user.role, user.dag] = [role, dag];
    note(`Update user (API) ${user.username}`, `user = '${user.username}', role = '${role}'`);
  }
  return changed.length;
}

/** Makes groups (blank unique name) or renames them, the unique name with them (§2.16). */
export function importGroups(project: Project, items: readonly SentItem[], dagId: () => number): number {
  const { dags } = project.design;
  for (const item of items) {
    if (item.text('data_access_group_name') === '') throw new ApiError(400, messages.dagNameMissing);
    groupNamed(project, item.text('unique_group_name'));
  }
  for (const item of items) {
    const name = item.text('data_access_group_name');
    const known = dags.find((dag) => dag.uniqueName === item.text('unique_group_name'));
    const taken = new Set(dags.filter((dag) => dag !== known).map((dag) => dag.uniqueName));
    if (known === undefined) {
      dags.push({ id: dagId(), name, uniqueName: uniqueGroupName(name, taken) });
      continue;
    }
    const before = known.uniqueName;
    known.name = name;
    known.uniqueName = uniqueGroupName(name, taken);
    moveGroup(project, before, known.uniqueName);
  }
  return items.length;
}

/** Deletes groups; unknown names are passed over, records and users are in no group then (§2.16). */
export function deleteGroups(project: Project, names: readonly string[]): number {
  const { dags } = project.design;
  let count = 0;
  for (const name of new Set(names)) {
    const at = dags.findIndex((dag) => dag.uniqueName === name);
    if (at < 0) continue;
    dags.splice(at, 1);
    moveGroup(project, name, '');
    count += 1;
  }
  return count;
}

function moveGroup(project: Project, from: string, to: string): void {
  for (const record of project.data.sorted()) if (record.dag === from) record.dag = to;
  for (const user of project.users.values()) {
    if (user.dag === from) user.dag = to;
    user.dags = user.dags.map((dag) => (dag === from ? to : dag)).filter((dag) => dag !== '');
  }
}

/** Puts users into groups, or takes them out with a blank one (§2.16). All or none. */
export function importGroupMapping(project: Project, items: readonly SentItem[]): number {
  const changed = items.map((item) => ({
    user: userNamed(project, item.text('username')),
    dag: groupNamed(project, item.text('redcap_data_access_group')),
  }));
  for (const { user, dag } of changed) user.dag = dag;
  return changed.length;
}

/** Moves the caller into another group: one of those the caller may switch between, any where no such list was made. */
export function switchGroup(project: Project, user: User, dag: string): void {
  groupNamed(project, dag);
  if (user.dags.length > 0 && !user.dags.includes(dag)) throw new ApiError(400, messages.dagNotYours(dag));
  user.dag = dag;
}
