import { ApiError } from '../api-error';
import type { Codebook, Column } from '../codebook';
import { CsvBytes } from '../csv-bytes';
import { csvCell } from '../csv-text';
import { compareIds, StoredRow, type StoredRecord } from '../data-store';
import { messages } from '../messages';
import type { ProjectEvent, User } from '../model';
import type { Params } from '../params';
import type { Project } from '../project';
import { readServerTime } from '../server-time';
import { atLeast } from '../version';
import { cdata, xmlDeclaration } from '../xml-text';
import { readFilterLogic, type RowFilter } from './filter-logic';
import { recordTeller, selectColumns } from './select-columns';

/** What an export was asked for, checked and resolved (§2.1, §3). */
export interface RecordsQuery {
  columns: Column[];
  /** Whether the record id is among the columns; the system columns come with it. */
  withId: boolean;
  /** What the caller is told a record's id to be. */
  tell: (record: StoredRecord) => string;
  records: ReadonlySet<string> | null;
  events: ReadonlySet<ProjectEvent> | null;
  changedFrom: string | null;
  changedTo: string | null;
  filter: RowFilter | null;
  labels: boolean;
  labelHeaders: boolean;
  checkboxLabels: boolean;
  surveyFields: boolean;
  dagColumn: boolean;
  blankForGray: boolean;
  combineCheckboxes: boolean;
  decimalMark: '' | '.' | ',';
  /** The group whose records alone may be seen; empty for all. */
  dag: string;
  /** Every row of a record of which one row passes the filter. */
  wholeRecords: boolean;
  /** A report's order; empty for REDCap's own. */
  order: { column: Column; descending: boolean }[];
  /** Line breaks in values become two blanks each. */
  withoutLineBreaks: boolean;
}

function timeParameter(params: Params, name: string): string | null {
  const text = params.get(name);
  if (text === '') return null;
  const time = readServerTime(text);
  if (time === null) throw new ApiError(400, messages.parameterInvalid(name));
  return time;
}

function eventsParameter(codebook: Codebook, params: Params): ReadonlySet<ProjectEvent> | null {
  const names = params.list('events');
  // A classic project has no events to choose from: ignored (§3.1.7).
  if (names === null || !codebook.longitudinal) return null;
  const unknown = names.filter((name) => !codebook.eventByName.has(name));
  if (unknown.length > 0) throw new ApiError(400, messages.valuesNotValid('events', unknown));
  return new Set(names.map((name) => codebook.eventByName.get(name)!));
}

/** What a records export is read from: a call. */
export interface RecordsAsked {
  project: Project;
  params: Params;
  user: User;
  /** Wall time of the server. */
  at: string;
  /** REDCap's. */
  version: string;
}

/** Before 13.4.10 names that are none were passed over (§1.2, §1.8); where nothing is left, nothing was asked for. */
function known(names: readonly string[] | null, isKnown: (name: string) => boolean): string[] | null {
  const left = names?.filter(isKnown) ?? [];
  return left.length === 0 ? null : left;
}

