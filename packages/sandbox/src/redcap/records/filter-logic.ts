import { ApiError } from '../api-error';
import { checkboxColumn, type Codebook, type Column } from '../codebook';
import type { StoredRecord, StoredRow } from '../data-store';
import { messages } from '../messages';

/** Decides about a row by the values of its record. */
export type RowFilter = (record: StoredRecord, row: StoredRow) => boolean;

type Value = string | number | boolean;
interface Place {
  record: StoredRecord;
  row: StoredRow;
}
type Expression = (place: Place) => Value;
type Token = { kind: 'word' | 'text' | 'number' | 'sign' | 'field'; text: string };

class SyntaxFault extends Error {}

const tokenPattern =
  /\s+|"([^"]*)"|'([^']*)'|(\d+\.?\d*|\.\d+)|\[([^\]]*)\]|(<>|!=|<=|>=|&&|\|\||[-+*/^=<>(),!])|([A-Za-z_][A-Za-z_0-9]*)/y;

function tokenize(logic: string): Token[] {
  const tokens: Token[] = [];
  tokenPattern.lastIndex = 0;
  while (tokenPattern.lastIndex < logic.length) {
    const match = tokenPattern.exec(logic);
    if (match === null) throw new SyntaxFault();
    const [, double, single, number, field, sign, word] = match;
    if (double !== undefined || single !== undefined) tokens.push({ kind: 'text', text: double ?? single ?? '' });
    else if (number !== undefined) tokens.push({ kind: 'number', text: number });
    else if (field !== undefined) tokens.push({ kind: 'field', text: field.trim() });
    else if (sign !== undefined) tokens.push({ kind: 'sign', text: sign });
    else if (word !== undefined) tokens.push({ kind: 'word', text: word.toLowerCase() });
    if (tokens.length > 5000) throw new SyntaxFault();
  }
  return tokens;
}

const numeric = /^-?(\d+\.?\d*|\.\d+)$/;

function toNumber(value: Value): number {
  if (typeof value === 'number') return value;
  if (typeof value === 'boolean') return value ? 1 : 0;
  return numeric.test(value) ? Number(value) : NaN;
}

function truthy(value: Value): boolean {
  return typeof value === 'string' ? value !== '' && value !== '0' : Boolean(value);
}

function text(value: Value): string {
  return typeof value === 'boolean' ? (value ? '1' : '0') : String(value);
}

/** Two numbers compare as numbers, all else as texts; nothing is smaller or greater than blank. */
function compare(left: Value, right: Value, operator: string): boolean {
  const a = toNumber(left);
  const b = toNumber(right);
  const both = !Number.isNaN(a) && !Number.isNaN(b);
  if (operator === '=') return both ? a === b : text(left) === text(right);
  if (operator === '<>') return both ? a !== b : text(left) !== text(right);
  if (left === '' || right === '') return false;
  const order = both ? a - b : text(left) < text(right) ? -1 : text(left) > text(right) ? 1 : 0;
  if (operator === '<') return order < 0;
  if (operator === '>') return order > 0;
  return operator === '<=' ? order <= 0 : order >= 0;
}

const day = 86_400_000;
const dateUnits: Record<string, number> = {
  y: 365.2425 * day,
  M: 30.44 * day,
  d: day,
  h: 3_600_000,
  m: 60_000,
  s: 1000,
};

function instant(value: Value): number {
  const match = /^(\d{4})-(\d\d)-(\d\d)(?: (\d\d):(\d\d)(?::(\d\d))?)?$/.exec(text(value));
  if (match === null) return NaN;
  const [, y, mo, d, h = 0, mi = 0, s = 0] = match;
  return Date.UTC(Number(y), Number(mo) - 1, Number(d), Number(h), Number(mi), Number(s));
}

function numberOrBlank(value: number): Value {
  return Number.isFinite(value) ? value : '';
}

function toPlaces(round: (n: number) => number, value: Value, places: Value): Value {
  const scale = 10 ** toNumber(places);
  return numberOrBlank(round(toNumber(value) * scale) / scale);
}

function datePart(value: Value, part: 1 | 2 | 3): Value {
  return numberOrBlank(Number(/^(\d{4})-(\d\d)-(\d\d)/.exec(text(value))?.[part] ?? NaN));
}

const given = (values: Value[]): number[] => values.map(toNumber).filter((value) => !Number.isNaN(value));

