import type { z } from 'zod';
import type { CallControl, Params, RedcapWire } from './call';
import { RedcapBadAnswerError, RedcapRefusedError } from './errors';
import type { FlatRow } from './read-csv';
import type { Action } from './retry-rules';

/** A parsed answer. Throws a `RedcapBadAnswerError` that names the missing part, never a value (law 4). */
export function parse<S extends z.ZodType>(schema: S, value: unknown): z.infer<S> {
  const result = schema.safeParse(value);
  if (!result.success) {
    const where = result.error.issues[0]?.path.join('.') ?? '';
    throw new RedcapBadAnswerError(`REDCap’s answer lacks ${where || 'what was asked for'}.`, 'REDCAP_SHAPE');
  }
  return result.data;
}

/** A list export as JSON, every row parsed; names that no row should have are told (`onUnknownNames`). */
export async function readList<S extends z.ZodObject>(
  wire: RedcapWire,
  params: Params,
  schema: S,
  o: { known?: readonly string[]; control?: CallControl; action?: Action } = {},
): Promise<z.infer<S>[]> {
  const answer = await wire.json(
    { ...params, format: 'json', returnFormat: 'json' },
    { action: o.action ?? 'export', control: o.control },
  );
  const rows = asList(answer);
  const known = new Set(o.known ?? Object.keys(schema.shape));
  wire.unknownNames(
    String(params.content),
    rows.flatMap((row) => (isObject(row) ? Object.keys(row).filter((name) => !known.has(name)) : [])),
  );
  return rows.map((row) => parse(schema, row));
}

/** A project without arms, events or repeats says so with 400 (redcap-api.md §1.8), which means an empty list; any other refusal does not. */
export async function emptyWhenClassic<T>(ask: () => Promise<T[]>): Promise<T[]> {
  try {
    return await ask();
  } catch (error) {
    if (error instanceof RedcapRefusedError && error.code === 'REDCAP_CLASSIC') return [];
    throw error;
  }
}

/** Sends rows of structure as JSON and holds REDCap's count against them. */
export async function sendRows(
  wire: RedcapWire,
  params: Params,
  rows: readonly object[],
  control?: CallControl,
): Promise<number> {
  return sendForCount(
    wire,
    { ...params, action: 'import', format: 'json', data: JSON.stringify(rows) },
    'import',
    rows.length,
    control,
  );
}

/** A change that answers how many it touched, as plain text whatever was asked (§1.5). Another number is not believed. */
export async function sendForCount(
  wire: RedcapWire,
  params: Params,
  action: Action,
  expected: number,
  control?: CallControl,
): Promise<number> {
  const count = await sendForNumber(wire, params, action, control);
  if (count !== expected) {
    throw new RedcapBadAnswerError(
      `REDCap says that it changed ${count} item(s) where ${expected} were meant.`,
      'REDCAP_COUNT',
    );
  }
  return count;
}

/** A change that answers a number. */
export async function sendForNumber(
  wire: RedcapWire,
  params: Params,
  action: Action,
  control?: CallControl,
): Promise<number> {
  const body = await wire.text({ ...params, returnFormat: 'json' }, { expected: 'text', action, control });
  const digits = /^\s*(\d{1,9})\s*$/.exec(body)?.[1];
  if (digits === undefined) throw new RedcapBadAnswerError('REDCap told no count.', 'REDCAP_SHAPE');
  return Number(digits);
}

/** A change that must answer nothing at all. */
export async function sendForNothing(
  wire: RedcapWire,
  params: Params,
  call: { action: Action; control?: CallControl; file?: Parameters<RedcapWire['text']>[1]['file'] },
): Promise<void> {
  const body = await wire.text({ ...params, returnFormat: 'json' }, { expected: 'text', ...call });
  if (!/^\s*(\[\s*(\{\s*\})?\s*\])?\s*$/.test(body)) {
    throw new RedcapBadAnswerError('REDCap answered something where nothing was expected.', 'REDCAP_SHAPE');
  }
}

/** One short line of text: a link, a code, a name. */
export async function readLine(
  wire: RedcapWire,
  params: Params,
  o: { shape: RegExp; what: string; code?: string; control?: CallControl },
): Promise<string> {
  const body = await wire.text(
    { ...params, returnFormat: 'json' },
    { expected: 'text', action: 'export', control: o.control },
  );
  const line = body.trim();
  if (!o.shape.test(line)) throw new RedcapBadAnswerError(`REDCap told no ${o.what}.`, o.code ?? 'REDCAP_SHAPE');
  return line;
}

/** The elements of a JSON list. Throws a `RedcapBadAnswerError` on anything else. */
export function asList(answer: unknown): unknown[] {
  if (!Array.isArray(answer)) {
    throw new RedcapBadAnswerError('REDCap answered with something else than a list.', 'REDCAP_SHAPE');
  }
  return answer;
}

/** A flat row of JSON with every cell as text; a CRLF inside becomes LF. */
export function toFlatRow(value: unknown): FlatRow {
  if (!isObject(value)) {
    throw new RedcapBadAnswerError('REDCap answered with something else than a list of rows.', 'REDCAP_SHAPE');
  }
  return Object.fromEntries(
    Object.entries(value).map(([name, cell]) => [name, cell === null ? '' : String(cell).replaceAll('\r\n', '\n')]),
  );
}

const isObject = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null;