/** Reads the parameters of a records export. Throws REDCap's refusals. */
export function readRecordsQuery({ project, params, user, at, version }: RecordsAsked): RecordsQuery {
  const { codebook } = project;
  const strict = atLeast(version, '13.4.10');
  const fields = known(params.list('fields'), (name) => strict || codebook.columnsByField.has(name));
  const forms = known(params.list('forms'), (name) => strict || codebook.formIndex.has(name));
  const columns = selectColumns(codebook, fields, forms, user);
  const records = params.list('records');
  const logic = params.get('filterLogic');
  const mark = params.get('decimalCharacter');
  if (mark !== '' && mark !== '.' && mark !== ',')
    throw new ApiError(400, messages.parameterInvalid('decimalCharacter'));
  return {
    columns,
    withId: columns.some((column) => column.kind === 'id'),
    tell: recordTeller(project, user),
    records: records === null ? null : new Set(records),
    events: eventsParameter(codebook, params),
    changedFrom: timeParameter(params, 'dateRangeBegin'),
    changedTo: timeParameter(params, 'dateRangeEnd'),
    filter: logic.trim() === '' ? null : readFilterLogic(logic, codebook, { now: at, user: user.username }),
    labels: params.word('rawOrLabel', ['raw', 'label', 'both']) !== 'raw',
    labelHeaders: params.word('rawOrLabelHeaders', ['raw', 'label', 'both']) === 'label',
    checkboxLabels: params.flag('exportCheckboxLabel'),
    surveyFields: params.flag('exportSurveyFields'),
    dagColumn: params.flag('exportDataAccessGroups') && user.dag === '' && project.design.dags.length > 0,
    blankForGray: params.flag('exportBlankForGrayFormStatus'),
    combineCheckboxes: params.flag('combineCheckboxOptions'),
    decimalMark: mark,
    dag: user.dag,
    wholeRecords: false,
    order: [],
    withoutLineBreaks: false,
  };
}

/** A row on its way out, with its record. */
interface OutRow {
  record: StoredRecord;
  row: StoredRow;
}

function wasTouched(record: StoredRecord, from: string | null, to: string | null): boolean {
  return record.touched.some((at) => (from === null || at >= from) && (to === null || at <= to));
}

/** Whether a record as a whole may be among what is exported: the caller's group, the range of dates. */
function mayShow({ dag, changedFrom, changedTo }: RecordsQuery, record: StoredRecord): boolean {
  if (dag !== '' && record.dag !== dag) return false;
  return (changedFrom === null && changedTo === null) || wasTouched(record, changedFrom, changedTo);
}

/** The ids of the records that an export may hold; null for all there are. */
export function recordsMeant(project: Project, query: RecordsQuery): ReadonlySet<string> | null {
  const { dag, records, changedFrom, changedTo } = query;
  if (dag === '' && records === null && changedFrom === null && changedTo === null) return null;
  const meant = candidates(project, records).filter((record) => mayShow(query, record));
  return new Set(meant.map(({ id }) => id));
}

/** All records, or those of the ids asked for, in natural order: few of many are looked up, not looked for. */
function candidates(project: Project, ids: ReadonlySet<string> | null): readonly StoredRecord[] {
  if (ids === null) return project.data.sorted();
  const found = [...ids].flatMap((id) => project.data.get(id) ?? []);
  return found.sort((a, b) => compareIds(a.id, b.id));
}

/** The rows of an export in REDCap's order (§3.2, §11). */
function* selectRows(project: Project, query: RecordsQuery): Generator<OutRow> {
  const forms = new Set(query.columns.map((column) => column.form));
  const onlyId = query.columns.every((column) => column.kind === 'id');
  const { filter } = query;
  const passes = (record: StoredRecord, row: StoredRow): boolean =>
    filter === null || (query.wholeRecords ? record.rows.some((other) => filter(record, other)) : filter(record, row));
  for (const record of candidates(project, query.records)) {
    if (!mayShow(query, record)) continue;
    let shown = false;
    let hidden: ProjectEvent | undefined;
    for (const row of record.rows) {
      if (!project.codebook.isShown(row.event)) continue;
      if (query.events !== null && !query.events.has(row.event)) continue;
      if (row.form >= 0 && (onlyId || !forms.has(row.form))) {
        hidden ??= row.event;
        continue;
      }
      shown = true;
      if (passes(record, row)) yield { record, row };
    }
    // A record that holds nothing but instances is still a record: whoever asks for ids must see it.
    if (!shown && hidden !== undefined && query.withId) {
      const row = new StoredRow(hidden, -1, 0);
      if (passes(record, row)) yield { record, row };
    }
  }
}

/** A cell's text; `applies` says per instrument whether it has a say in the row. */
type Cell = (record: StoredRecord, row: StoredRow, applies: readonly boolean[]) => string;

