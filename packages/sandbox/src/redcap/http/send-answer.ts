import { once } from 'node:events';
import { setTimeout as wait } from 'node:timers/promises';
import type { Request, Response } from 'express';
import type { FaultSpec } from '../../world/fault-spec';
import type { Answer } from './answer';

/** How long a call is held that never gets its answer, unless the script says otherwise. */
const defaultHoldMs = 120_000;
const htmlPage =
  '<!DOCTYPE html>\n<html><head><title>Sign in</title></head><body><h1>Please sign in</h1></body></html>\n';

/** Waits in real time, or until the client has gone. */
async function hold(request: Request, ms: number): Promise<void> {
  const gone = new AbortController();
  const stop = (): void => gone.abort();
  request.socket.once('close', stop);
  try {
    await wait(ms, undefined, { signal: gone.signal, ref: false });
  } catch {
    // The client hung up: nothing left to wait for.
  } finally {
    request.socket.off('close', stop);
  }
}

/** Plays the faults that come before any work is done. Answers whether the call is over. */
export async function meetFaultBefore(fault: FaultSpec | null, request: Request, response: Response): Promise<boolean> {
  switch (fault?.kind) {
    case 'reset':
      request.socket.destroy();
      return true;
    case '429':
    case '503':
      if (fault.ms !== undefined) response.setHeader('Retry-After', String(Math.ceil(fault.ms / 1000)));
      response.status(Number(fault.kind)).type('html').send('<html><body><h1>Try again later</h1></body></html>\n');
      return true;
    case 'content-type':
      response.status(200).type('html').send(htmlPage);
      return true;
    case 'slow':
      await hold(request, fault.ms ?? 5_000);
      return false;
    default:
      return false;
  }
}

/** Waits until a client has read what it was sent, or has gone. */
async function drained(response: Response): Promise<void> {
  const done = new AbortController();
  const wake = (name: string): Promise<unknown> => once(response, name, { signal: done.signal });
  await Promise.race([wake('drain'), wake('close')]).catch(() => undefined);
  done.abort();
}

/** Sends an answer, chunk by chunk as fast as the client reads, and plays the faults that come after the work. */
export async function sendAnswer(
  answer: Answer,
  fault: FaultSpec | null,
  request: Request,
  response: Response,
): Promise<void> {
  if (fault?.kind === 'timeout-after-commit') {
    await hold(request, fault.ms ?? defaultHoldMs);
    request.socket.destroy();
    return;
  }
  if (response.destroyed) return;
  response.writeHead(answer.status, { 'Content-Type': answer.type });
  if (fault?.kind === 'empty') {
    response.end();
    return;
  }
  if (fault?.kind === 'truncated') {
    const { body } = answer;
    const whole = typeof body === 'string' || Buffer.isBuffer(body) ? body : [...body].join('');
    response.end(whole.slice(0, Math.floor(whole.length / 2)));
    return;
  }
  if (typeof answer.body === 'string' || Buffer.isBuffer(answer.body)) {
    response.end(answer.body);
    return;
  }
  for (const chunk of answer.body) {
    if (response.destroyed) return;
    if (chunk.length > 0 && !response.write(chunk)) await drained(response);
  }
  response.end();
}
