import { ApiError, type ApiFormat } from '../api-error';
import { parseCsv } from '../csv-text';
import { lookOverCsv, lookOverJson, mostElements, outOfMemory } from '../data-size';
import { messages } from '../messages';
import { child, descendants, parseXml, XmlTooLargeError, type XmlNode } from '../project-xml/parse-xml';

/** A value of a structure import: a text, or a map from instrument to right. */
type SentValue = string | Record<string, string>;

/** One entry of a structure import (arms, users, fields …) with what the client sent of it. */
export class SentItem {
  constructor(private readonly values: ReadonlyMap<string, SentValue>) {}

  /** Whether the client sent the key at all. */
  has(key: string): boolean {
    return this.values.has(key);
  }

  /** The text under a key, blank when there is none. */
  text(key: string): string {
    const value = this.values.get(key);
    return typeof value === 'string' ? value.trim() : '';
  }

  /** A map of rights per instrument: an object in JSON, elements in XML, `form:1,form:0` in CSV; null when not sent. */
  map(key: string): Record<string, string> | null {
    const value = this.values.get(key);
    if (value === undefined || value === '') return null;
    if (typeof value === 'object') return value;
    const entries = value.split(',').map((part) => part.split(':').map((half) => half.trim()));
    return Object.fromEntries(entries.map(([form = '', right = '']) => [form, right]));
  }
}

function scalar(value: unknown): SentValue {
  if (value === null) return '';
  if (typeof value === 'string') return value;
  if (typeof value === 'number') return String(value);
  if (typeof value === 'boolean') return value ? '1' : '0';
  if (typeof value !== 'object') throw new Error('no value');
  // An empty map of rights comes as an empty list from clients in PHP.
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]): [string, string] => {
      const text = scalar(inner);
      if (typeof text !== 'string') throw new Error('nested too deep');
      return [key, text];
    }),
  );
}

function xmlItem(item: XmlNode): SentItem {
  return new SentItem(
    new Map(
      item.children.map((element): [string, SentValue] => [
        element.name,
        element.children.length > 0
          ? Object.fromEntries(element.children.map((inner) => [inner.name, inner.text.trim()]))
          : element.text,
      ]),
    ),
  );
}

function fromJson(text: string): SentItem[] {
  lookOverJson(text);
  const parsed: unknown = JSON.parse(text);
  const rows: unknown[] = Array.isArray(parsed) ? parsed : [parsed];
  return rows.map((row) => {
    if (typeof row !== 'object' || row === null || Array.isArray(row)) throw new Error('no row');
    return new SentItem(new Map(Object.entries(row).map(([key, value]) => [key, scalar(value)])));
  });
}

function fromCsv(text: string, delimiter: string): SentItem[] {
  lookOverCsv(text, delimiter);
  const [header, ...lines] = parseCsv(text, delimiter);
  const names = (header ?? []).map((name) => name.trim());
  if (lines.some((cells) => cells.length > names.length)) throw new Error('a row is longer than the header');
  return lines.map((cells) => new SentItem(new Map(names.map((name, at) => [name, cells[at] ?? '']))));
}

function fromXml(text: string): SentItem[] {
  const root = parseXml(text, mostElements);
  const items = descendants(root, 'item');
  if (items.length > 0) return items.map(xmlItem);
  // A single thing (project settings) may come without an item round it.
  return root.children.length > 0 && child(root, 'item') === undefined ? [xmlItem(root)] : [];
}

/** The entries in `data`. Throws REDCap's refusal when the text is not in the format. */
export function parseStructure(data: string, format: ApiFormat, delimiter: string): SentItem[] {
  try {
    if (format === 'json') return fromJson(data);
    return format === 'csv' ? fromCsv(data, delimiter) : fromXml(data);
  } catch (error) {
    if (error instanceof ApiError) throw error;
    if (error instanceof XmlTooLargeError) throw outOfMemory();
    throw new ApiError(400, messages.dataNotInFormat);
  }
}