interface OutColumn {
  name: string;
  header: string;
  cell: Cell;
  /** The repeat instance is the one number in JSON (§3.3). */
  number?: true;
  /** Where the cell's text lies as it is, when nothing but the row's shape has a say in it. */
  stored?: { form: number; slot: number };
}

/** Which instruments have a say in a row: designated, and repeating exactly as the row does (§11). */
function applicability(codebook: Codebook): (row: StoredRow) => readonly boolean[] {
  const cache = new Map<ProjectEvent, Map<number, boolean[]>>();
  return (row) => {
    let byForm = cache.get(row.event);
    if (byForm === undefined) cache.set(row.event, (byForm = new Map<number, boolean[]>()));
    let flags = byForm.get(row.form);
    if (flags === undefined) {
      flags = codebook.design.forms.map((_, index) => {
        if (!codebook.isDesignated(row.event, index)) return false;
        return codebook.repeatsAsForm(row.event, index) ? row.form === index : row.form === -1;
      });
      byForm.set(row.form, flags);
    }
    return flags;
  };
}

function labelOf(codebook: Codebook, column: Column, value: string): string {
  return column.choices.get(value) ?? codebook.missingCodes.get(value) ?? value;
}

function cellOf({ codebook, files }: Project, column: Column, query: RecordsQuery): Cell {
  if (column.kind === 'id') return query.tell;
  const { form } = column;
  if (column.kind === 'checkbox') {
    const label = column.choices.get(column.code) ?? '';
    const [checked, unchecked] = !query.labels
      ? ['1', '0']
      : query.checkboxLabels
        ? [label, '']
        : ['Checked', 'Unchecked'];
    return (_, row, applies) => {
      if (!applies[form]!) return '';
      const value = row.get(column);
      if (value === undefined) return unchecked!;
      return value === '1' ? checked! : query.labels ? labelOf(codebook, column, value) : value;
    };
  }
  if (column.kind === 'complete') {
    const untouched = query.labels ? 'Incomplete' : '0';
    return (_, row, applies) => {
      if (!applies[form]!) return '';
      const value = row.get(column);
      if (value === undefined) return query.blankForGray && !row.holds(form) ? '' : untouched;
      return query.labels ? labelOf(codebook, column, value) : value;
    };
  }
  const { slot } = column;
  if (column.kind === 'file') {
    return (_, row, applies) => {
      const id = applies[form]! ? (row.cells[form]?.[slot] ?? '') : '';
      return id === '' ? '' : (files.get(id)?.name ?? id);
    };
  }
  const plain: Cell = (_, row, applies) => (applies[form]! ? (row.cells[form]?.[slot] ?? '') : '');
  if (query.labels && (column.choices.size > 0 || codebook.missingCodes.size > 0)) {
    return (record, row, applies) => {
      const value = plain(record, row, applies);
      return value === '' ? '' : labelOf(codebook, column, value);
    };
  }
  const isNumber = column.kind === 'calc' || column.validation.startsWith('number');
  if (query.decimalMark !== '' && isNumber) {
    const mark = query.decimalMark;
    return (record, row, applies) => plain(record, row, applies).replace(/[.,]/, mark);
  }
  return plain;
}

/** Whether a cell is told as it is stored: no label, no default, no other decimal mark. */
function isStored(codebook: Codebook, column: Column, query: RecordsQuery): boolean {
  if (['id', 'checkbox', 'complete', 'file'].includes(column.kind)) return false;
  if (query.labels && (column.choices.size > 0 || codebook.missingCodes.size > 0)) return false;
  return query.decimalMark === '' || !(column.kind === 'calc' || column.validation.startsWith('number'));
}

function combinedCell(codebook: Codebook, columns: readonly Column[], query: RecordsQuery): Cell {
  const form = columns[0]!.form;
  return (_, row, applies) => {
    if (!applies[form]!) return '';
    const checked = columns.filter((column) => row.get(column) === '1');
    return checked.map((column) => (query.labels ? (column.choices.get(column.code) ?? '') : column.code)).join(',');
  };
}