const functions = new Map<string, (values: Value[]) => Value>([
  ['abs', ([a = '']) => numberOrBlank(Math.abs(toNumber(a)))],
  ['sqrt', ([a = '']) => numberOrBlank(Math.sqrt(toNumber(a)))],
  [
    'round',
    ([a = '', places = 0]) => numberOrBlank(Math.round(toNumber(a) * 10 ** toNumber(places)) / 10 ** toNumber(places)),
  ],
  ['rounddown', ([a = '', places = 0]) => toPlaces(Math.floor, a, places)],
  ['roundup', ([a = '', places = 0]) => toPlaces(Math.ceil, a, places)],
  ['isinteger', ([a = '']) => /^-?\d+$/.test(text(a))],
  ['right', ([a = '', n = 0]) => (toNumber(n) > 0 ? text(a).slice(-toNumber(n)) : '')],
  ['mid', ([a = '', from = 1, n = 0]) => text(a).slice(toNumber(from) - 1, toNumber(from) - 1 + toNumber(n))],
  ['trim', ([a = '']) => text(a).trim()],
  ['year', ([a = '']) => datePart(a, 1)],
  ['month', ([a = '']) => datePart(a, 2)],
  ['day', ([a = '']) => datePart(a, 3)],
  ['sum', (values) => given(values).reduce((total, value) => total + value, 0)],
  ['min', (values) => numberOrBlank(Math.min(...given(values)))],
  ['max', (values) => numberOrBlank(Math.max(...given(values)))],
  ['mean', (values) => numberOrBlank(given(values).reduce((total, value) => total + value, 0) / given(values).length)],
  ['if', ([test = '', yes = '', no = '']) => (truthy(test) ? yes : no)],
  ['isblankormissingcode', ([a = '']) => a === ''],
  ['isnumber', ([a = '']) => !Number.isNaN(toNumber(a))],
  ['contains', ([a = '', b = '']) => text(a).toLowerCase().includes(text(b).toLowerCase())],
  ['not_contain', ([a = '', b = '']) => !text(a).toLowerCase().includes(text(b).toLowerCase())],
  ['starts_with', ([a = '', b = '']) => text(a).toLowerCase().startsWith(text(b).toLowerCase())],
  ['ends_with', ([a = '', b = '']) => text(a).toLowerCase().endsWith(text(b).toLowerCase())],
  ['upper', ([a = '']) => text(a).toUpperCase()],
  ['lower', ([a = '']) => text(a).toLowerCase()],
  ['length', ([a = '']) => text(a).length],
  ['left', ([a = '', n = 0]) => text(a).slice(0, toNumber(n))],
  ['concat', (values) => values.map(text).join('')],
  [
    'datediff',
    ([a = '', b = '', unit = 'd', ...more]) => {
      const size = Object.hasOwn(dateUnits, text(unit)) ? dateUnits[text(unit)]! : day;
      const difference = (instant(b) - instant(a)) / size;
      return numberOrBlank(
        more.some((value) => value === true || value === 'true') ? difference : Math.abs(difference),
      );
    },
  ],
]);

class Parser {
  private at = 0;
  private depth = 0;

  constructor(
    private readonly tokens: readonly Token[],
    private readonly codebook: Codebook,
  ) {}

  parse(): Expression {
    const expression = this.either();
    if (this.at < this.tokens.length) throw new SyntaxFault();
    return expression;
  }

  private peek(): Token | undefined {
    return this.tokens[this.at];
  }

  private accept(kind: Token['kind'], ...texts: string[]): string | null {
    const token = this.peek();
    if (token === undefined || token.kind !== kind || !texts.includes(token.text)) return null;
    this.at += 1;
    return token.text;
  }

  private expect(sign: string): void {
    if (this.accept('sign', sign) === null) throw new SyntaxFault();
  }

  private either(): Expression {
    this.depth += 1;
    if (this.depth > 200) throw new SyntaxFault();
    let left = this.both();
    while (this.accept('word', 'or') !== null || this.accept('sign', '||') !== null) {
      const [a, b] = [left, this.both()];
      left = (place) => truthy(a(place)) || truthy(b(place));
    }
    this.depth -= 1;
    return left;
  }

  private both(): Expression {
    let left = this.negation();
    while (this.accept('word', 'and') !== null || this.accept('sign', '&&') !== null) {
      const [a, b] = [left, this.negation()];
      left = (place) => truthy(a(place)) && truthy(b(place));
    }
    return left;
  }

  private negation(): Expression {
    let count = 0;
    while (this.accept('word', 'not') !== null || this.accept('sign', '!') !== null) count += 1;
    const inner = this.comparison();
    return count % 2 === 1 ? (place) => !truthy(inner(place)) : inner;
  }

  private comparison(): Expression {
    let left = this.sum();
    for (;;) {
      const found = this.accept('sign', '=', '<>', '!=', '<', '>', '<=', '>=');
      if (found === null) return left;
      const [a, b] = [left, this.sum()];
      const operator = found === '!=' ? '<>' : found;
      left = (place) => compare(a(place), b(place), operator);
    }
  }

