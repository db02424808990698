import { describeError } from './describe-error';
import { scrubText } from './scrub-text';

/** Keys whose values never reach a log, compared without case, dashes and underscores. */
const closedKeys = new RegExp(
  '^(' +
    [
      '.*token',
      '.*password',
      '.*secret.*',
      '.*apikey',
      'key',
      'keys',
      'studykeys',
      'authorization',
      'cookie',
      'setcookie',
      '.*phone.*',
      '.*mobile.*',
      'handset',
      '.*firstname',
      '.*lastname',
      '.*fullname',
      '.*email.*',
      '.*address',
      '.*dob',
      '.*birth.*',
      'caregiver.*',
      'child.*',
      'cg(first|last).*',
      // What foreign errors and clients carry along.
      'detail',
      'where',
      'hint',
      'query',
      'parameters',
      'config',
      'headers',
      'rawheaders',
      'request',
      'req',
      'res',
      'response',
      'body',
      'rawbody',
      'data',
      'params',
      'values',
      'rows',
      'payload',
      'sealed',
      'identifying',
    ].join('|') +
    ')$',
);

/** A plain copy of a value that is fit for a log: closed keys masked, errors described, texts scrubbed, bounded in size. */
export function sanitize(value: unknown, depth = 0): unknown {
  if (typeof value === 'string') return scrubText(value.length > 2_000 ? `${value.slice(0, 2_000)}…` : value);
  if (typeof value === 'number' || typeof value === 'boolean' || value === null || value === undefined) return value;
  if (typeof value === 'bigint') return value.toString();
  if (typeof value !== 'object') return `[${typeof value}]`;
  if (value instanceof Error) return describeError(value);
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? 'Invalid Date' : value.toISOString();
  if (depth >= 5) return '[deep]';
  if (Array.isArray(value)) return value.slice(0, 50).map((item) => sanitize(item, depth + 1));
  if (ArrayBuffer.isView(value)) return '[bytes]';
  const copy: Record<string, unknown> = {};
  for (const [key, item] of Object.entries(value).slice(0, 100)) {
    const plain = key.toLowerCase().replace(/[-_]/g, '');
    copy[scrubText(key)] = closedKeys.test(plain) ? '[redacted]' : sanitize(item, depth + 1);
  }
  return copy;
}