function headerOf(column: Column): string {
  if (column.kind === 'complete') return 'Complete?';
  const label = (column.field?.label ?? '').replace(/<[^>]*>/g, '').replace(/[\r\n]+/g, ' ');
  return column.kind === 'checkbox' ? `${label} (choice=${column.choices.get(column.code) ?? ''})` : label;
}

function systemColumns(project: Project, query: RecordsQuery): OutColumn[] {
  const { codebook } = project;
  const columns: OutColumn[] = [];
  if (codebook.longitudinal) {
    columns.push({
      name: 'redcap_event_name',
      header: 'Event Name',
      cell: (_, row) => (query.labels ? codebook.eventTitle(row.event) : row.event.uniqueName),
    });
  }
  if (codebook.hasRepeating) {
    const formName = query.labels ? 'label' : 'name';
    columns.push(
      {
        name: 'redcap_repeat_instrument',
        header: 'Repeat Instrument',
        cell: (_, row) => (row.form < 0 ? '' : codebook.form(row.form)[formName]),
      },
      {
        name: 'redcap_repeat_instance',
        header: 'Repeat Instance',
        cell: (_, row) => (row.instance === 0 ? '' : String(row.instance)),
        number: true,
      },
    );
  }
  if (query.dagColumn) {
    const names = new Map(project.design.dags.map((dag) => [dag.uniqueName, query.labels ? dag.name : dag.uniqueName]));
    columns.push({
      name: 'redcap_data_access_group',
      header: 'Data Access Group',
      cell: (record) => names.get(record.dag) ?? record.dag,
    });
  }
  if (query.surveyFields && project.design.forms.some((form) => form.survey !== undefined)) {
    columns.push({
      name: 'redcap_survey_identifier',
      header: 'Survey Identifier',
      cell: (_, row) => row.survey?.identifier ?? '',
    });
  }
  return columns;
}

function outColumns(project: Project, query: RecordsQuery): OutColumn[] {
  const { codebook } = project;
  const columns: OutColumn[] = [];
  const system = query.withId ? systemColumns(project, query) : [];
  const opened = new Set<number>();
  let combined = '';
  for (const column of query.columns) {
    if (!opened.has(column.form)) {
      opened.add(column.form);
      const { name, survey } = codebook.form(column.form);
      if (query.surveyFields && survey !== undefined) {
        const timestamp: OutColumn = {
          name: `${name}_timestamp`,
          header: 'Survey Timestamp',
          cell: (_, row) => row.survey?.timestamps[name] ?? '',
        };
        columns.push(timestamp);
      }
    }
    if (query.combineCheckboxes && column.kind === 'checkbox') {
      if (combined === column.fieldName) continue;
      combined = column.fieldName;
      const all = codebook.columnsByField.get(column.fieldName)!;
      columns.push({
        name: column.fieldName,
        header: column.field?.label ?? column.fieldName,
        cell: combinedCell(codebook, all, query),
      });
      continue;
    }
    columns.push({
      name: column.name,
      header: headerOf(column),
      cell: cellOf(project, column, query),
      ...(isStored(codebook, column, query) ? { stored: { form: column.form, slot: column.slot } } : {}),
    });
    if (column.kind === 'id') columns.push(...system);
  }
  // The record id leads even where its instrument is a survey, whose timestamp would open the row.
  const id = columns.findIndex((column) => column.name === codebook.design.recordIdField);
  if (query.withId && id > 0) columns.unshift(...columns.splice(id, 1 + system.length));
  return columns;
}

