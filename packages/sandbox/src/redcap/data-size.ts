import { ApiError } from './api-error';
import { messages } from './messages';

/** A server takes so many values in one call, and runs out of memory beyond (§1.8). */
const mostValues = 1_000_000;
/** Elements cost more than values; a project's XML may hold this many, too. */
export const mostElements = 500_000;
/** As deep as PHP reads JSON. */
const deepest = 512;

/** What a server says that has run out of memory. */
export function outOfMemory(): ApiError {
  return new ApiError(400, messages.outOfMemory);
}

/**
 * Looks over JSON before it is parsed: a parser follows brackets as deep as they go and makes a thing of every comma, which
 * with enough of either takes all memory there is. Throws a plain Error for what nests too deep, REDCap's refusal for too much.
 */
export function lookOverJson(text: string): void {
  let depth = 0;
  let values = 0;
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if (code === 34) {
      for (at += 1; at < text.length && text.charCodeAt(at) !== 34; at += 1) if (text.charCodeAt(at) === 92) at += 1;
    } else if (code === 91 || code === 123) {
      depth += 1;
      if (depth > deepest) throw new Error('nested too deep');
    } else if (code === 93 || code === 125) depth -= 1;
    else if (code === 44) {
      values += 1;
      if (values > mostValues) throw outOfMemory();
    }
  }
}

/** Looks over CSV before it is parsed. Throws REDCap's refusal for too many cells. */
export function lookOverCsv(text: string, delimiter: string): void {
  const mark = delimiter.charCodeAt(0);
  let cells = 0;
  let quotes = 0;
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if (code === 34) quotes += 1;
    else if (code === mark || code === 10) cells += 1;
    if (cells > mostValues || quotes > 4 * mostValues) throw outOfMemory();
  }
}
