import { Transform, pipeline, type Readable } from 'node:stream';
import { StringDecoder } from 'node:string_decoder';
import Papa from 'papaparse';
import { redcapErrorFrom } from './call';
import { RedcapBadAnswerError } from './errors';
import { looksLikeHtml, errorForAnswer } from './answer-checks';

/** One row of a flat export or import; system columns and data columns alike, all as text. */
export type FlatRow = Record<string, string>;

/**
 * Reads a REDCap CSV stream row by row. Line ends may be LF or CRLF; a CRLF inside a value becomes LF. A stream that ends
 * within a row, with an odd number of quotes, without its last line end or with rows of another width than its header is
 * a `RedcapBadAnswerError` (law 4): rows given before it must not be used.
 */
export async function* readCsvRows(stream: Readable): AsyncGenerator<FlatRow, void, undefined> {
  const watch = new WholeText();
  const parser = Papa.parse(Papa.NODE_STREAM_INPUT, { delimiter: ',', newline: '\n', skipEmptyLines: false });
  let failure: unknown;
  pipeline(stream, watch, parser, (error) => {
    failure = error ?? undefined;
  });
  let header: string[] | undefined;
  try {
    for await (const columns of parser as AsyncIterable<string[]>) {
      if (header === undefined) {
        header = columns;
        checkHeader(header);
        continue;
      }
      // An empty line is no row of REDCap's; one may stand at the end.
      if (columns.length > 1 || columns[0] !== '') yield toRow(header, columns);
    }
  } catch (error) {
    throw redcapErrorFrom(failure ?? error);
  }
  if (failure !== undefined) throw redcapErrorFrom(failure);
}

function toRow(header: string[], columns: string[]): FlatRow {
  if (columns.length !== header.length) throw cutOff();
  const row: FlatRow = {};
  for (let index = 0; index < header.length; index += 1) row[header[index]!] = columns[index]!;
  return row;
}

function checkHeader(header: string[]): void {
  const text = header.join(',');
  if (looksLikeHtml(text)) throw new RedcapBadAnswerError('REDCap answered with a web page.', 'REDCAP_HTML');
  if (/^error:/i.test(text)) throw errorForAnswer(400, text, undefined);
}

function cutOff(): RedcapBadAnswerError {
  return new RedcapBadAnswerError('REDCap’s answer was cut off or empty.', 'REDCAP_TRUNCATED');
}

/** Decodes UTF-8 across chunk ends, takes off a byte order mark, turns CRLF into LF, and sees whether the text is whole. */
class WholeText extends Transform {
  private readonly decoder = new StringDecoder('utf8');
  private quotes = 0;
  private last = '';
  private held = '';
  private started = false;

  constructor() {
    super({ decodeStrings: false, readableObjectMode: true });
  }

  override _transform(chunk: Buffer | string, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    this.give(typeof chunk === 'string' ? chunk : this.decoder.write(chunk));
    done();
  }

  override _flush(done: (error?: Error | null) => void): void {
    this.give(this.decoder.end());
    if (this.held !== '') this.push(this.held);
    done(this.last !== '\n' || this.quotes % 2 === 1 ? cutOff() : null);
  }

  private give(decoded: string): void {
    let text = this.held + decoded;
    this.held = '';
    if (text === '') return;
    if (!this.started) {
      this.started = true;
      if (text.startsWith('\uFEFF')) text = text.slice(1);
    }
    if (text.endsWith('\r')) {
      this.held = '\r';
      text = text.slice(0, -1);
    }
    text = text.replaceAll('\r\n', '\n');
    for (let at = text.indexOf('"'); at !== -1; at = text.indexOf('"', at + 1)) this.quotes += 1;
    if (text === '') return;
    this.last = text.at(-1)!;
    this.push(text);
  }
}
