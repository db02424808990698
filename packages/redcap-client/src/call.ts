import type { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { isAxiosError } from 'axios';
import { StudybridgeError } from '@studybridge/contracts';
import { checkContentType, errorForAnswer, looksLikeHtml, redcapErrorText, type Expected } from './answer-checks';
import { RedcapBadAnswerError, RedcapError, RedcapUnavailableError } from './errors';

/**
 * The part of an axios instance that is used, spelled out: axios has one type for `import` and another for `require`, and
 * an instance of either must do.
 */
export interface RedcapHttp {
  request(config: {
    method: 'POST';
    url: string;
    data: string;
    headers: Record<string, string>;
    responseType: 'stream';
    validateStatus: () => boolean;
    maxRedirects: number;
    proxy: false;
    signal: AbortSignal;
    maxBodyLength: number;
    maxContentLength: number;
  }): Promise<{ status: number; headers: object; data: unknown }>;
}

/** One call as its watcher sees it: no token, no data. */
export interface CallReport {
  content: string;
  action: 'export' | 'import';
  /** HTTP status, 0 where no answer came. */
  status: number;
  durationMs: number;
  /** The server's own instant (header `Date`), where it told one. */
  serverDate: Date | null;
}

export interface RedcapClientOptions {
  /** The full address of the API, with the slash at its end. */
  url: string;
  token: string;
  http: RedcapHttp;
  /** Longest time for one call, answer included, in milliseconds. */
  timeoutMs: number;
  /** How a repeatable call is repeated after a dependency error; default 3 attempts, 250 ms doubling with jitter. */
  retry?: { attempts: number; baseDelayMs: number };
  /** Asked before every call, repeats included: the place of a governor or breaker. */
  beforeCall?: (call: { content: string; action: 'export' | 'import' }) => Promise<void>;
  /** Told after every call, repeats included. */
  afterCall?: (report: CallReport) => void;
  /** Ends running calls at shutdown. */
  signal?: AbortSignal;
}

export type Params = Record<string, string | readonly string[] | undefined>;

interface CallOptions {
  expected: Expected;
  action: 'export' | 'import';
  /** Whether the same call may be made again without doing a thing twice (law 6). */
  repeatable: boolean;
}

const longestWaitMs = 10_000;

/** The wire: form-encoded POST, checks of status, content type and completeness, repeats by REDCap action. */
export class RedcapWire {
  constructor(private readonly options: RedcapClientOptions) {}

  /** A whole body as text. Throws a `RedcapError`, never anything that carries the request. */
  async text(params: Params, call: CallOptions): Promise<string> {
    return this.repeat(call, async () => {
      const body = await readAll(await this.open(params, call));
      const refusal = redcapErrorText(body);
      if (refusal !== null) throw errorForAnswer(400, body, undefined);
      if (looksLikeHtml(body)) throw new RedcapBadAnswerError('REDCap answered with a web page.', 'REDCAP_HTML');
      return body;
    });
  }

  /** A whole body as JSON; a cut-off or empty one cannot parse and is an error (law 4). */
  async json(params: Params, call: Omit<CallOptions, 'expected'>): Promise<unknown> {
    return this.repeat(call, async () => {
      const body = await readAll(await this.open(params, { ...call, expected: 'json' }));
      let parsed: unknown;
      try {
        parsed = JSON.parse(body);
      } catch {
        if (looksLikeHtml(body)) throw new RedcapBadAnswerError('REDCap answered with a web page.', 'REDCAP_HTML');
        throw new RedcapBadAnswerError('REDCap’s answer was cut off or empty.', 'REDCAP_TRUNCATED');
      }
      if (redcapErrorText(body) !== null) throw errorForAnswer(400, body, undefined);
      return parsed;
    });
  }

  /** An open answer stream whose status and content type were already checked. Not repeated: its reader decides. */
  async open(params: Params, call: Pick<CallOptions, 'expected' | 'action'>): Promise<Readable> {
    const content = String(params.content);
    await this.options.beforeCall?.({ content, action: call.action });
    const startedAt = Date.now();
    let status = 0;
    let serverDate: Date | null = null;
    try {
      const response = await this.options.http.request({
        method: 'POST',
        url: this.options.url,
        data: encode({ ...params, token: this.options.token }),
        headers: { 'Content-Type': 'application/x-www-form-urlencoded', Accept: '*/*' },
        responseType: 'stream',
        validateStatus: () => true,
        maxRedirects: 0,
        proxy: false,
        signal: this.signal(),
        maxBodyLength: Infinity,
        maxContentLength: Infinity,
      });
      status = response.status;
      const headers = response.headers as Record<string, unknown>;
      const stream = response.data as Readable;
      serverDate = toDate(headers.date);
      if (status !== 200) {
        const body = await readAll(stream, 64 * 1024);
        throw errorForAnswer(status, body, headerText(headers['retry-after']));
      }
      checkContentType(call.expected, headerText(headers['content-type']) ?? '');
      return stream;
    } catch (error) {
      throw redcapErrorFrom(error);
    } finally {
      this.options.afterCall?.({
        content,
        action: call.action,
        status,
        durationMs: Date.now() - startedAt,
        serverDate,
      });
    }
  }

  /** Runs an attempt again while it fails for a dependency's sake and may be repeated (law 6). */
  async repeat<T>(call: Pick<CallOptions, 'repeatable'>, attempt: () => Promise<T>): Promise<T> {
    const { attempts, baseDelayMs } = this.options.retry ?? { attempts: 3, baseDelayMs: 250 };
    for (let done = 1; ; done += 1) {
      try {
        return await attempt();
      } catch (error) {
        const known = redcapErrorFrom(error);
        if (!call.repeatable || known.errorClass !== 'dependency' || done >= attempts) throw known;
        const backoff = baseDelayMs * 2 ** (done - 1) * (0.5 + Math.random());
        const wait = Math.max(backoff, (known.retryAfterSeconds ?? 0) * 1000);
        if (wait > longestWaitMs) throw known;
        await sleep(wait, undefined, { signal: this.options.signal }).catch(() => {
          throw known;
        });
      }
    }
  }

  private signal(): AbortSignal {
    const timeout = AbortSignal.timeout(this.options.timeoutMs);
    return this.options.signal ? AbortSignal.any([timeout, this.options.signal]) : timeout;
  }
}

/** Turns whatever was thrown into an error of ours, leaving behind everything that might hold the request. */
export function redcapErrorFrom(error: unknown): RedcapError {
  if (error instanceof RedcapError) return error;
  // What our own hooks throw (a budget, a breaker) keeps its class and its words.
  if (error instanceof StudybridgeError) return new RedcapError(error.message, error);
  const code = codeOf(error);
  if (/TIMEDOUT|ECONNABORTED|ABORT|CANCEL|TimeoutError/i.test(code)) {
    return new RedcapUnavailableError('REDCap did not answer in time.', 'REDCAP_TIMEOUT');
  }
  if (/ERR_STREAM|ERR_BAD_RESPONSE|ECONNRESET|EPIPE|aborted|HPE_/i.test(code)) {
    return new RedcapUnavailableError('The connection to REDCap broke off.', 'REDCAP_CONNECTION_LOST');
  }
  if (isAxiosError(error) || /^E[A-Z_]+$/.test(code)) {
    return new RedcapUnavailableError(`REDCap cannot be reached (${code || 'no connection'}).`, 'REDCAP_UNREACHABLE');
  }
  return new RedcapError(`The REDCap client failed (${code || 'unknown'}).`, {
    code: 'REDCAP_CLIENT',
    errorClass: 'bug',
    remedy: 'Report it.',
  });
}

function codeOf(error: unknown): string {
  if (typeof error !== 'object' || error === null) return '';
  const own = 'code' in error && typeof error.code === 'string' ? error.code : '';
  const name = 'name' in error && typeof error.name === 'string' ? error.name : '';
  if (own !== '') return own;
  if ('message' in error && error.message === 'aborted') return 'ECONNRESET';
  return name;
}

/** Reads a stream to its end as UTF-8. A broken connection throws. */
async function readAll(stream: Readable, limit = Infinity): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  try {
    for await (const chunk of stream) {
      const buffer = Buffer.isBuffer(chunk) ? chunk : Buffer.from(String(chunk));
      if (size < limit) chunks.push(buffer);
      size += buffer.length;
    }
  } catch (error) {
    throw redcapErrorFrom(error);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function encode(params: Params): string {
  const body = new URLSearchParams();
  for (const [name, value] of Object.entries(params)) {
    if (value === undefined) continue;
    if (typeof value === 'string') body.append(name, value);
    else value.forEach((item, index) => body.append(`${name}[${index}]`, item));
  }
  return body.toString();
}

function headerText(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

function toDate(value: unknown): Date | null {
  const date = new Date(typeof value === 'string' ? value : Number.NaN);
  return Number.isNaN(date.getTime()) ? null : date;
}
