import { numberOrBlank, readClockWord, toNumber, toText, truthy, type LogicValue } from './logic-value';

/** What functions know beside their arguments. */
interface LogicSetting {
  /** Wall time of the server, `YYYY-MM-DD HH:MM:SS`: what `today` and `now` mean. */
  now: string;
  /** Codes of the project that stand for a missing value. */
  missingCodes: ReadonlyMap<string, string>;
}

type LogicFunction = (values: readonly LogicValue[], setting: LogicSetting) => LogicValue;

const day = 86_400_000;
const dateUnits: Record<string, number> = {
  y: 365.2425 * day,
  M: 30.44 * day,
  d: day,
  h: 3_600_000,
  m: 60_000,
  s: 1000,
};

/** Milliseconds of a date, a date and time, or a time of day; NaN for anything else. */
function instant(value: LogicValue): number {
  const text = toText(value);
  const clock = /^(\d{1,2}):(\d\d)(?::(\d\d))?$/.exec(text);
  if (clock !== null) return ((Number(clock[1]) * 60 + Number(clock[2])) * 60 + Number(clock[3] ?? 0)) * 1000;
  const match = /^(\d{4})-(\d\d)-(\d\d)(?: (\d\d):(\d\d)(?::(\d\d))?)?$/.exec(text);
  if (match === null) return NaN;
  const [, y, mo, d, h = 0, mi = 0, s = 0] = match;
  return Date.UTC(Number(y), Number(mo) - 1, Number(d), Number(h), Number(mi), Number(s));
}

/** Unsigned unless a further argument is true; a further `ymd`, `mdy` or `dmy`, of old, says nothing here. */
function datediff([from = '', to = '', unit = 'd', ...more]: readonly LogicValue[], { now }: LogicSetting): LogicValue {
  const size = Object.hasOwn(dateUnits, toText(unit)) ? dateUnits[toText(unit)]! : day;
  const difference = (instant(readClockWord(to, now)) - instant(readClockWord(from, now))) / size;
  const signed = more.some((value) => value === true || toText(value).toLowerCase() === 'true' || value === 1);
  return numberOrBlank(signed ? difference : Math.abs(difference));
}

const datePart =
  (part: 1 | 2 | 3): LogicFunction =>
  ([value = ''], { now }) =>
    numberOrBlank(Number(/^(\d{4})-(\d\d)-(\d\d)/.exec(toText(readClockWord(value, now)))?.[part] ?? NaN));

/** Halves go away from zero. */
const nearest = (n: number): number => Math.sign(n) * Math.round(Math.abs(n));

const rounding =
  (round: (n: number) => number): LogicFunction =>
  ([value = '', places = 0]) => {
    const n = toNumber(value);
    const to = toNumber(places);
    if (!Number.isFinite(n) || !Number.isInteger(to)) return '';
    // By way of the text, so that 1.005 is not a little less than itself.
    const shifted = round(Number(`${n}e${to}`));
    return numberOrBlank(Number(`${shifted}e${-to}`));
  };

const given = (values: readonly LogicValue[]): number[] => values.map(toNumber).filter((value) => !Number.isNaN(value));
const sum = (numbers: readonly number[]): number => numbers.reduce((total, n) => total + n, 0);
const mean = (numbers: readonly number[]): number => sum(numbers) / numbers.length;

function median(numbers: readonly number[]): number {
  const sorted = [...numbers].sort((a, b) => a - b);
  const half = sorted.length / 2;
  return Number.isInteger(half) ? (sorted[half - 1]! + sorted[half]!) / 2 : sorted[Math.floor(half)]!;
}

function deviation(numbers: readonly number[]): number {
  const middle = mean(numbers);
  return Math.sqrt(sum(numbers.map((n) => (n - middle) ** 2)) / (numbers.length - 1));
}

const ofNumbers =
  (work: (numbers: readonly number[]) => number): LogicFunction =>
  (values) => {
    const numbers = given(values);
    return numbers.length === 0 ? '' : numberOrBlank(work(numbers));
  };

