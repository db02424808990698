import { XMLParser, XMLValidator } from 'fast-xml-parser';

/** An element: name with prefix, attributes, child elements, and its own text. */
export interface XmlNode {
  name: string;
  attributes: Record<string, string>;
  children: XmlNode[];
  text: string;
}

/** XML that cannot be read, or may not be: says where and why, without quoting content. */
export class XmlUnreadableError extends Error {
  constructor(reason: string) {
    super(reason);
    this.name = 'XmlUnreadableError';
  }
}

/** XML with more elements than are to be held in memory. */
export class XmlTooLargeError extends XmlUnreadableError {
  constructor() {
    super('The XML holds too many elements.');
    this.name = 'XmlTooLargeError';
  }
}

const named: Record<string, string> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" };

function decode(text: string): string {
  if (!text.includes('&')) return text;
  return text.replace(/&(?:#x([0-9a-fA-F]{1,6})|#(\d{1,7})|([a-z]+));/g, (whole, hex, decimal, name) => {
    if (name !== undefined) return named[name] ?? whole;
    const code = hex !== undefined ? parseInt(hex, 16) : Number(decimal);
    return code > 0 && code <= 0x10ffff ? String.fromCodePoint(code) : '';
  });
}

function endOf(xml: string, mark: string, from: number): number {
  const at = xml.indexOf(mark, from);
  if (at < 0) throw new XmlUnreadableError('The XML ends in the middle of a section.');
  return at + mark.length;
}

/**
 * REDCap writes raw newlines inside attribute values; a parser owes them a blank, so they are encoded beforehand (§6.6).
 * One pass, tag by tag; on the way it refuses whatever declares a document type or an entity.
 */
function prepare(xml: string, mostElements: number): string {
  const parts: string[] = [];
  let elements = 0;
  let copied = 0;
  let at = xml.indexOf('<');
  while (at >= 0) {
    let end: number;
    if (xml.startsWith('<![CDATA[', at)) end = endOf(xml, ']]>', at);
    else if (xml.startsWith('<!--', at)) end = endOf(xml, '-->', at);
    else if (xml.startsWith('<?', at)) end = endOf(xml, '?>', at);
    else if (xml.startsWith('<!', at)) {
      throw new XmlUnreadableError('The XML brings its own document type or entities, which is not accepted.');
    } else {
      if (xml[at + 1] !== '/') elements += 1;
      if (elements > mostElements) throw new XmlTooLargeError();
      let quote = '';
      let broken = false;
      for (end = at + 1; end < xml.length; end += 1) {
        const character = xml[end]!;
        if (quote !== '') {
          if (character === quote) quote = '';
          else if (character === '\n' || character === '\t') broken = true;
        } else if (character === '"' || character === "'") quote = character;
        else if (character === '>') break;
      }
      end += 1;
      if (broken) {
        parts.push(
          xml.slice(copied, at),
          xml
            .slice(at, end)
            .replace(/"[^"]*"|'[^']*'/g, (value) => value.replace(/\n/g, '&#10;').replace(/\t/g, '&#9;')),
        );
        copied = end;
      }
    }
    at = xml.indexOf('<', end);
  }
  parts.push(xml.slice(copied));
  return parts.join('');
}

type Ordered = Record<string, unknown>;

function toNode(entry: Ordered): XmlNode | null {
  let name: string | undefined;
  for (const key of Object.keys(entry)) if (key !== ':@') name = key;
  if (name === undefined || name === '#text' || name.startsWith('?')) return null;
  return { name, attributes: { ...(entry[':@'] as Record<string, string> | undefined) }, children: [], text: '' };
}

/**
 * Parses XML into a tree. Refuses documents that bring their own document type or entities (no external reads, no
 * entity bombs), that are not well-formed, or that nest deeper than 100 elements. Throws
 * `XmlUnreadableError`, as `XmlTooLargeError` for more elements than `mostElements`.
 */
export function parseXml(source: string, mostElements = Infinity): XmlNode {
  const text = source.replace(/^\ufeff/, '').trimStart();
  const xml = prepare(text.replace(/\r\n?/g, '\n'), mostElements);
  const validity = XMLValidator.validate(xml);
  if (validity !== true) {
    throw new XmlUnreadableError(`The XML is not well-formed (line ${validity.err.line}): ${validity.err.code}.`);
  }
  let ordered: Ordered[];
  try {
    ordered = new XMLParser({
      preserveOrder: true,
      ignoreAttributes: false,
      attributeNamePrefix: '',
      parseTagValue: false,
      parseAttributeValue: false,
      trimValues: false,
      processEntities: false,
      cdataPropName: '#cdata',
      attributeValueProcessor: (_name, value) => decode(value),
    }).parse(xml) as Ordered[];
  } catch (error) {
    throw new XmlUnreadableError(
      `The XML could not be read: ${error instanceof Error ? error.message : 'unknown reason'}`,
    );
  }
  const root: XmlNode = { name: '', attributes: {}, children: [], text: '' };
  const open: [XmlNode, Ordered[]][] = [[root, ordered]];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const [parent, entries] = next;
    for (const entry of entries) {
      if (typeof entry['#text'] === 'string') parent.text += decode(entry['#text']);
      else if (Array.isArray(entry['#cdata'])) {
        parent.text += (entry['#cdata'] as Ordered[]).map((part) => String(part['#text'] ?? '')).join('');
      } else {
        const node = toNode(entry);
        if (node === null) continue;
        parent.children.push(node);
        open.push([node, (entry[node.name] as Ordered[] | undefined) ?? []]);
      }
    }
  }
  const element = root.children[0];
  if (element === undefined) throw new XmlUnreadableError('The XML holds no element.');
  return element;
}

/** An attribute's text, blank when there is none. */
export function attributeOf(node: XmlNode | undefined, name: string): string {
  return node?.attributes[name] ?? '';
}

/** The first child of a name. */
export function child(node: XmlNode | undefined, name: string): XmlNode | undefined {
  return node?.children.find((candidate) => candidate.name === name);
}

/** All children of a name. */
export function childrenOf(node: XmlNode | undefined, name: string): XmlNode[] {
  return node?.children.filter((candidate) => candidate.name === name) ?? [];
}

/** All descendants of a name, in document order. */
export function descendants(node: XmlNode, name: string): XmlNode[] {
  const found: XmlNode[] = [];
  const open = [node];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    if (next.name === name) found.push(next);
    for (let i = next.children.length - 1; i >= 0; i -= 1) open.push(next.children[i]!);
  }
  return found;
}
