import { readList, sendForCount, sendForNumber, sendRows } from './answers';
import type { CallControl, RedcapWire } from './call';
import {
  dagSchema,
  rightsIn,
  roleNames,
  roleSchema,
  userDagSchema,
  userNames,
  userRoleMappingSchema,
  userSchema,
  type DagRow,
  type RoleRow,
  type UserDagRow,
  type UserRoleMappingRow,
  type UserRow,
} from './types';

/** What a user import names; rights that are not named stay as they are, and are none for a new user. */
export type UserToImport = Pick<UserRow, 'username'> & Partial<UserRow>;
/** What a role import names; without `unique_role_name` a new role. */
export type RoleToImport = Pick<RoleRow, 'role_label'> & Partial<RoleRow>;

/** Users, roles and Data Access Groups (redcap-api.md §2.14 to §2.16). */
export interface PeopleMethods {
  /** Users and their rights. Needs the right to see them. */
  users(control?: CallControl): Promise<UserRow[]>;
  importUsers(users: readonly UserToImport[], control?: CallControl): Promise<number>;
  deleteUsers(usernames: readonly string[], control?: CallControl): Promise<number>;
  userRoles(control?: CallControl): Promise<RoleRow[]>;
  importUserRoles(roles: readonly RoleToImport[], control?: CallControl): Promise<number>;
  deleteUserRoles(uniqueNames: readonly string[], control?: CallControl): Promise<number>;
  userRoleMapping(control?: CallControl): Promise<UserRoleMappingRow[]>;
  /** An empty role takes the user out of it. */
  importUserRoleMapping(rows: readonly UserRoleMappingRow[], control?: CallControl): Promise<number>;
  dags(control?: CallControl): Promise<DagRow[]>;
  /** A blank `unique_group_name` makes a group; a known one renames it, and its unique name changes too. */
  importDags(
    rows: readonly Pick<DagRow, 'data_access_group_name' | 'unique_group_name'>[],
    control?: CallControl,
  ): Promise<number>;
  /** Answers how many there were; unknown names are passed over. */
  deleteDags(uniqueNames: readonly string[], control?: CallControl): Promise<number>;
  /** Moves the token's own user into a group; empty for none. */
  switchDag(uniqueName: string, control?: CallControl): Promise<void>;
  userDagMapping(control?: CallControl): Promise<UserDagRow[]>;
  importUserDagMapping(rows: readonly UserDagRow[], control?: CallControl): Promise<number>;
}

/** The methods over one wire. */
export function peopleMethods(wire: RedcapWire): PeopleMethods {
  return {
    async users(control) {
      const rows = await readList(wire, { content: 'user' }, userSchema, { known: userNames, control });
      return rows.map((row) => ({
        username: row.username,
        email: row.email,
        firstname: row.firstname,
        lastname: row.lastname,
        expiration: row.expiration,
        data_access_group: row.data_access_group,
        rights: rightsIn(row),
        forms: row.forms,
        forms_export: row.forms_export,
      }));
    },
    importUsers: (users, control) => sendRows(wire, { content: 'user' }, users.map(spread), control),
    deleteUsers: (users, control) =>
      sendForCount(wire, { content: 'user', action: 'delete', users }, 'delete', new Set(users).size, control),

    async userRoles(control) {
      const rows = await readList(wire, { content: 'userRole' }, roleSchema, { known: roleNames, control });
      return rows.map((row) => ({
        unique_role_name: row.unique_role_name,
        role_label: row.role_label,
        rights: rightsIn(row),
        forms: row.forms,
        forms_export: row.forms_export,
      }));
    },
    importUserRoles: (roles, control) => sendRows(wire, { content: 'userRole' }, roles.map(spread), control),
    deleteUserRoles: (roles, control) =>
      sendForCount(wire, { content: 'userRole', action: 'delete', roles }, 'delete', new Set(roles).size, control),

    userRoleMapping: (control) => readList(wire, { content: 'userRoleMapping' }, userRoleMappingSchema, { control }),
    importUserRoleMapping: (rows, control) => sendRows(wire, { content: 'userRoleMapping' }, rows, control),

    dags: (control) => readList(wire, { content: 'dag' }, dagSchema, { control }),
    importDags: (rows, control) => sendRows(wire, { content: 'dag' }, rows, control),
    deleteDags: (dags, control) => sendForNumber(wire, { content: 'dag', action: 'delete', dags }, 'delete', control),
    async switchDag(dag, control) {
      await sendForCount(wire, { content: 'dag', action: 'switch', dag }, 'switch', 1, control);
    },
    userDagMapping: (control) => readList(wire, { content: 'userDagMapping' }, userDagSchema, { control }),
    importUserDagMapping: (rows, control) => sendRows(wire, { content: 'userDagMapping' }, rows, control),
  };
}

/** Rights stand beside the other columns in REDCap's rows. */
function spread<T extends { rights?: object }>({ rights, ...row }: T): object {
  return { ...row, ...rights };
}