/** EAV columns and values: what is stored, one row per value, by field name; checked options by code (§3.6). */
function* eavRows(project: Project, query: RecordsQuery, rows: Iterable<OutRow>): Generator<string[]> {
  const { codebook } = project;
  const place = systemColumns(project, { ...query, dagColumn: false, surveyFields: false });
  const appliesTo = applicability(codebook);
  const groups = new Map(project.design.dags.map((dag) => [dag.uniqueName, query.labels ? dag.name : dag.uniqueName]));
  const group = 'redcap_data_access_group';
  const byName = (a: { fieldName: string }, b: { fieldName: string }): number =>
    a.fieldName < b.fieldName ? -1 : a.fieldName > b.fieldName ? 1 : 0;
  // Servers whose projects came from an XML were seen to answer by field name; options keep their order.
  const ordered = [...query.columns, ...(query.dagColumn && query.withId ? [{ fieldName: group } as const] : [])].sort(
    byName,
  );
  for (const { record, row } of rows) {
    const applies = appliesTo(row);
    const head = [query.tell(record), ...place.map((column) => column.cell(record, row, applies))];
    for (const column of ordered) {
      if (!('kind' in column)) {
        if (row.form < 0 && record.dag !== '') yield [...head, group, groups.get(record.dag) ?? record.dag];
        continue;
      }
      if (column.kind === 'id') {
        if (row.form < 0) yield [...head, column.name, query.tell(record)];
        continue;
      }
      const value = applies[column.form]! ? row.get(column) : undefined;
      if (value === undefined) continue;
      if (column.kind === 'checkbox' && value === '1') {
        yield [...head, column.fieldName, query.labels ? (column.choices.get(column.code) ?? '') : column.code];
      } else yield [...head, column.fieldName, query.labels ? labelOf(codebook, column, value) : value];
    }
  }
}

/** How a table of texts is written: rows of cells as chunks of text. */
function* writeTable(
  columns: readonly { name: string; header: string; number?: true }[],
  rows: Iterable<string[]>,
  o: { format: 'csv' | 'json' | 'xml'; delimiter: string; labelHeaders: boolean },
): Generator<string> {
  const size = 65_536;
  let chunk = '';
  if (o.format === 'csv') {
    const cell = csvCell(o.delimiter);
    const header = columns.map((column) => cell(o.labelHeaders ? column.header : column.name)).join(o.delimiter);
    let empty = true;
    for (const row of rows) {
      if (empty) chunk = `${header}\n`;
      empty = false;
      for (let i = 0; i < row.length; i += 1) row[i] = cell(row[i]!);
      chunk += row.join(o.delimiter) + '\n';
      if (chunk.length > size) {
        yield chunk;
        chunk = '';
      }
    }
    // Nothing found is a single newline, without a header (§1.6).
    yield empty ? '\n' : chunk;
    return;
  }
  if (o.format === 'json') {
    const keys = columns.map((column, i) => `${i === 0 ? '' : ','}${JSON.stringify(column.name)}:`);
    chunk = '[';
    let first = true;
    for (const row of rows) {
      let line = first ? '{' : ',{';
      first = false;
      for (let i = 0; i < row.length; i += 1) {
        const number = columns[i]!.number === true && row[i] !== '';
        line += keys[i]! + (number ? row[i]! : JSON.stringify(row[i]));
      }
      chunk += `${line}}`;
      if (chunk.length > size) {
        yield chunk;
        chunk = '';
      }
    }
    yield `${chunk}]`;
    return;
  }
  chunk = `${xmlDeclaration}<records>`;
  for (const row of rows) {
    chunk += '<item>';
    for (let i = 0; i < row.length; i += 1) chunk += `<${columns[i]!.name}>${cdata(row[i]!)}</${columns[i]!.name}>`;
    chunk += '</item>';
    if (chunk.length > size) {
      yield chunk;
      chunk = '';
    }
  }
  yield `${chunk}</records>`;
}

function* flatRows(
  codebook: Codebook,
  columns: readonly OutColumn[],
  rows: Iterable<OutRow>,
  clean: boolean,
): Generator<string[]> {
  const appliesTo = applicability(codebook);
  const cells = columns.map((column) => column.cell);
  for (const { record, row } of rows) {
    const applies = appliesTo(row);
    const out = new Array<string>(cells.length);
    for (let i = 0; i < cells.length; i += 1) out[i] = cells[i]!(record, row, applies);
    yield clean ? out.map((text) => text.replace(/\r\n|\r|\n/g, '  ')) : out;
  }
}

