import { ApiError } from '../api-error';
import { messages } from '../messages';
import * as describe from '../structure/describe-project';
import { importDictionary } from '../structure/import-dictionary';
import * as events from '../structure/import-events';
import { importSettings } from '../structure/import-settings';
import * as users from '../structure/manage-users';
import { text } from './answer';
import {
  byAction,
  deleteMethod,
  importMethod,
  listMethod,
  need,
  needToChange,
  note,
  type Call,
  type Method,
} from './call';

const noting =
  (call: Call): users.Note =>
  (action, details) =>
    note(call, details, action);

const override = (call: Call): boolean => call.params.flag('override');

/** Who is in a group has no say over groups (§1.8). */
function notInGroup(method: Method): Method {
  return (call) => {
    if (call.user.dag !== '') throw new ApiError(403, messages.dagsOfMember);
    return method(call);
  };
}

function switchGroup(call: Call): ReturnType<Method> {
  const { project, params, user } = call;
  needToChange(call);
  users.switchGroup(project, project.users.get(user.username)!, params.get('dag'));
  note(call, 'Switch DAG (API)');
  call.changed();
  return text('1');
}

/** Project structure, users, roles and groups: exports, imports and deletions (§2.7 to §2.17). */
export const structureMethods: Record<string, Method> = {
  metadata: byAction({
    export: listMethod(describe.metadata, 'Download data dictionary (API)'),
    import: importMethod(
      ({ project }, items) => importDictionary(project, items),
      'Upload data dictionary (API)',
      'design',
    ),
  }),
  exportFieldNames: byAction({ export: listMethod(describe.exportFieldNames, 'Export field names (API)') }),
  instrument: byAction({ export: listMethod(describe.instruments, 'Export instruments (API)') }),
  arm: byAction({
    export: listMethod(describe.arms, 'Export arms (API)'),
    import: importMethod(
      (call, items) => events.importArms(call.project, items, override(call)),
      'Import arms (API)',
      'design',
    ),
    delete: deleteMethod(
      'arms',
      ({ project }, names) => events.deleteArms(project, names),
      'Delete arms (API)',
      'design',
    ),
  }),
  event: byAction({
    export: listMethod(describe.events, 'Export events (API)'),
    import: importMethod(
      (call, items) => events.importEvents(call.project, items, override(call), () => call.nextId('event')),
      'Import events (API)',
      'design',
    ),
    delete: deleteMethod(
      'events',
      ({ project }, names) => events.deleteEvents(project, names),
      'Delete events (API)',
      'design',
    ),
  }),
  formEventMapping: byAction({
    export: listMethod(describe.formEventMapping, 'Export instrument-event mappings (API)'),
    import: importMethod(
      ({ project }, items) => events.importMapping(project, items),
      'Import instrument-event mappings (API)',
      'design',
    ),
  }),
  repeatingFormsEvents: byAction({
    export: listMethod(describe.repeatingFormsEvents, 'Export repeating instruments and events (API)'),
    import: importMethod(
      ({ project }, items) => events.importRepeating(project, items),
      'Import repeating instruments and events (API)',
      'design',
    ),
  }),
  project_settings: byAction({
    import: importMethod(
      ({ project }, items) => importSettings(project, items),
      'Import project information (API)',
      'design',
    ),
  }),
  dag: byAction({
    export: notInGroup(listMethod(describe.dags, 'Export DAGs (API)')),
    import: notInGroup(
      importMethod(
        (call, items) => users.importGroups(call.project, items, () => call.nextId('dag')),
        'Import DAGs (API)',
        'data_access_groups',
      ),
    ),
    delete: notInGroup(
      deleteMethod(
        'dags',
        ({ project }, names) => users.deleteGroups(project, names),
        'Delete DAGs (API)',
        'data_access_groups',
      ),
    ),
    switch: switchGroup,
  }),
  userDagMapping: byAction({
    export: notInGroup(listMethod(describe.userDagMapping, 'Export User-DAG assignments (API)')),
    import: notInGroup(
      importMethod(
        ({ project }, items) => users.importGroupMapping(project, items),
        'Import User-DAG assignments (API)',
        'data_access_groups',
      ),
    ),
  }),
  user: byAction({
    export: listMethod(describe.users, 'Export users (API)', 'user_rights'),
    import: importMethod(
      (call, items) => users.importUsers(call.project, items, noting(call)),
      'Import users (API)',
      'user_rights',
    ),
    delete: (call) => {
      // A server that was seen asks for the right to delete records here too (§1.8).
      need(call.user, 'api_import', messages.noImportRights);
      need(call.user, 'record_delete', messages.noDeleteRights);
      return deleteUsers(call);
    },
  }),
  userRole: byAction({
    export: listMethod(describe.userRoles, 'Export user roles (API)', 'user_rights'),
    import: importMethod(
      (call, items) => users.importRoles(call.project, items, () => call.nextId('role'), noting(call)),
      'Import user roles (API)',
      'user_rights',
    ),
    delete: deleteMethod(
      'roles',
      (call, names) => users.deleteRoles(call.project, names, noting(call)),
      'Delete user roles (API)',
      'user_rights',
    ),
  }),
  userRoleMapping: byAction({
    export: listMethod(describe.userRoleMapping, 'Export User-Role assignments (API)', 'user_rights'),
    import: importMethod(
      (call, items) => users.importRoleMapping(call.project, items, noting(call)),
      'Import User-Role assignments (API)',
      'user_rights',
    ),
  }),
  log: byAction({ export: listMethod(describe.logEntries, 'Export Logging (API)', 'logging') }),
};

const deleteUsers = deleteMethod(
  'users',
  (call, names) => users.deleteUsers(call.project, names, noting(call)),
  'Delete users (API)',
  'user_rights',
);
