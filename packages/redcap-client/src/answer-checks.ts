import {
  RedcapAccessError,
  RedcapBadAnswerError,
  RedcapImportRefusedError,
  RedcapNoRecordError,
  RedcapRefusedError,
  RedcapUnavailableError,
  RedcapUnknownFieldsError,
  type RedcapError,
} from './errors';
import { parseRefusedCells } from './refused-cells';

/** What kind of body a call expects; `bytes` is a file of any type. `text` also serves the counts and the version that REDCap sends as text/html. */
export type Expected = 'json' | 'csv' | 'text' | 'bytes';

/** Whether a body is a web page instead of an answer of REDCap's API (a proxy, a login page, a PHP error). */
export function looksLikeHtml(body: string): boolean {
  return /^\s*<(!doctype|html|head|body|br|b>|b |div|p>|h1|title|script)/i.test(body);
}

/** Refuses a successful answer of the wrong content type, before its body is believed (law 4). */
export function checkContentType(expected: Expected, contentType: string): void {
  if (expected === 'bytes') return;
  const wanted = expected === 'json' ? /json/i : expected === 'csv' ? /csv/i : /text|json|csv|xml/i;
  if (!wanted.test(contentType)) {
    const got = /^[\w.+-]+\/[\w.+-]+/.exec(contentType)?.[0] ?? 'no content type';
    throw new RedcapBadAnswerError(
      `REDCap answered with ${got} where ${expected} was expected.`,
      'REDCAP_CONTENT_TYPE',
    );
  }
}

/** REDCap's own error text out of a body in any of its three forms (redcap-api.md §1.4); null when it is none. */
export function redcapErrorText(body: string): string | null {
  const trimmed = body.trimStart();
  if (trimmed.startsWith('{')) {
    try {
      const parsed: unknown = JSON.parse(trimmed);
      if (typeof parsed === 'object' && parsed !== null && 'error' in parsed && Object.keys(parsed).length === 1) {
        return String(parsed.error);
      }
    } catch {
      return null;
    }
  }
  const csv = /^error:\s*([\s\S]*)$/i.exec(trimmed);
  if (csv) return csv[1]!.trim();
  const xml = /<hash>\s*<error>([\s\S]*?)<\/error>/i.exec(trimmed);
  return xml ? xml[1]! : null;
}

/** The error that stands for an answer with this status and body. Never repeats text that may quote a value. */
export function errorForAnswer(status: number, body: string, retryAfter: string | undefined): RedcapError {
  const text = redcapErrorText(body);
  const html = text === null && looksLikeHtml(body);
  if (status >= 300 && status < 400) return wrongAddress('answers with a redirect');
  if (status === 404 || status === 501) return wrongAddress(`is not REDCap’s API (${status})`);
  if (status === 429 || status >= 500 || status === 408 || status === 413) {
    return new RedcapUnavailableError(`REDCap answered ${status}.`, `REDCAP_${status}`, seconds(retryAfter));
  }
  if (html) return new RedcapBadAnswerError(`REDCap answered ${status} with a web page.`, 'REDCAP_HTML');
  if (status === 401 || status === 403) {
    const right = rights.find(([said]) => said.test(text ?? ''))?.[1] ?? null;
    return new RedcapAccessError(
      right === null ? 'REDCap does not accept the token for this call.' : `The token lacks the right ${right}.`,
      'REDCAP_ACCESS_DENIED',
      right === null
        ? 'Check the token of the binding, and that its user may use the API for this.'
        : `Give the token’s user the right ${right}.`,
    );
  }
  if (text !== null && /ran out of server memory/i.test(text)) {
    return new RedcapUnavailableError('REDCap ran out of memory over the call.', 'REDCAP_OUT_OF_MEMORY');
  }
  if (text !== null && status < 500) return refusal(text);
  return new RedcapUnavailableError(`REDCap answered ${status} without saying why.`, `REDCAP_${status}`);
}

/** Rights that REDCap names when it refuses (redcap-api.md §1.8). */
const rights: readonly (readonly [RegExp, string])[] = [
  [/Import\/Update/i, 'API Import/Update'],
  [/Delete Record/i, 'Delete Record'],
  [/Rename Record/i, 'Rename Record'],
  [/Create Record/i, 'Create Record'],
  [/Data Access Group/i, 'to Data Access Groups (its user must be in none)'],
  [/Logging/i, 'Logging'],
];

function refusal(text: string): RedcapError {
  const fields = /values in the parameter "fields" are not valid: (.*)$/is.exec(text);
  if (fields)
    return new RedcapUnknownFieldsError([...fields[1]!.matchAll(/'([a-z0-9_]+)'/gi)].map((match) => match[1]!));
  const notFound = /fields were not found in the project(?: as real data fields)?:? (.*)$/is.exec(text);
  if (notFound) return new RedcapUnknownFieldsError(notFound[1]!.match(/[a-z][a-z0-9_]*/g) ?? []);
  const missing = /The following records do not exist: (.*)$/is.exec(text);
  if (missing) return new RedcapNoRecordError(missing[1]!.split(', '));
  const named = /^The record "(.*)" does not exist/is.exec(text);
  if (named) return new RedcapNoRecordError([named[1]!]);
  if (/^You cannot export .*(for classic projects|repeating instruments and events)/is.test(text)) {
    return new RedcapRefusedError('The project has no arms, events or repeats to tell of.', 'REDCAP_CLASSIC');
  }
  const cells = parseRefusedCells(text);
  if (cells) return new RedcapImportRefusedError(cells);
  return new RedcapRefusedError('REDCap refused the call.');
}

function wrongAddress(what: string): RedcapAccessError {
  return new RedcapAccessError(
    `The REDCap address ${what}.`,
    'REDCAP_WRONG_ADDRESS',
    'Set the full address of the API, as https://redcap.example.org/api/ with the slash at its end.',
  );
}

function seconds(retryAfter: string | undefined): number | undefined {
  const value = Number(retryAfter);
  return retryAfter !== undefined && Number.isFinite(value) && value >= 0 ? value : undefined;
}
