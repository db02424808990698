import { csvCell } from './csv-text';

const chunkSize = 65_536;
const quote = 34;

/**
 * Writes CSV straight into bytes, as `csvCell` quotes it. A large export is millions of short cells: building strings of
 * them, joining and encoding takes longer than putting each letter where it will be sent from.
 */
export class CsvBytes {
  private buffer = Buffer.allocUnsafe(2 * chunkSize);
  private at = 0;
  /** By letter: 1 where a cell may hold it unquoted. Beyond ASCII all are 0. */
  private readonly plain = new Uint8Array(65_536);
  private readonly quoted: (text: string) => string;
  private readonly comma: number;

  constructor(delimiter: string) {
    this.quoted = csvCell(delimiter);
    this.comma = delimiter.charCodeAt(0);
    this.plain.fill(1, 0, 128);
    for (const mark of `"\n\r\t ${delimiter}`) this.plain[mark.charCodeAt(0)] = 0;
  }

  /** A row of cells; a chunk comes back when enough has gathered, else null. */
  row(cells: readonly string[]): Buffer | null {
    const { plain, comma } = this;
    let { buffer, at } = this;
    for (let n = 0; n < cells.length; n += 1) {
      const text = cells[n]!;
      const { length } = text;
      // Room for the text with every letter doubled, quotes, delimiter and the row's end.
      if (at + 2 * length + 4 > buffer.length) {
        this.grow(at, 2 * length + 4);
        ({ buffer } = this);
      }
      if (n > 0) buffer[at++] = comma;
      const start = at;
      let i = 0;
      for (; i < length; i += 1) {
        const code = text.charCodeAt(i);
        if (plain[code] === 0) break;
        buffer[at++] = code;
      }
      if (i < length) {
        at = this.slow(text, start);
        ({ buffer } = this);
      }
    }
    if (at + 1 > buffer.length) {
      this.grow(at, 1);
      ({ buffer } = this);
    }
    buffer[at++] = 10;
    this.at = at;
    return at >= chunkSize ? this.take() : null;
  }

  /** What is left. */
  take(): Buffer {
    const chunk = this.buffer.subarray(0, this.at);
    // The chunk is on its way to the client: the next one needs memory of its own.
    this.buffer = Buffer.allocUnsafe(2 * chunkSize);
    this.at = 0;
    return chunk;
  }

  /** Writes a cell that has to be quoted, or holds letters beyond ASCII, and answers where it ends. */
  private slow(text: string, start: number): number {
    const { buffer } = this;
    let at = start;
    buffer[at++] = quote;
    for (let i = 0; i < text.length; i += 1) {
      const code = text.charCodeAt(i);
      if (code > 127) return this.encode(text, start);
      if (code === quote) buffer[at++] = quote;
      buffer[at++] = code;
    }
    buffer[at++] = quote;
    return at;
  }

  private encode(text: string, start: number): number {
    const cell = this.quoted(text);
    const size = Buffer.byteLength(cell);
    if (start + size + 4 > this.buffer.length) this.grow(start, size + 4);
    return start + this.buffer.write(cell, start);
  }

  private grow(used: number, by: number): void {
    const larger = Buffer.allocUnsafe(this.buffer.length * 2 + by);
    this.buffer.copy(larger, 0, 0, used);
    this.buffer = larger;
  }
}
