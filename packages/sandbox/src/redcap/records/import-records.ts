import { ApiError } from '../api-error';
import type { Column } from '../codebook';
import { compareIds } from '../data-store';
import { messages } from '../messages';
import type { ProjectEvent, User } from '../model';
import type { Project } from '../project';
import { autoCalculation, logChange, putValue, type RecordChange } from './changes';
import { nextRecordName } from './next-record-name';
import type { SentRow } from './parse-import';
import { recalculate } from './recalculate';
import { checkValue, type DateOrder } from './validate-value';

/** How an import is to be done (§2.2). */
interface ImportOptions {
  overwrite: boolean;
  forceAutoNumber: boolean;
  dateOrder: DateOrder;
  user: User;
  /** Wall time of the server. */
  at: string;
}

/** What an import did: distinct records in the order sent, with the id the client had given; and whether data changed. */
export interface ImportResult {
  ids: { id: string; sent: string }[];
  changed: boolean;
}

interface Placed {
  id: string;
  sent: string;
  event: ProjectEvent;
  /** Index of the repeating instrument, or -1. */
  form: number;
  /** 0 nothing repeats here, -1 the next free one. */
  instance: number;
  dag: string | null;
  values: [Column, string][];
}

type Problem = [record: string, field: string, value: string, message: string];

const systemColumns = new Set([
  'redcap_event_name',
  'redcap_repeat_instrument',
  'redcap_repeat_instance',
  'redcap_data_access_group',
  'redcap_survey_identifier',
]);

/** The columns of a payload, known ones only. Throws when one is unknown or the record id is not among them. */
function readColumns(project: Project, rows: readonly SentRow[]): Map<string, Column> {
  const { codebook } = project;
  const names = new Set<string>();
  for (const row of rows) for (const name of row.keys()) names.add(name);
  const columns = new Map<string, Column>();
  const unknown: string[] = [];
  for (const name of names) {
    const column = codebook.columnByName.get(name);
    if (column !== undefined) columns.set(name, column);
    else if (!systemColumns.has(name) && !codebook.design.forms.some((form) => name === `${form.name}_timestamp`)) {
      unknown.push(name);
    }
  }
  if (unknown.length > 0) throw new ApiError(400, messages.columnsUnknown(unknown));
  const idField = codebook.design.recordIdField;
  if (rows.length > 0 && !names.has(idField)) throw new ApiError(400, messages.idColumnMissing(idField));
  return columns;
}

/** Where a row belongs, by the rules of §4.6 and §4.8; problems are collected. Null when there is no such place. */
function place(project: Project, row: SentRow, id: string, problems: Problem[]): Placed | null {
  const { codebook } = project;
  const eventName = codebook.longitudinal ? (row.get('redcap_event_name') ?? '').trim() : '';
  const event = eventName === '' ? codebook.firstEvent : codebook.eventByName.get(eventName);
  if (event === undefined) {
    problems.push([id, 'redcap_event_name', eventName, messages.eventUnknown(eventName)]);
    return null;
  }
  const instrument = (row.get('redcap_repeat_instrument') ?? '').trim();
  const instanceText = (row.get('redcap_repeat_instance') ?? '').trim();
  const placed: Placed = { id, sent: id, event, form: -1, instance: 0, dag: null, values: [] };
  if (instrument !== '') {
    const form = codebook.formIndex.get(instrument);
    if (form === undefined || !codebook.repeatsAsForm(event, form)) {
      problems.push([id, 'redcap_repeat_instrument', instrument, messages.notARepeatingForm]);
      // Both are told (PyCap #154).
      if (instanceText !== '' && !codebook.repeatsAsEvent(event)) {
        problems.push([id, 'redcap_repeat_instance', instanceText, messages.instanceNotAllowed]);
      }
      return null;
    }
    placed.form = form;
  }
  const repeats = placed.form >= 0 || codebook.repeatsAsEvent(event);
  if (instanceText === '') {
    // A repeating event without a number is its first instance; a repeating instrument without one is told per value.
    placed.instance = placed.form < 0 && repeats ? 1 : 0;
    return placed;
  }
  if (!repeats) {
    problems.push([id, 'redcap_repeat_instance', instanceText, messages.instanceNotAllowed]);
    return null;
  }
  if (instanceText === 'new') placed.instance = -1;
  else if (/^[1-9]\d{0,4}$/.test(instanceText)) placed.instance = Number(instanceText);
  else {
    problems.push([id, 'redcap_repeat_instance', instanceText, messages.instanceInvalid]);
    return null;
  }
  return placed;
}