const ofTexts =
  (work: (text: string, other: string) => LogicValue): LogicFunction =>
  ([text = '', other = '']) =>
    work(toText(text), toText(other));

const withoutCase =
  (work: (text: string, other: string) => boolean): LogicFunction =>
  ([text = '', other = '']) =>
    work(toText(text).toLowerCase(), toText(other).toLowerCase());

/** The functions of REDCap's logic by name, as its public help lists them. */
export const logicFunctions: ReadonlyMap<string, LogicFunction> = new Map<string, LogicFunction>([
  ['abs', ([a = '']) => numberOrBlank(Math.abs(toNumber(a)))],
  ['sqrt', ([a = '']) => numberOrBlank(Math.sqrt(toNumber(a)))],
  ['exponential', ([a = '']) => numberOrBlank(Math.exp(toNumber(a)))],
  [
    'log',
    ([a = '', base = '']) => {
      const by = toNumber(base);
      return numberOrBlank(Math.log(toNumber(a)) / (Number.isNaN(by) ? 1 : Math.log(by)));
    },
  ],
  ['mod', ([a = '', b = '']) => numberOrBlank(toNumber(a) % toNumber(b))],
  ['round', rounding(nearest)],
  ['rounddown', rounding(Math.floor)],
  ['roundup', rounding(Math.ceil)],
  ['sum', ofNumbers(sum)],
  ['min', ofNumbers((numbers) => Math.min(...numbers))],
  ['max', ofNumbers((numbers) => Math.max(...numbers))],
  ['mean', ofNumbers(mean)],
  ['median', ofNumbers(median)],
  ['stdev', ofNumbers(deviation)],
  ['if', ([test = '', yes = '', no = '']) => (truthy(test) ? yes : no)],
  ['isnumber', ([a = '']) => !Number.isNaN(toNumber(a))],
  ['isinteger', ([a = '']) => /^-?\d+$/.test(toText(a))],
  ['isblankormissingcode', ([a = ''], { missingCodes }) => a === '' || missingCodes.has(toText(a))],
  ['ismissingcode', ([a = ''], { missingCodes }) => a !== '' && missingCodes.has(toText(a))],
  ['contains', withoutCase((text, part) => text.includes(part))],
  ['not_contain', withoutCase((text, part) => !text.includes(part))],
  ['starts_with', withoutCase((text, part) => text.startsWith(part))],
  ['ends_with', withoutCase((text, part) => text.endsWith(part))],
  ['upper', ofTexts((text) => text.toUpperCase())],
  ['lower', ofTexts((text) => text.toLowerCase())],
  ['trim', ofTexts((text) => text.trim())],
  ['length', ofTexts((text) => text.length)],
  // Where the one begins in the other, counted from 1; 0 for nowhere.
  ['find', ofTexts((needle, text) => text.toLowerCase().indexOf(needle.toLowerCase()) + 1)],
  ['left', ([a = '', n = 0]) => toText(a).slice(0, Math.max(0, toNumber(n)))],
  ['right', ([a = '', n = 0]) => (toNumber(n) > 0 ? toText(a).slice(-toNumber(n)) : '')],
  ['mid', ([a = '', from = 1, n = 0]) => toText(a).slice(toNumber(from) - 1, toNumber(from) - 1 + toNumber(n))],
  [
    'replace_text',
    ([a = '', part = '', by = '']) => (part === '' ? toText(a) : toText(a).replaceAll(toText(part), toText(by))),
  ],
  ['concat', (values) => values.map(toText).join('')],
  [
    'concat_ws',
    ([between = '', ...values]) =>
      values
        .map(toText)
        .filter((text) => text !== '')
        .join(toText(between)),
  ],
  ['datediff', datediff],
  ['year', datePart(1)],
  ['month', datePart(2)],
  ['day', datePart(3)],
]);
