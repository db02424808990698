import { ApiError, type ApiFormat } from '../api-error';
import { messages } from '../messages';
import { writeProjectXml, type XmlDataOptions } from '../project-xml/write-project-xml';
import { deleteRecords } from '../records/delete-records';
import { exportRecords, readRecordsQuery, recordsMeant } from '../records/export-records';
import { exportReport } from '../records/export-report';
import { importRecords, type ImportResult } from '../records/import-records';
import { nextRecordName } from '../records/next-record-name';
import { flatten, parseOdm, parseRows, type SentRow } from '../records/parse-import';
import { randomizeRecord } from '../records/randomize-record';
import { renameRecord } from '../records/rename-record';
import * as describe from '../structure/describe-project';
import { writeList } from '../structure/write-list';
import { atLeast } from '../version';
import { escapeXml, xmlDeclaration } from '../xml-text';
import { formatted, text, type Answer } from './answer';
import { byAction, need, note, type Call, type Method } from './call';

function armParameter(call: Call): number | null {
  const value = call.params.get('arm');
  if (value === '') return null;
  const arm = Number(value);
  if (!call.project.design.arms.some((known) => known.number === arm)) {
    throw new ApiError(400, messages.valuesNotValid('arm', [value]));
  }
  return arm;
}

/** `type`: whatever is not `eav` is flat; a client that sends a word of its own works with real servers (redcapy 0.4.1). */
const shapeAsked = ({ params }: Call): 'flat' | 'eav' => (params.get('type') === 'eav' ? 'eav' : 'flat');

function exportRecordsCall(call: Call): Answer {
  const { params, project, user } = call;
  need(user, 'api_export');
  const type = shapeAsked(call);
  if (params.get('format') === 'odm') {
    const data = xmlData(call);
    note(call, 'export_format: ODM, rawOrLabel: raw', 'Data Export (API) ');
    return formatted('xml', writeProjectXml(project, { data, at: call.at, version: call.version }));
  }
  const format = params.format();
  const query = readRecordsQuery(call);
  const delimiter = params.delimiter();
  note(
    call,
    `export_format: ${format.toUpperCase()}, rawOrLabel: ${query.labels ? 'label' : 'raw'}`,
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

/** What a call hears that is to be worked off later; here the work is done by then (§2.2). */
function backgroundAnswer(format: ApiFormat): Answer {
  if (format === 'json') return formatted(format, '{"success":true}');
  return formatted(format, format === 'csv' ? 'true' : `${xmlDeclaration}<success>true</success>`);
}

function importRecordsCall(call: Call): Answer {
  const { params, project, user } = call;
  need(user, 'api_import', messages.noImportRights);
  const odm = params.get('format') === 'odm';
  const format = odm ? 'xml' : params.format();
  const type = shapeAsked(call);
  const overwrite = params.word('overwriteBehavior', ['normal', 'overwrite']) === 'overwrite';
  const content = params.word('returnContent', ['count', 'ids', 'auto_ids', 'nothing']);
  const dateOrder = params.word('dateFormat', ['YMD', 'MDY', 'DMY']);
  const forceAutoNumber = params.flag('forceAutoNumber');
  if (content === 'auto_ids' && !forceAutoNumber) throw new ApiError(400, messages.autoIdsNeedAutoNumber);
  let rows: SentRow[];
  if (odm) rows = parseOdm(params.get('data'), project.codebook);
  else {
    const sent = parseRows(params.get('data'), format, params.delimiter());
    rows = type === 'eav' ? flatten(sent, project.codebook) : sent;
  }
  const result = importRecords(project, rows, { overwrite, forceAutoNumber, dateOrder, user, at: call.at });
  if (result.changed) call.changed();
  if (params.flag('backgroundProcess')) return backgroundAnswer(params.returnFormat());
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

/** The data of an ODM answer: filters as in a records export, options as in the project XML's (§2.18, §3.7). */
function xmlData(call: Call): XmlDataOptions {
  const query = readRecordsQuery(call);
  return {
    records: recordsMeant(call.project, query),
    tell: query.tell,
    columns: new Set(query.columns),
    events: query.events,
    filter: query.filter,
    surveyFields: query.surveyFields,
    dags: query.dagColumn,
    files: call.params.flag('exportFiles'),
  };
}

function projectXml(call: Call): Answer {
  need(call.user, 'api_export');
  const data = call.params.flag('returnMetadataOnly') ? null : xmlData(call);
  note(call, 'Export project XML (API)');
  return formatted('xml', writeProjectXml(call.project, { data, at: call.at, version: call.version }));
}

function projectInfo(call: Call): Answer {
  need(call.user, 'api_export');
  const format = call.params.format();
  const info = describe.projectInfo(call.project, call.version);
  note(call, 'Export project information (API)');
  if (format === 'json') return formatted(format, JSON.stringify(info));
  if (format === 'csv') return formatted(format, writeList([info], format, { root: 'items', keys: Object.keys(info) }));
  const cells = Object.entries(info).map(([key, value]) => `<${key}>${escapeXml(String(value))}</${key}>`);
  return formatted(format, `${xmlDeclaration}<items>${cells.join('')}</items>`);
}

function randomize(call: Call): Answer {
  if (!atLeast(call.version, '14.7.0')) throw new ApiError(501, messages.notImplemented);
  need(call.user, 'api_import', messages.noImportRights);
  need(call.user, 'random_perform');
  const format = call.params.format();
  const done = randomizeRecord(call.project, call.params, call.user, call.at);
  call.changed();
  const { target_field_alt: alternative, ...shown } = done;
  const row = call.params.flag('returnAlt') ? { ...shown, target_field_alt: alternative } : shown;
  if (format === 'json') return formatted(format, JSON.stringify(row));
  return formatted(format, writeList([row], format, { root: 'items', keys: Object.keys(row) }));
}

function report(call: Call): Answer {
  need(call.user, 'api_export');
  need(call.user, 'reports');
  const { answer, title } = exportReport(call);
  note(call, `report_name: '${title}'`, 'Data Export (API) ');
  return answer;
}

/** Records and what is made of them (§2.1 to §2.6, §2.17 to §2.19). */
export const recordMethods: Record<string, Method> = {
  record: byAction({
    export: exportRecordsCall,
    import: importRecordsCall,
    delete: deleteRecordsCall,
    rename: renameRecordCall,
    randomize,
  }),
  generateNextRecordName: byAction({
    export(call) {
      need(call.user, 'api_export');
      note(call, 'Generate next record name (API)');
      return text(nextRecordName(call.project, call.user.dag));
    },
  }),
  report: byAction({ export: report }),
  project: byAction({ export: projectInfo }),
  project_xml: byAction({ export: projectXml }),
  version: byAction({
    export(call) {
      note(call, 'Export REDCap version (API)');
      return text(call.version);
    },
  }),
};
