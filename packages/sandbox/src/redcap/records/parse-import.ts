import { ApiError, type ApiFormat } from '../api-error';
import type { Codebook } from '../codebook';
import { checkboxColumn } from '../codebook';
import { parseCsv } from '../csv-text';
import { lookOverCsv, lookOverJson, mostElements, outOfMemory } from '../data-size';
import { messages } from '../messages';
import {
  attributeOf,
  childrenOf,
  descendants,
  parseXml,
  XmlTooLargeError,
  type XmlNode,
} from '../project-xml/parse-xml';

/** One row as a client sent it: column names and texts, in the client's order. */
export type SentRow = Map<string, string>;

function scalar(value: unknown): string {
  if (value === null) return '';
  if (typeof value === 'string') return value;
  if (typeof value === 'number') return String(value);
  if (typeof value === 'boolean') return value ? '1' : '0';
  throw new Error('not a scalar');
}

function fromJson(text: string): SentRow[] {
  lookOverJson(text);
  const parsed: unknown = JSON.parse(text);
  // A bare object is taken for no rows at all: the answer is a count of 0 (PyCap #103).
  if (!Array.isArray(parsed)) {
    if (typeof parsed === 'object' && parsed !== null) return [];
    throw new Error('no rows');
  }
  return parsed.map((entry: unknown) => {
    if (typeof entry !== 'object' || entry === null || Array.isArray(entry)) throw new Error('not a row');
    return new Map(Object.entries(entry).map(([name, value]) => [name, scalar(value)]));
  });
}

function fromCsv(text: string, delimiter: string): SentRow[] {
  lookOverCsv(text, delimiter);
  const [header, ...lines] = parseCsv(text, delimiter);
  if (header === undefined) return [];
  const names = header.map((name) => name.trim());
  return lines.map((cells) => {
    if (cells.length > names.length) throw new Error('a row is longer than the header');
    return new Map(names.map((name, at) => [name, cells[at] ?? '']));
  });
}

function fromXml(text: string): SentRow[] {
  return descendants(parseXml(text, mostElements), 'item').map(
    (item) => new Map(item.children.map((element) => [element.name, element.text])),
  );
}

/**
 * The rows in `data`. Throws REDCap's refusal when the text is not in the format.
 */
export function parseRows(data: string, format: ApiFormat, delimiter: string): SentRow[] {
  try {
    if (format === 'json') return fromJson(data);
    if (format === 'csv') return fromCsv(data, delimiter);
    return fromXml(data);
  } catch (error) {
    if (error instanceof ApiError) throw error;
    if (error instanceof XmlTooLargeError) throw outOfMemory();
    throw new ApiError(400, messages.dataNotInFormat);
  }
}

const eavColumns = new Set([
  'record',
  'field_name',
  'value',
  'redcap_event_name',
  'redcap_repeat_instrument',
  'redcap_repeat_instance',
]);

/**
 * Turns EAV rows (one value each) into flat ones: consecutive values of the same place become one row; a checkbox comes
 * as its base name with the code as value (§3.6).
 */
export function flatten(rows: readonly SentRow[], codebook: Codebook): SentRow[] {
  const flat = new Map<string, SentRow>();
  const idField = codebook.design.recordIdField;
  for (const row of rows) {
    const unknown = [...row.keys()].filter((name) => !eavColumns.has(name));
    if (unknown.length > 0) throw new ApiError(400, messages.columnsUnknown(unknown));
    if (!row.has('record') || !row.has('field_name')) throw new ApiError(400, messages.idColumnMissing('record'));
    const event = row.get('redcap_event_name') ?? '';
    const instrument = row.get('redcap_repeat_instrument') ?? '';
    const instance = row.get('redcap_repeat_instance') ?? '';
    const record = row.get('record')!;
    const place = JSON.stringify([record, event, instrument, instance]);
    let target = flat.get(place);
    if (target === undefined) {
      target = new Map([[idField, record]]);
      if (event !== '') target.set('redcap_event_name', event);
      if (instrument !== '') target.set('redcap_repeat_instrument', instrument);
      if (instance !== '') target.set('redcap_repeat_instance', instance);
      flat.set(place, target);
    }
    const name = row.get('field_name')!;
    const value = row.get('value') ?? '';
    if (name === idField) continue;
    const columns = codebook.columnsByField.get(name);
    if (columns?.[0]?.kind === 'checkbox') {
      if (value === '') continue;
      const column = columns.find((candidate) => candidate.name === checkboxColumn(name, value));
      target.set(column?.name ?? checkboxColumn(name, value), '1');
    } else target.set(name, value);
  }
  return [...flat.values()];
}

/**
 * The rows in an ODM document's clinical data, for an import of records (§6.6). Values of system columns other than the
 * group are passed over. Throws REDCap's refusal when the text is no such document.
 */
export function parseOdm(data: string, codebook: Codebook): SentRow[] {
  let odm: XmlNode;
  try {
    odm = parseXml(data, mostElements);
  } catch (error) {
    if (error instanceof XmlTooLargeError) throw outOfMemory();
    throw new ApiError(400, messages.dataNotInFormat);
  }
  const idField = codebook.design.recordIdField;
  const rows = new Map<string, SentRow>();
  for (const subject of descendants(odm, 'SubjectData')) {
    const record = attributeOf(subject, 'SubjectKey');
    const visits = childrenOf(subject, 'StudyEventData');
    for (const visit of visits.length === 0 ? [subject] : visits) {
      const eventName = attributeOf(visit, 'redcap:UniqueEventName');
      const event = codebook.eventByName.get(eventName) ?? codebook.firstEvent;
      for (const form of childrenOf(visit, 'FormData')) {
        const formName = attributeOf(form, 'FormOID').replace(/^Form\./, '');
        const index = codebook.formIndex.get(formName);
        const ofForm = index !== undefined && codebook.repeatsAsForm(event, index);
        const ofEvent = codebook.repeatsAsEvent(event);
        const key = ofForm
          ? attributeOf(form, 'FormRepeatKey')
          : ofEvent
            ? attributeOf(visit, 'StudyEventRepeatKey')
            : '';
        const place = JSON.stringify([record, eventName, ofForm ? formName : '', key]);
        let row = rows.get(place);
        if (row === undefined) rows.set(place, (row = new Map([[idField, record]])));
        if (codebook.longitudinal) row.set('redcap_event_name', eventName);
        if (ofForm) row.set('redcap_repeat_instrument', formName);
        if (key !== '') row.set('redcap_repeat_instance', key);
        for (const item of descendants(form, 'ItemData')) {
          const name = attributeOf(item, 'ItemOID');
          const value = attributeOf(item, 'Value').replace(/^(\d{4}-\d\d-\d\d)T/, '$1 ');
          if (name !== idField) row.set(name, value);
        }
      }
    }
  }
  return [...rows.values()];
}
