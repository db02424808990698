import type { Codebook, Column } from '../codebook';
import { messages } from '../messages';

/** In which order dates come in (`dateFormat`); what is stored is always year, month, day. */
export type DateOrder = 'YMD' | 'MDY' | 'DMY';

/** A value accepted, as it will be stored, or REDCap's message. */
export type Checked = { value: string } | { message: string };

const two = (text: string): string => text.padStart(2, '0');
const yearFirst = /^(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})$/;
const yearLast = /^(\d{1,2})[-/.](\d{1,2})[-/.](\d{4})$/;
const clock = /^(\d{1,2}):(\d{2})(?::(\d{2}))?$/;

function isoDate(text: string, order: DateOrder): string | null {
  const first = yearFirst.exec(text);
  const last = yearLast.exec(text);
  let parts: [string, string, string] | null = null;
  if (order === 'YMD') parts = first === null ? null : [first[1]!, first[2]!, first[3]!];
  else if (last !== null) parts = order === 'MDY' ? [last[3]!, last[1]!, last[2]!] : [last[3]!, last[2]!, last[1]!];
  if (parts === null) return null;
  const [year, month, day] = parts;
  if (+month < 1 || +month > 12 || +day < 1 || +day > 31) return null;
  return `${year}-${two(month)}-${two(day)}`;
}

function time(text: string, seconds: boolean): string | null {
  const match = clock.exec(text);
  if (match === null || (match[3] !== undefined) !== seconds) return null;
  if (+match[1]! > 23 || +match[2]! > 59 || +(match[3] ?? 0) > 59) return null;
  return `${two(match[1]!)}:${match[2]!}${seconds ? `:${match[3]!}` : ''}`;
}

function dateValue(text: string, validation: string, order: DateOrder): string | null {
  const [day = '', hour, more] = text.trim().replace('T', ' ').split(' ');
  const date = isoDate(day, order);
  if (date === null || more !== undefined) return null;
  if (validation.startsWith('date_')) return hour === undefined ? date : null;
  const at = time(hour ?? '', validation.startsWith('datetime_seconds'));
  return at === null ? null : `${date} ${at}`;
}

const rules = new Map<string, { rule: RegExp; message: string }>(
  Object.entries({
    integer: { rule: /^[-+]?\d+$/, message: messages.notAnInteger },
    number: { rule: /^[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?$/, message: messages.notANumber },
    number_comma_decimal: { rule: /^[-+]?(\d+,?\d*|,\d+)([eE][-+]?\d+)?$/, message: messages.notANumber },
    email: {
      rule: /^[^\s@,;<>()[\]"]+@[^\s@,;<>()[\]".]+(\.[^\s@,;<>()[\]".]+)*\.[A-Za-z]{2,}$/,
      message: messages.notAnEmail,
    },
    zipcode: { rule: /^\d{5}(-\d{4})?$/, message: messages.notAZipCode },
    alpha_only: { rule: /^[A-Za-z]+$/, message: messages.formatWrong },
    ssn: { rule: /^\d{3}-\d{2}-\d{4}$/, message: messages.formatWrong },
    vmrn: { rule: /^\d{4,9}$/, message: messages.formatWrong },
    mrn_10d: { rule: /^\d{10}$/, message: messages.formatWrong },
    time_mm_ss: { rule: /^[0-5]?\d:[0-5]\d$/, message: messages.formatWrong },
  }),
);
for (const places of [1, 2, 3, 4]) {
  rules.set(`number_${places}dp`, { rule: new RegExp(`^-?\\d+\\.\\d{${places}}$`), message: messages.formatWrong });
  rules.set(`number_${places}dp_comma_decimal`, {
    rule: new RegExp(`^-?\\d+,\\d{${places}}$`),
    message: messages.formatWrong,
  });
}

function isPhone(text: string): boolean {
  const bare = text.replace(/(?:\s*(?:x|ext\.?)\s*\d+)$/i, '').replace(/[\s().+\-/]/g, '');
  return /^1?[2-9][0-8]\d[2-9]\d{6}$/.test(bare);
}

function validated(text: string, validation: string, order: DateOrder): Checked {
  if (/^date(time)?(_seconds)?_(ymd|mdy|dmy)$/.test(validation)) {
    const value = dateValue(text, validation, order);
    return value === null ? { message: messages.formatWrong } : { value };
  }
  if (validation === 'time' || validation === 'time_hh_mm_ss') {
    const value = time(text, validation === 'time_hh_mm_ss');
    if (value !== null) return { value };
    return { message: validation === 'time' ? messages.notATime : messages.formatWrong };
  }
  if (validation === 'phone') return isPhone(text) ? { value: text } : { message: messages.notAPhone };
  const rule = rules.get(validation);
  // Site-specific and foreign formats (postal codes, other phones, autocomplete …) are taken as they come (§4.1).
  return rule === undefined || rule.rule.test(text) ? { value: text } : { message: rule.message };
}

/**
 * Checks one value that is not blank against its column (§4.1). Minimum and maximum are soft in REDCap and never refuse.
 */
export function checkValue(codebook: Codebook, column: Column, text: string, order: DateOrder): Checked {
  if (column.kind !== 'complete' && codebook.missingCodes.has(text)) return { value: text };
  switch (column.kind) {
    case 'checkbox':
      return text === '0' || text === '1' ? { value: text } : { message: messages.checkboxNotBinary };
    case 'choice':
    case 'yesno':
    case 'truefalse':
    case 'complete':
      return column.choices.has(text) ? { value: text } : { message: messages.codeUnknown };
    case 'slider':
      return /^-?\d+$/.test(text) ? { value: text } : { message: messages.notAnInteger };
    default:
      return column.validation === '' ? { value: text } : validated(text, column.validation, order);
  }
}
