import { escapeXml } from './xml-text';

/** `csv`, `json` or `xml`. */
export type ApiFormat = 'csv' | 'json' | 'xml';

/** An answer that is REDCap's refusal: status and the message of `messages.ts`. */
export class ApiError extends Error {
  constructor(
    readonly status: number,
    message: string,
  ) {
    super(message);
    this.name = 'ApiError';
  }
}

/** Content type per format (§1.4). */
export const contentTypes: Record<ApiFormat | 'text' | 'odm', string> = {
  csv: 'text/csv; charset=utf-8',
  json: 'application/json; charset=utf-8',
  xml: 'text/xml; charset=utf-8',
  odm: 'text/xml; charset=utf-8',
  text: 'text/html; charset=UTF-8',
};

/** The body of an error in the format the client asked errors in (§1.4). */
export function errorBody(format: ApiFormat, message: string): string {
  if (format === 'json') return JSON.stringify({ error: message });
  if (format === 'csv') return `ERROR: ${message}`;
  return `<?xml version="1.0" encoding="UTF-8" ?><hash><error>${escapeXml(message)}</error></hash>`;
}
