import type { IncomingMessage } from 'node:http';
import { parse } from 'node:querystring';
import { ApiError } from '../api-error';
import { messages } from '../messages';
import { Params } from '../params';
import { BodyTooLargeError, BodyUnreadableError, readBody, type BodyRoom } from './read-body';

/** A server reads so many parameters and passes over the rest (PHP's `max_input_vars`, as REDCap wants it set). */
const mostParameters = 100_000;

/** A request that reaches no method: the refusal, and what of its parameters is known. */
export class RequestRefused extends Error {
  constructor(
    readonly refusal: ApiError,
    readonly params: Params,
  ) {
    super(refusal.message);
    this.name = 'RequestRefused';
  }
}

/** In which formats a body too large to be read wants its answer: they may stand at either end of it. */
function formatsIn(ends: string): Params {
  const params = new Params();
  for (const name of ['format', 'returnFormat']) {
    const asked =
      new RegExp(`(?:^|[&\\n])${name}=(csv|json|xml)(?=&|\\s|$)`).exec(ends) ??
      new RegExp(`name="${name}"\\r?\\n(?:[^\\r\\n]+\\r?\\n)*\\r?\\n(csv|json|xml)\\r?\\n`).exec(ends);
    if (asked !== null) params.add(name, asked[1]!);
  }
  return params;
}

async function readMultipart(body: Buffer, type: string): Promise<Params> {
  const params = new Params();
  const form = await new Response(new Uint8Array(body), { headers: { 'content-type': type } }).formData();
  let count = 0;
  for (const [name, value] of form) {
    count += 1;
    if (count > mostParameters) break;
    if (typeof value === 'string') params.add(name, value);
    else params.files.set(name, { name: value.name, type: value.type, bytes: Buffer.from(await value.arrayBuffer()) });
  }
  return params;
}

/**
 * The body and the parameters of a request, form-encoded or multipart, whatever the call. Throws `RequestRefused` when it
 * is too large or cannot be read.
 */
export async function readRequest(
  request: IncomingMessage,
  o: { limit: number; room: BodyRoom },
): Promise<{ body: Buffer; params: Params }> {
  const said = Number(request.headers['content-length'] ?? NaN);
  const packed = request.headers['content-encoding'] !== undefined;
  const leave = await o.room.enter(Number.isNaN(said) || packed ? o.limit : Math.min(said, o.limit));
  let body: Buffer;
  try {
    body = await readBody(request, o.limit);
  } catch (error) {
    if (error instanceof BodyTooLargeError) {
      throw new RequestRefused(new ApiError(413, messages.tooLarge), formatsIn(error.ends));
    }
    if (error instanceof BodyUnreadableError) {
      throw new RequestRefused(new ApiError(400, messages.unreadableRequest), new Params());
    }
    throw error;
  } finally {
    leave();
  }
  if (body.length === 0) return { body, params: new Params() };
  const type = request.headers['content-type'] ?? '';
  if (/^multipart\/form-data/i.test(type)) {
    try {
      return { body, params: await readMultipart(body, type) };
    } catch {
      const ends = `${body.subarray(0, 65_536).toString('latin1')}\n${body.subarray(-65_536).toString('latin1')}`;
      throw new RequestRefused(new ApiError(400, messages.unreadableRequest), formatsIn(ends));
    }
  }
  const params = new Params();
  const pairs = parse(body.toString('utf8'), '&', '=', { maxKeys: mostParameters });
  for (const [name, value] of Object.entries(pairs)) {
    for (const text of Array.isArray(value) ? value : [value ?? '']) params.add(name, text);
  }
  return { body, params };
}
