import type { IncomingMessage } from 'node:http';
import type { Readable } from 'node:stream';
import { createBrotliDecompress, createGunzip, createInflate } from 'node:zlib';

/** How much of the beginning and of the end of a body is kept that is too large to be taken. */
const edge = 65_536;
/** Bodies up to this size are read at once, whoever else is being read. */
const small = 1_048_576;

/** A body beyond the limit: only its two ends are known. */
export class BodyTooLargeError extends Error {
  constructor(readonly ends: string) {
    super('The body is too large.');
    this.name = 'BodyTooLargeError';
  }
}

/** A body that is not what its headers say, or whose client went away. */
export class BodyUnreadableError extends Error {
  constructor(reason: string) {
    super(reason);
    this.name = 'BodyUnreadableError';
  }
}

/**
 * How many bytes of large bodies may be held at a time: whoever comes when there is no room waits until there is, so that
 * many large uploads at once take longer and not more memory.
 */
export class BodyRoom {
  private held = 0;
  private readonly waiting: { bytes: number; enter: () => void }[] = [];

  constructor(private readonly room: number) {}

  /** Waits for room; what comes back gives the room back. */
  async enter(bytes: number): Promise<() => void> {
    if (bytes <= small) return () => undefined;
    if (this.waiting.length > 0 || !this.fits(bytes)) {
      await new Promise<void>((resolve) => this.waiting.push({ bytes, enter: resolve }));
    } else this.held += bytes;
    let left = false;
    return () => {
      if (left) return;
      left = true;
      this.held -= bytes;
      this.admit();
    };
  }

  private fits(bytes: number): boolean {
    return this.held === 0 || this.held + bytes <= this.room;
  }

  private admit(): void {
    for (let next = this.waiting[0]; next !== undefined && this.fits(next.bytes); next = this.waiting[0]) {
      this.held += next.bytes;
      this.waiting.shift();
      next.enter();
    }
  }
}

function unpacked(request: IncomingMessage): Readable {
  const encoding = (request.headers['content-encoding'] ?? 'identity').trim().toLowerCase();
  const unpack =
    encoding === 'gzip' || encoding === 'x-gzip'
      ? createGunzip()
      : encoding === 'deflate'
        ? createInflate()
        : encoding === 'br'
          ? createBrotliDecompress()
          : null;
  if (unpack === null) {
    if (encoding !== 'identity' && encoding !== '') throw new BodyUnreadableError('The encoding is not known.');
    return request;
  }
  request.on('error', (error) => unpack.destroy(error));
  request.on('aborted', () => unpack.destroy(new BodyUnreadableError('The client went away.')));
  return request.pipe(unpack);
}

/**
 * Reads a body, unpacked where it comes packed. What is larger than `limit` is read to its end and forgotten on the way, so
 * that the client, which sends before it listens, hears the answer. Throws `BodyTooLargeError`, `BodyUnreadableError`.
 */
export async function readBody(request: IncomingMessage, limit: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let length = 0;
  let start = '';
  let end: Buffer = Buffer.alloc(0);
  try {
    for await (const chunk of unpacked(request)) {
      const bytes = chunk as Buffer;
      length += bytes.length;
      if (length <= limit) chunks.push(bytes);
      else {
        if (chunks.length > 0) {
          start = Buffer.concat(chunks).subarray(0, edge).toString('latin1');
          chunks.length = 0;
        }
        if (start === '') start = bytes.subarray(0, edge).toString('latin1');
        end = Buffer.concat([end, bytes]).subarray(-edge);
        // A packed body may be a hundred thousand times as large inside: what it is need not be known to its end.
        if (request.headers['content-encoding'] !== undefined) break;
      }
    }
  } catch (error) {
    if (error instanceof BodyUnreadableError) throw error;
    throw new BodyUnreadableError(error instanceof Error ? error.message : 'The body cannot be read.');
  }
  if (length > limit) {
    request.resume();
    throw new BodyTooLargeError(`${start}\n${end.toString('latin1')}`);
  }
  return Buffer.concat(chunks, length);
}
