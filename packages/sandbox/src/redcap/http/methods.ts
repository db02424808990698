import { ApiError, type ApiFormat } from '../api-error';
import { messages } from '../messages';
import type { Rights, User } from '../model';
import type { Params } from '../params';
import type { Project } from '../project';
import { writeProjectXml } from '../project-xml/write-project-xml';
import { deleteRecords } from '../records/delete-records';
import { exportRecords, readRecordsQuery } from '../records/export-records';
import { importRecords, type ImportResult } from '../records/import-records';
import { nextRecordName } from '../records/next-record-name';
import { flatten, parseRows } from '../records/parse-import';
import { renameRecord } from '../records/rename-record';
import * as describe from '../structure/describe-project';
import { writeList } from '../structure/write-list';
import { escapeXml, xmlDeclaration } from '../xml-text';
import { formatted, text, type Answer } from './answer';

/** One call, after its token was found. */
export interface Call {
  project: Project;
  user: User;
  params: Params;
  /** Wall time of the server. */
  at: string;
  version: string;
  /** Rows that a scripted fault leaves out of the answer. */
  missingRows: number;
  /** Says that stored data changed. */
  changed(): void;
}

function need(
  user: User,
  right: Exclude<keyof Rights, 'forms' | 'forms_export'>,
  message: string = messages.noApiRights,
): void {
  if (user.rights[right] === 0) throw new ApiError(403, message);
}

function note(call: Call, details: string, action = 'Manage/Design '): void {
  call.project.write(call.at, call.user.username, action, details);
}

function exportList(
  call: Call,
  build: (project: Project, params: Params, user: User) => describe.ListExport,
  details: string,
): Answer {
  need(call.user, 'api_export');
  const format = call.params.format();
  const { rows, style } = build(call.project, call.params, call.user);
  if (call.missingRows > 0)
    rows.splice(Math.max(0, Math.floor((rows.length - call.missingRows) / 2)), call.missingRows);
  note(call, details);
  return formatted(format, writeList(rows, format, style));
}

function armParameter(call: Call): number | null {
  const value = call.params.get('arm');
  if (value === '') return null;
  const arm = Number(value);
  if (!call.project.design.arms.some((known) => known.number === arm)) {
    throw new ApiError(400, messages.valuesNotValid('arm', [value]));
  }
  return arm;
}

function exportRecordsCall(call: Call): Answer {
  const { params, project, user } = call;
  need(user, 'api_export');
  const type = params.word('type', ['flat', 'eav']);
  if (params.get('format') === 'odm') {
    note(call, 'Export data: odm', 'Data Export (API) ');
    return formatted('xml', projectXml(call, true));
  }
  const format = params.format();
  const query = readRecordsQuery(project, params, user);
  const delimiter = params.delimiter();
  note(
    call,
    `report_name: 'API', export_format: '${format}', rawOrLabel: '${query.labels ? 'label' : 'raw'}', fields: '${query.columns.length}'`,
    'Data Export (API) ',
  );
  return formatted(format, exportRecords(project, query, { format, type, delimiter, missingRows: call.missingRows }));
}