/** Checks one value against place and dictionary, and takes it into the row or notes the problem. */
function takeValue(
  project: Project,
  placed: Placed,
  column: Column,
  text: string,
  order: DateOrder,
  problems: Problem[],
): void {
  const { codebook } = project;
  const { event, id } = placed;
  if (text === '') {
    placed.values.push([column, '']);
    return;
  }
  const refuse = (message: string): void => void problems.push([id, column.name, text, message]);
  if (!codebook.isDesignated(event, column.form)) {
    return refuse(messages.notDesignated(column.name, codebook.eventTitle(event)));
  }
  const form = codebook.form(column.form).name;
  const repeats = codebook.repeatsAsForm(event, column.form);
  if (repeats && (placed.form < 0 || placed.instance === 0))
    return refuse(messages.repeatColumnsMissing(column.name, form));
  if (placed.form >= 0 && placed.form !== column.form) {
    return refuse(messages.fieldOutsideRepeatingForm(column.name, codebook.form(placed.form).name));
  }
  // Calculated values and files cannot be set by an import; they are accepted and passed over (§4.2).
  if (column.kind === 'calc' || column.kind === 'file') return;
  const checked = checkValue(codebook, column, text, order);
  if ('message' in checked) return refuse(checked.message);
  placed.values.push([column, checked.value]);
}

function takeDag(project: Project, row: SentRow, placed: Placed, user: User, problems: Problem[]): void {
  const text = row.get('redcap_data_access_group');
  if (text === undefined) return;
  if (user.dag !== '') {
    problems.push([placed.id, 'redcap_data_access_group', text, messages.dagColumnIllegal]);
  } else if (text !== '' && !project.design.dags.some((dag) => dag.uniqueName === text)) {
    problems.push([placed.id, 'redcap_data_access_group', text, messages.dagUnknown(text)]);
  } else placed.dag = text;
}

function nextInstance(project: Project, placed: Placed): number {
  const rows = project.data.get(placed.id)?.rows ?? [];
  let last = 0;
  for (const row of rows) {
    if (row.event === placed.event && row.form === placed.form && row.instance > last) last = row.instance;
  }
  return last + 1;
}

/** Gives every distinct sent id the next free one; the sent ids are only grouping keys (§4.9). */
function renumber(project: Project, placed: readonly Placed[], user: User): void {
  const given = new Map<string, string>();
  let next = nextRecordName(project, user.dag);
  for (const row of placed) {
    let id = given.get(row.sent);
    if (id === undefined) {
      id = next;
      given.set(row.sent, id);
      next = id.replace(/\d+$/, (digits) => String(Number(digits) + 1));
    }
    row.id = id;
  }
}

/** Checks that concern the record as a whole; one problem per record. */
function checkRecords(project: Project, placed: readonly Placed[], options: ImportOptions, problems: Problem[]): void {
  const { user } = options;
  const idField = project.design.recordIdField;
  const seen = new Set<string>();
  for (const row of placed) {
    if (seen.has(row.id)) continue;
    seen.add(row.id);
    const record = project.data.get(row.id);
    if (record === undefined) {
      if (user.rights.record_create === 0) throw new ApiError(403, messages.noCreateRights);
      continue;
    }
    if (record.locked) problems.push([row.id, idField, row.id, messages.recordLocked]);
    if (user.dag !== '' && record.dag !== user.dag)
      problems.push([row.id, idField, row.id, messages.recordOfAnotherDag]);
  }
}

