import type { Request, Response } from 'express';
import type { FaultSpec } from './fault-spec';

/** How long a `timeout-after-commit` holds the line when the fault does not say. */
const holdMs = 2_000;
/** How long a `slow` call takes when the fault does not say. */
const slowMs = 1_000;

/** An answer as text, before a fault has had its way with it. */
export interface Answer {
  status: number;
  type: string;
  body: string;
  headers?: Record<string, string>;
}

/**
 * The part of a fault that comes before the partner does any work: `reset` drops the connection, `slow` waits.
 * Returns true when the request is over. `429` and `503` are the partner's own words and stay with the stand-in.
 */
export async function meetFault(fault: FaultSpec | null, req: Request): Promise<boolean> {
  if (fault?.kind === 'reset') {
    req.socket.destroy();
    return true;
  }
  if (fault?.kind === 'slow') await wait(fault.ms ?? slowMs, req);
  return false;
}

/** Sends the answer, or what a fault makes of it after the work is done. */
export async function sendThroughFault(
  fault: FaultSpec | null,
  req: Request,
  res: Response,
  answer: Answer,
): Promise<void> {
  switch (fault?.kind) {
    case 'timeout-after-commit':
      await wait(fault.ms ?? holdMs, req);
      req.socket.destroy();
      return;
    case 'content-type':
      send(res, { ...answer, status: 200, type: 'text/html; charset=utf-8', body: signInPage });
      return;
    case 'empty':
      send(res, { ...answer, status: 200, body: '' });
      return;
    case 'truncated':
      send(res, { ...answer, body: answer.body.slice(0, Math.floor(answer.body.length / 2)) });
      return;
    default:
      send(res, answer);
  }
}

/** What a proxy or a maintenance window answers in the partner's place. */
const signInPage = '<!DOCTYPE html><html><head><title>Sign in</title></head><body>Please sign in.</body></html>';

function send(res: Response, answer: Answer): void {
  if (res.destroyed) return;
  res.status(answer.status);
  for (const [name, value] of Object.entries(answer.headers ?? {})) res.setHeader(name, value);
  res.setHeader('Content-Type', answer.type);
  res.end(answer.body);
}

/** Waits, but not longer than the caller does. */
function wait(ms: number, req: Request): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      req.socket.off('close', done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    req.socket.once('close', done);
  });
}
