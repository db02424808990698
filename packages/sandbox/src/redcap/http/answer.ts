import { contentTypes, type ApiFormat } from '../api-error';

/** What a call answers: a status, a content type, and a body that is text, bytes, or chunks of either. */
export interface Answer {
  status: number;
  type: string;
  body: string | Buffer | Iterable<string | Buffer>;
}

/** A body in the asked format. */
export function formatted(format: ApiFormat, body: string | Iterable<string | Buffer>): Answer {
  return { status: 200, type: contentTypes[format], body };
}

/** Plain text, which REDCap sends for counts, names and the version whatever was asked (§1.5). */
export function text(body: string): Answer {
  return { status: 200, type: contentTypes.text, body };
}

/** A file. */
export function bytes(type: string, body: Buffer): Answer {
  return { status: 200, type, body };
}
