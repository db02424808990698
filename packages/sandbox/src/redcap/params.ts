import { ApiError, type ApiFormat } from './api-error';
import { messages } from './messages';

const indexed = /^([^[\]]+)\[[^[\]]*\]$/;
const truths = new Set(['true', '1']);

/** A file part of a multipart request, as uploaded. */
export interface FilePart {
  name: string;
  type: string;
  bytes: Buffer;
}

/**
 * The parameters of one call (§1.1, §1.2): names are case sensitive, an empty value counts as not given, arrays come as
 * `a[0]=x`, `a[]=x` or one comma-separated text.
 */
export class Params {
  private readonly single = new Map<string, string>();
  private readonly arrays = new Map<string, string[]>();
  readonly files = new Map<string, FilePart>();

  add(name: string, value: string): void {
    const match = indexed.exec(name);
    if (match === null) {
      this.single.set(name, value);
      return;
    }
    const list = this.arrays.get(match[1]!);
    if (list === undefined) this.arrays.set(match[1]!, [value]);
    else list.push(value);
  }

  /** Whether the name was sent at all, even empty: `data=` makes a call an import. */
  sent(name: string): boolean {
    return this.single.has(name) || this.arrays.has(name);
  }

  get isEmpty(): boolean {
    return this.single.size === 0 && this.arrays.size === 0;
  }

  get(name: string): string {
    return this.single.get(name) ?? '';
  }

  /** The values of an array parameter; null when none was given. */
  list(name: string): string[] | null {
    const listed = this.arrays.get(name)?.filter((value) => value !== '');
    if (listed !== undefined && listed.length > 0) return listed;
    const text = this.get(name);
    if (text === '') return null;
    const parts = text.split(',').flatMap((part) => (part.trim() === '' ? [] : [part.trim()]));
    return parts.length === 0 ? null : parts;
  }

  flag(name: string): boolean {
    return truths.has(this.get(name).toLowerCase());
  }

  /** One of the named words; the first is the default. Throws REDCap's refusal for any other. */
  word<W extends string>(name: string, words: readonly [W, ...W[]]): W {
    const value = this.get(name);
    if (value === '') return words[0];
    const known = words.find((word) => word === value);
    if (known === undefined) throw new ApiError(400, messages.parameterInvalid(name));
    return known;
  }

  /** `format`, XML when not given. */
  format(): ApiFormat {
    return this.word('format', ['xml', 'csv', 'json']);
  }

  /** The format of errors and import results: `returnFormat`, else `format`, else XML. Never throws. */
  returnFormat(): ApiFormat {
    for (const name of ['returnFormat', 'format']) {
      const value = this.get(name);
      if (value === 'csv' || value === 'json' || value === 'xml') return value;
    }
    return 'xml';
  }

  delimiter(): string {
    const value = this.get('csvDelimiter');
    if (value === '') return ',';
    if (value === 'tab' || value === '\t') return '\t';
    if ([',', ';', '|', '^'].includes(value)) return value;
    throw new ApiError(400, messages.parameterInvalid('csvDelimiter'));
  }
}
