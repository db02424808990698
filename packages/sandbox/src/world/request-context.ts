import { isUtf8 } from 'node:buffer';
import { AsyncLocalStorage } from 'node:async_hooks';
import type { NextFunction, Request, Response } from 'express';
import type { FaultSpec } from './fault-spec';
import { monotonicNow } from './monotonic-now';

/** A partner request as the journal keeps it: enough to ask it again. */
export interface JournaledRequest {
  method: string;
  url: string;
  headers: Record<string, string>;
  body: string;
  /** How `body` is written: base64 where it is no text. */
  encoding: 'utf8' | 'base64';
  /** The faults it met that changed what it did, not only how it was answered. */
  faults: FaultSpec[];
  /** When it came; see `OutwardPort.realNow`. */
  realAt?: number;
}

/** The largest body that any stand-in takes, in bytes. */
const largestBody = 64 * 1024 * 1024;

/** What the world knows about the request it is answering. */
export class RequestContext {
  private readonly chunks: Buffer[] = [];
  private kept = 0;
  readonly faults: FaultSpec[] = [];
  /** Whether the journal has it. */
  journaled = false;
  readonly realAt: number;

  constructor(
    private readonly req: Request,
    /** Set while the journal is read back: what the request met when it was first asked. */
    readonly replayed: JournaledRequest | null,
    /** Whether there is a journal that may want the body. */
    keep: boolean,
  ) {
    this.realAt = replayed?.realAt ?? monotonicNow();
    if (!keep) return;
    // Listening for 'data' would drain the body before the stand-in reads it, so the chunks are noted as they come in.
    const push = req.push.bind(req);
    req.push = (chunk: unknown, encoding?: BufferEncoding) => {
      if (Buffer.isBuffer(chunk)) this.keep(chunk);
      return push(chunk, encoding);
    };
  }

  private keep(chunk: Buffer): void {
    this.kept += chunk.length;
    // What is larger is refused by every stand-in, changes nothing and is never asked for.
    if (this.kept > largestBody) this.chunks.length = 0;
    else this.chunks.push(chunk);
  }

  toJournal(): JournaledRequest {
    const headers: Record<string, string> = {};
    for (const name of ['content-type', 'content-encoding', 'authorization', 'idempotency-key', 'if-match', 'accept']) {
      const value = this.req.headers[name];
      if (typeof value === 'string') headers[name] = value;
    }
    const bytes = Buffer.concat(this.chunks);
    const encoding = isUtf8(bytes) ? 'utf8' : 'base64';
    return {
      method: this.req.method,
      url: this.req.originalUrl,
      headers,
      body: bytes.toString(encoding),
      encoding,
      faults: this.faults.filter((fault) => shapesTheWork.has(fault.kind)),
      realAt: this.realAt,
    };
  }
}

const shapesTheWork = new Set(['forgetful', 'clock-skew', 'missing-rows']);

/** The request being answered, wherever in the stand-in the question is asked. */
export const currentRequest = new AsyncLocalStorage<RequestContext>();

/** Makes every partner request known to `currentRequest`. */
export function knowRequest(replayed: () => JournaledRequest | null, keep: boolean) {
  return (req: Request, _res: Response, next: NextFunction): void => {
    currentRequest.run(new RequestContext(req, replayed(), keep), next);
  };
}