  private sum(): Expression {
    let left = this.product();
    for (;;) {
      const operator = this.accept('sign', '+', '-');
      if (operator === null) return left;
      const [a, b] = [left, this.product()];
      const sign = operator === '+' ? 1 : -1;
      left = (place) => numberOrBlank(toNumber(a(place)) + sign * toNumber(b(place)));
    }
  }

  private product(): Expression {
    let left = this.power();
    for (;;) {
      const operator = this.accept('sign', '*', '/');
      if (operator === null) return left;
      const [a, b] = [left, this.power()];
      left = (place) => {
        const [x, y] = [toNumber(a(place)), toNumber(b(place))];
        return numberOrBlank(operator === '*' ? x * y : x / y);
      };
    }
  }

  private power(): Expression {
    const base = this.atom();
    if (this.accept('sign', '^') === null) return base;
    const exponent = this.atom();
    return (place) => numberOrBlank(toNumber(base(place)) ** toNumber(exponent(place)));
  }

  private atom(): Expression {
    let minus = 0;
    while (this.accept('sign', '-') !== null) minus += 1;
    const inner = this.plainAtom();
    return minus % 2 === 1 ? (place) => numberOrBlank(-toNumber(inner(place))) : inner;
  }

  private plainAtom(): Expression {
    const token = this.peek();
    if (token === undefined) throw new SyntaxFault();
    this.at += 1;
    if (token.kind === 'text') return () => token.text;
    if (token.kind === 'number') return () => Number(token.text);
    if (token.kind === 'field') return this.reference(token.text);
    if (token.kind === 'sign' && token.text === '(') {
      const inner = this.either();
      this.expect(')');
      return inner;
    }
    if (token.kind !== 'word') throw new SyntaxFault();
    if (token.text === 'true' || token.text === 'false') return () => token.text === 'true';
    const known = functions.get(token.text);
    if (known === undefined) throw new SyntaxFault();
    this.expect('(');
    const parts: Expression[] = [];
    if (this.accept('sign', ')') === null) {
      do parts.push(this.either());
      while (this.accept('sign', ',') !== null);
      this.expect(')');
    }
    return (place) => known(parts.map((part) => part(place)));
  }

  /** `[field]`, `[field(code)]`, `[event][field]`, `[event][field(code)]`. */
  private reference(first: string): Expression {
    const { codebook } = this;
    let name = first;
    let eventName: string | null = null;
    const following = this.peek();
    if (following?.kind === 'field' && (codebook.eventByName.has(first) || first === 'event-name')) {
      this.at += 1;
      eventName = first === 'event-name' ? null : first;
      name = following.text;
    }
    if (name === 'event-name') return ({ row }) => row.event.uniqueName;
    if (name === 'record-name') return ({ record }) => record.id;
    if (name === 'record-dag-name') return ({ record }) => record.dag;
    const match = /^([a-z][a-z0-9_]*)(?:\(([^)]*)\))?$/.exec(name);
    if (match === null) throw new SyntaxFault();
    const [, field, code] = match;
    const column =
      code === undefined ? codebook.columnByName.get(field!) : codebook.columnByName.get(checkboxColumn(field!, code));
    if (column === undefined) throw new SyntaxFault();
    if (column.kind === 'id') return ({ record }) => record.id;
    return ({ record, row }) => valueAt(codebook, record, row, column, eventName);
  }
}

/** A value by logic's rules: of the row itself, else of the record's unrepeated row in the event. */
function valueAt(
  codebook: Codebook,
  record: StoredRecord,
  row: StoredRow,
  column: Column,
  eventName: string | null,
): string {
  const blank = column.kind === 'checkbox' ? '0' : '';
  if (eventName === null || eventName === row.event.uniqueName) {
    const own = row.get(column);
    if (own !== undefined) return own;
  }
  const event = eventName === null ? row.event : codebook.eventByName.get(eventName);
  if (event === undefined) return blank;
  const elsewhere = record.rows.find(
    (other) => other.event === event && other.form === -1 && other.get(column) !== undefined,
  );
  if (eventName === null && row.form === column.form && row.form >= 0) return blank;
  return elsewhere?.get(column) ?? blank;
}

/** Reads `filterLogic`. Throws REDCap's refusal when it cannot be read or names an unknown field. */
export function readFilterLogic(logic: string, codebook: Codebook): RowFilter {
  try {
    const expression = new Parser(tokenize(logic), codebook).parse();
    return (record, row) => truthy(expression({ record, row }));
  } catch (error) {
    if (error instanceof SyntaxFault) throw new ApiError(400, messages.filterLogicInvalid);
    throw error;
  }
}
