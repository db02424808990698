/** What an expression of REDCap's logic comes to. */
export type LogicValue = string | number | boolean;

const numeric = /^[-+]?(\d+\.?\d*|\.\d+)$/;

/** A value as a number; NaN where it is none. */
export function toNumber(value: LogicValue): number {
  if (typeof value === 'number') return value;
  if (typeof value === 'boolean') return value ? 1 : 0;
  return numeric.test(value) ? Number(value) : NaN;
}

/** Whether a value counts as true: neither blank nor 0. */
export function truthy(value: LogicValue): boolean {
  return typeof value === 'string' ? value !== '' && value !== '0' : Boolean(value);
}

/** A value as text; true and false as 1 and 0. */
export function toText(value: LogicValue): string {
  return typeof value === 'boolean' ? (value ? '1' : '0') : String(value);
}

/** A number, or blank where there is none: what cannot be reckoned is blank. */
export function numberOrBlank(value: number): LogicValue {
  return Number.isFinite(value) ? value : '';
}

const dateLike = /^\d{4}-\d\d-\d\d/;

/** `today` and `now` beside a date mean the server's own day and time (`now` is its wall time, to the second). */
function clockWord(value: LogicValue, other: LogicValue, now: string): LogicValue {
  if ((value !== 'today' && value !== 'now') || !dateLike.test(toText(other))) return value;
  return readClockWord(value, now);
}

/** The server's day or time where a value is one of the words for them; else the value. */
export function readClockWord(value: LogicValue, now: string): LogicValue {
  if (value === 'today' || value === 'today-server') return now.slice(0, 10);
  return value === 'now' || value === 'now-server' ? now : value;
}

/** Two numbers compare as numbers, all else as texts; nothing is smaller or greater than blank. */
export function compare(one: LogicValue, two: LogicValue, operator: string, now: string): boolean {
  const left = clockWord(one, two, now);
  const right = clockWord(two, one, now);
  const a = toNumber(left);
  const b = toNumber(right);
  const both = !Number.isNaN(a) && !Number.isNaN(b);
  if (operator === '=') return both ? a === b : toText(left) === toText(right);
  if (operator === '<>') return both ? a !== b : toText(left) !== toText(right);
  if (left === '' || right === '') return false;
  const order = both ? a - b : toText(left) < toText(right) ? -1 : toText(left) > toText(right) ? 1 : 0;
  if (operator === '<') return order < 0;
  if (operator === '>') return order > 0;
  return operator === '<=' ? order <= 0 : order >= 0;
}
