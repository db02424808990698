import type { Request } from 'express';
import { ApiError } from '../api-error';
import { messages } from '../messages';
import { Params } from '../params';

/**
 * The parameters of a request whose body was read as bytes: form-encoded or multipart, whatever the call. Throws
 * REDCap's refusal when a multipart body cannot be read.
 */
export async function readParams(request: Request): Promise<Params> {
  const params = new Params();
  const body: unknown = request.body;
  if (!Buffer.isBuffer(body) || body.length === 0) return params;
  const type = request.headers['content-type'] ?? '';
  if (/^multipart\/form-data/i.test(type)) {
    let form: FormData;
    try {
      form = await new Response(new Uint8Array(body), { headers: { 'content-type': type } }).formData();
    } catch {
      throw new ApiError(400, messages.unreadableRequest);
    }
    for (const [name, value] of form) {
      if (typeof value === 'string') params.add(name, value);
      else {
        params.files.set(name, { name: value.name, type: value.type, bytes: Buffer.from(await value.arrayBuffer()) });
      }
    }
    return params;
  }
  for (const [name, value] of new URLSearchParams(body.toString('utf8'))) params.add(name, value);
  return params;
}