/** Flat CSV as bytes: the same text as `writeTable` gives, for the one export that is asked of whole projects. */
function* flatCsv(
  codebook: Codebook,
  columns: readonly OutColumn[],
  rows: Iterable<OutRow>,
  delimiter: string,
  labelHeaders: boolean,
): Generator<Buffer> {
  const appliesTo = applicability(codebook);
  const csv = new CsvBytes(delimiter);
  const cells = columns.map((column) => column.cell);
  // A form of -1 stands for a cell that has to be made.
  const forms = Int32Array.from(columns, (column) => column.stored?.form ?? -1);
  const slots = Int32Array.from(columns, (column) => column.stored?.slot ?? -1);
  // One array for all rows: what it holds is written before the next one is made.
  const out = new Array<string>(cells.length).fill('');
  let empty = true;
  for (const { record, row } of rows) {
    if (empty) csv.row(columns.map((column) => (labelHeaders ? column.header : column.name)));
    empty = false;
    const applies = appliesTo(row);
    const stored = row.cells;
    for (let i = 0; i < out.length; i += 1) {
      const form = forms[i]!;
      if (form < 0) out[i] = cells[i]!(record, row, applies);
      else out[i] = applies[form]! ? (stored[form]?.[slots[i]!] ?? '') : '';
    }
    const chunk = csv.row(out);
    if (chunk !== null) yield chunk;
  }
  // Nothing found is a single newline, without a header (§1.6).
  if (empty) csv.row([]);
  yield csv.take();
}

/** Rows in a report's order; as they come where it has none. */
function inOrder(query: RecordsQuery, rows: Iterable<OutRow>): Iterable<OutRow> {
  if (query.order.length === 0) return rows;
  const text = ({ record, row }: OutRow, column: Column): string =>
    column.kind === 'id' ? record.id : (row.get(column) ?? '');
  return [...rows].sort((a, b) => {
    for (const { column, descending } of query.order) {
      const [left, right] = [text(a, column), text(b, column)];
      if (left === right) continue;
      const order = left === '' ? -1 : right === '' ? 1 : compareIds(left, right);
      return descending ? -order : order;
    }
    return 0;
  });
}

/**
 * Leaves out rows from the middle of an answer (a scripted fault). Counted in records' rows, so that the answer stays
 * well-formed and only its count tells.
 */
function without(rows: Iterable<OutRow>, count: number): OutRow[] {
  const all = [...rows];
  all.splice(Math.max(0, Math.floor((all.length - count) / 2)), count);
  return all;
}

/**
 * The body of a records export as chunks of about 64 kB, made while they are fetched: rows are read when their turn comes,
 * over the list of records as it was at the start.
 */
export function exportRecords(
  project: Project,
  query: RecordsQuery,
  o: { format: 'csv' | 'json' | 'xml'; type: 'flat' | 'eav'; delimiter: string; missingRows: number },
): Iterable<string | Buffer> {
  const selected = inOrder(query, selectRows(project, query));
  const rows = o.missingRows > 0 ? without(selected, o.missingRows) : selected;
  const writing = { format: o.format, delimiter: o.delimiter, labelHeaders: query.labelHeaders };
  if (o.type === 'flat') {
    const columns = outColumns(project, query);
    if (o.format === 'csv' && !query.withoutLineBreaks) {
      return flatCsv(project.codebook, columns, rows, o.delimiter, query.labelHeaders);
    }
    return writeTable(columns, flatRows(project.codebook, columns, rows, query.withoutLineBreaks), writing);
  }
  const place = systemColumns(project, { ...query, dagColumn: false, surveyFields: false });
  const names = ['record', ...place.map((column) => column.name), 'field_name', 'value'];
  const columns = names.map((name) => ({
    name,
    header: name,
    ...(name === 'redcap_repeat_instance' ? { number: true as const } : {}),
  }));
  return writeTable(columns, eavRows(project, query, rows), { ...writing, labelHeaders: false });
}
