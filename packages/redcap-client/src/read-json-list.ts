import type { Readable } from 'node:stream';
import { JSONParser } from '@streamparser/json';
import { errorForAnswer, looksLikeHtml } from './answer-checks';
import { RedcapBadAnswerError } from './errors';

/**
 * Gives the elements of a JSON list one by one. Throws a `RedcapBadAnswerError` where the list breaks off, where it is none or a web
 * page, REDCap's own error where the answer is one, and what `take` threw; a broken connection as it came.
 */
export async function readJsonList(answer: Readable, take: (element: unknown) => void): Promise<void> {
  // Elements of a list have numbers for keys; what has a name is part of an object, as an error is.
  const named: Record<string, unknown> = {};
  const thrown: unknown[] = [];
  const parser = new JSONParser({ paths: ['$.*'], keepStack: false });
  parser.onValue = ({ key, value }) => {
    if (typeof key === 'string') named[key] = value;
    else if (thrown.length === 0) {
      try {
        take(value);
      } catch (error) {
        thrown.push(error);
      }
    }
  };
  let opening = '';
  for await (const piece of answer as AsyncIterable<Buffer>) {
    if (opening === '') opening = checkOpening(piece.toString('utf8'));
    try {
      parser.write(piece);
    } catch {
      throw cutOff();
    }
    if (thrown.length > 0) throw thrown[0];
  }
  if (opening === '' || !parser.isEnded) throw cutOff();
  if (opening === '[') return;
  if ('error' in named) throw errorForAnswer(400, JSON.stringify(named), undefined);
  throw new RedcapBadAnswerError('REDCap answered with something else than a list.', 'REDCAP_SHAPE');
}

/** The first character that is not blank, if any. */
function checkOpening(text: string): string {
  if (looksLikeHtml(text)) throw new RedcapBadAnswerError('REDCap answered with a web page.', 'REDCAP_HTML');
  return text.trimStart().charAt(0);
}

const cutOff = () => new RedcapBadAnswerError('REDCap’s answer was cut off or empty.', 'REDCAP_TRUNCATED');