function importAnswer(result: ImportResult, content: string, format: ApiFormat): Answer {
  const count = result.ids.length;
  if (content === 'nothing') return formatted(format, '');
  if (content === 'count') {
    if (format === 'json') return formatted(format, JSON.stringify({ count }));
    return formatted(format, format === 'csv' ? String(count) : `${xmlDeclaration}<count>${count}</count>`);
  }
  const ids = result.ids.map(({ id, sent }) => (content === 'auto_ids' ? `${id},${sent}` : id));
  if (format === 'json') return formatted(format, JSON.stringify(ids));
  if (format === 'csv') {
    const cell = (id: string): string =>
      /[",\n\r\t ]/.test(id) && content === 'ids' ? `"${id.replace(/"/g, '""')}"` : id;
    return formatted(format, ['id', ...ids.map(cell)].join('\n'));
  }
  return formatted(format, `${xmlDeclaration}<ids>${ids.map((id) => `<id>${escapeXml(id)}</id>`).join('')}</ids>`);
}

function importRecordsCall(call: Call): Answer {
  const { params, project, user } = call;
  need(user, 'api_import', messages.noImportRights);
  const format = params.format();
  const type = params.word('type', ['flat', 'eav']);
  const overwrite = params.word('overwriteBehavior', ['normal', 'overwrite']) === 'overwrite';
  const content = params.word('returnContent', ['count', 'ids', 'auto_ids', 'nothing']);
  const dateOrder = params.word('dateFormat', ['YMD', 'MDY', 'DMY']);
  const forceAutoNumber = params.flag('forceAutoNumber');
  if (content === 'auto_ids' && !forceAutoNumber) throw new ApiError(400, messages.autoIdsNeedAutoNumber);
  const sent = parseRows(params.get('data'), format, params.delimiter());
  const rows = type === 'eav' ? flatten(sent, project.codebook) : sent;
  const result = importRecords(project, rows, { overwrite, forceAutoNumber, dateOrder, user, at: call.at });
  if (result.changed) call.changed();
  return importAnswer(result, content, params.returnFormat());
}

function deleteRecordsCall(call: Call): Answer {
  const { params, project, user } = call;
  need(user, 'api_import', messages.noImportRights);
  need(user, 'record_delete', messages.noDeleteRights);
  const records = params.list('records');
  if (records === null) throw new ApiError(400, messages.parameterMissing('records'));
  const instanceText = params.get('repeat_instance');
  if (instanceText !== '' && !/^[1-9]\d*$/.test(instanceText)) {
    throw new ApiError(400, messages.parameterInvalid('repeat_instance'));
  }
  const count = deleteRecords(
    project,
    {
      records,
      arm: armParameter(call),
      instrument: params.get('instrument'),
      event: project.codebook.longitudinal ? params.get('event') : '',
      instance: instanceText === '' ? null : Number(instanceText),
      wipeLog: params.flag('delete_logging'),
    },
    call.at,
    user,
    '(API)',
  );
  call.changed();
  return text(String(count));
}

function renameRecordCall(call: Call): Answer {
  const { params, project, user } = call;
  need(user, 'api_import', messages.noImportRights);
  need(user, 'record_rename', messages.noRenameRights);
  const record = params.get('record');
  const name = params.get('new_record_name').trim();
  if (record === '') throw new ApiError(400, messages.parameterMissing('record'));
  if (name === '') throw new ApiError(400, messages.parameterMissing('new_record_name'));
  renameRecord(project, { record, name, arm: armParameter(call) }, call.at, user, '(API)');
  call.changed();
  return text('1');
}

function projectXml(call: Call, withData: boolean): Iterable<string> {
  const { project, params, user } = call;
  const asked = params.list('records');
  const visible = user.dag === '' ? null : project.data.sorted().filter((record) => record.dag === user.dag);
  const records =
    visible === null ? asked : visible.map((record) => record.id).filter((id) => asked === null || asked.includes(id));
  return writeProjectXml(project, {
    withData,
    records: records === null ? null : new Set(records),
    at: call.at,
    version: call.version,
  });
}

function projectInfoCall(call: Call): Answer {
  need(call.user, 'api_export');
  const format = call.params.format();
  const info = describe.projectInfo(call.project);
  note(call, 'Export project information (API)');
  if (format === 'json') return formatted(format, JSON.stringify(info));
  if (format === 'csv') return formatted(format, writeList([info], format, { root: 'items', keys: Object.keys(info) }));
  const cells = Object.entries(info).map(([key, value]) => `<${key}>${escapeXml(String(value))}</${key}>`);
  return formatted(format, `${xmlDeclaration}<items>${cells.join('')}</items>`);
}

type Method = (call: Call) => Answer;

function refuseImport(call: Call): void {
  // Not built: changing the structure through the API. Said the way REDCap says it of what its version lacks.
  if (call.params.sent('data') || !['', 'export'].includes(call.params.get('action'))) {
    throw new ApiError(501, messages.notImplemented);
  }
}

function listMethod(
  build: (project: Project, params: Params, user: User) => describe.ListExport,
  details: string,
  right?: 'user_rights' | 'logging',
): Method {
  return (call) => {
    refuseImport(call);
    if (right !== undefined) need(call.user, right);
    return exportList(call, build, details);
  };
}

/** Every `content` that answers, by name. */
const methods = new Map<string, Method>([
  [
    'record',
    (call) => {
      const { params } = call;
      switch (params.get('action')) {
        case 'delete':
          return deleteRecordsCall(call);
        case 'rename':
          return renameRecordCall(call);
        case 'import':
          return importRecordsCall(call);
        case '':
        case 'export':
          return params.sent('data') ? importRecordsCall(call) : exportRecordsCall(call);
        default:
          throw new ApiError(501, messages.notImplemented);
      }
    },
  ],
  [
    'generateNextRecordName',
    (call) => {
      need(call.user, 'api_export');
      return text(nextRecordName(call.project, call.user.dag));
    },
  ],
  ['metadata', listMethod(describe.metadata, 'Download data dictionary (API)')],
  ['exportFieldNames', listMethod(describe.exportFieldNames, 'Export field names (API)')],
  ['instrument', listMethod(describe.instruments, 'Export instruments (API)')],
  ['arm', listMethod(describe.arms, 'Export arms (API)')],
  ['event', listMethod(describe.events, 'Export events (API)')],
  ['formEventMapping', listMethod(describe.formEventMapping, 'Export instrument-event mappings (API)')],
  ['repeatingFormsEvents', listMethod(describe.repeatingFormsEvents, 'Export repeating instruments and events (API)')],
  ['dag', listMethod(describe.dags, 'Export DAGs (API)')],
  ['user', listMethod(describe.users, 'Export users (API)', 'user_rights')],
  ['log', listMethod(describe.logEntries, 'Export Logging (API)', 'logging')],
  [
    'project',
    (call) => {
      refuseImport(call);
      return projectInfoCall(call);
    },
  ],
  [
    'project_xml',
    (call) => {
      need(call.user, 'api_export');
      note(call, 'Export project XML (API)');
      return formatted('xml', projectXml(call, !call.params.flag('returnMetadataOnly')));
    },
  ],
  [
    'version',
    (call) => {
      note(call, 'Export REDCap version (API)');
      return text(call.version);
    },
  ],
]);

/** What REDCap's API has and this stand-in does not yet. */
const unbuilt = new Set([
  'userRole',
  'userRoleMapping',
  'userDagMapping',
  'project_settings',
  'report',
  'surveyLink',
  'surveyQueueLink',
  'surveyAccessCode',
  'surveyReturnCode',
  'participantList',
  'file',
  'fileRepository',
  'pdf',
]);

/** Finds and runs the method of a call. Throws REDCap's refusals. */
export function runMethod(call: Call): Answer {
  const content = call.params.get('content');
  const method = methods.get(content);
  if (method !== undefined) return method(call);
  if (unbuilt.has(content)) throw new ApiError(501, messages.notImplemented);
  throw new ApiError(400, messages.contentInvalid);
}