/** One line per problem (§1.9). */
function refusal(problems: readonly Problem[]): ApiError {
  const cell = (text: string): string => `"${text.replace(/"/g, '""')}"`;
  return new ApiError(400, problems.map((problem) => problem.map(cell).join(',')).join('\n'));
}

/**
 * Imports rows as REDCap does (§4): everything is checked first, and any problem refuses the whole payload with one line
 * per value; otherwise all of it is applied, one line of the log per record with what changed.
 */
export function importRecords(project: Project, rows: readonly SentRow[], options: ImportOptions): ImportResult {
  const columns = readColumns(project, rows);
  const { codebook, data } = project;
  const idField = codebook.design.recordIdField;
  const problems: Problem[] = [];
  const placed: Placed[] = [];
  for (const row of rows) {
    const id = (row.get(idField) ?? '').trim();
    if (id === '') {
      problems.push(['', idField, '', messages.idMissing]);
      continue;
    }
    const at = place(project, row, id, problems);
    if (at === null) continue;
    takeDag(project, row, at, options.user, problems);
    for (const [name, text] of row) {
      const column = columns.get(name);
      if (column !== undefined && column.kind !== 'id')
        takeValue(project, at, column, text, options.dateOrder, problems);
    }
    placed.push(at);
  }
  // Where the project does not number its records, the ids sent stay what they are (phpcap RecordsTest, §4.9).
  if (options.forceAutoNumber && project.design.settings.autonumbering) renumber(project, placed, options.user);
  checkRecords(project, placed, options, problems);
  if (problems.length > 0) throw refusal(problems);

  const changes = new Map<string, RecordChange>();
  const ids: ImportResult['ids'] = [];
  for (const at of placed) {
    let change = changes.get(at.id);
    if (change === undefined) {
      const known = data.get(at.id);
      const record = known ?? data.create(at.id);
      change = { record, created: known === undefined, details: [], fields: new Set() };
      if (change.created) {
        record.dag = options.user.dag;
        change.details.push(`${idField} = '${at.id}'`);
      }
      changes.set(at.id, change);
      ids.push({ id: at.id, sent: at.sent });
    }
    applyRow(project, at, change, options);
  }
  const how = '(API)';
  let changed = false;
  for (const change of [...changes.values()].sort((a, b) => compareIds(a.record.id, b.record.id))) {
    changed = logChange(project, change, options.at, options.user.username, how) || changed;
    const auto = recalculate(project, change, { now: options.at, user: options.user.username });
    changed = logChange(project, auto, options.at, options.user.username, autoCalculation) || changed;
  }
  return { ids, changed };
}

function applyRow(project: Project, at: Placed, change: RecordChange, options: ImportOptions): void {
  const { data } = project;
  const { record } = change;
  const values = options.overwrite ? at.values : at.values.filter(([, value]) => value !== '');
  const instance = at.instance === -1 ? nextInstance(project, at) : at.instance;
  const repeatsUnnumbered = at.form >= 0 && instance === 0;
  if (!repeatsUnnumbered) {
    const known = record.row(at.event, at.form, instance);
    // An instance of an instrument exists by its values, an event by its record id as well.
    if (known !== undefined || at.form < 0 || values.some(([, value]) => value !== '')) {
      const row = known ?? data.ensureRow(record, at.event, at.form, instance);
      if (known === undefined && !change.created) {
        const idDetail = `${project.design.recordIdField} = '${record.id}'`;
        if (!change.details.includes(idDetail)) change.details.push(idDetail);
      }
      for (const [column, value] of values) putValue(change, row, column, value);
    }
  }
  if (record.rows.length === 0) data.ensureRow(record, at.event, -1, 0);
  if (at.dag !== null && (at.dag !== '' || options.overwrite) && at.dag !== record.dag) {
    record.dag = at.dag;
    change.details.push(`Assign record to Data Access Group (redcap_data_access_group = '${at.dag}')`);
  }
}
