import { pipeline, Transform, type Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { isAxiosError } from 'axios';
import { StudybridgeError } from '@studybridge/contracts';
import { checkContentType, errorForAnswer, looksLikeHtml, redcapErrorText, type Expected } from './answer-checks';
import { RedcapAbortedError, RedcapBadAnswerError, RedcapError, RedcapUnavailableError } from './errors';
import { readJsonList } from './read-json-list';
import { mayRepeat, type Action } from './retry-rules';

/**
 * The part of an axios instance that is used, spelled out: axios has one type for `import` and another for `require`, and
 * an instance of either must do.
 */
export interface RedcapHttp {
  request(config: {
    method: 'POST';
    url: string;
    data: string | Buffer;
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
  action: Action;
  /** HTTP status, 0 where no answer came. */
  status: number;
  durationMs: number;
  /** The server's own instant (header `Date`), where it told one. */
  serverDate: Date | null;
  /** Lines the call leaves in REDCap's log at most: one, for an import one per record; none where it was not accepted. */
  logLines: number;
}

/** Where the API is, how it is asked, and who watches. */
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
  beforeCall?: (call: { content: string; action: Action }) => Promise<void>;
  /** Told after every call, repeats included. */
  afterCall?: (report: CallReport) => void;
  /** Told when an answer holds names that this client does not know: REDCap's API has changed. Names only, never values. */
  onUnknownNames?: (content: string, names: readonly string[]) => void;
  /** Ends running calls at shutdown. */
  signal?: AbortSignal;
}

/** Parameters of a call; a list becomes `name[0]`, `name[1]` …, what is undefined is left out. */
export type Params = Record<string, string | readonly string[] | undefined>;

/** What every method takes last. */
export interface CallControl {
  /** Ends this call, and with it every repeat. */
  signal?: AbortSignal;
  /**
   * Asked before each request leaves, repeats included, after every wait: what it throws ends the call as it is, and this request
   * was not made.
   */
  beforeSending?: () => void;
  /** Told while an answer comes in, after every piece of it. */
  onProgress?: (progress: { bytes: number }) => void;
}

/** A file on its way to or from REDCap. */
export interface RedcapFile {
  name: string;
  /** Media type, e.g. `image/png`; `application/octet-stream` where none is known. */
  type: string;
  bytes: Buffer;
}

interface CallOptions {
  expected: Expected;
  action: Action;
  control?: CallControl;
  /** Overrides the rule of the action (`mayRepeat`): only the caller knows what it sends. */
  repeatable?: boolean;
  /** See `CallReport`; default 1. */
  logLines?: number;
  file?: RedcapFile;
}

const longestWaitMs = 10_000;

/** The wire: form-encoded POST, checks of status, content type and completeness, repeats by REDCap action. */
export class RedcapWire {
  constructor(private readonly options: RedcapClientOptions) {}

  /** A whole body as text. Throws a `RedcapError`, never anything that carries the request. */
  async text(params: Params, call: CallOptions): Promise<string> {
    return this.repeat(params, call, async () => {
      const body = await readAll(await this.open(params, call));
      const refusal = redcapErrorText(body);
      if (refusal !== null) throw errorForAnswer(400, body, undefined);
      if (looksLikeHtml(body)) throw new RedcapBadAnswerError('REDCap answered with a web page.', 'REDCAP_HTML');
      return body;
    });
  }

  /** A whole body as JSON; a cut-off or empty one cannot parse and is an error (law 4). */
  async json(params: Params, call: Omit<CallOptions, 'expected'>): Promise<unknown> {
    return this.repeat(params, call, async () => {
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

  /**
   * The elements of a JSON list, each taken as it comes and none kept, for lists as long as a project. A list that breaks off, or is
   * none, throws after its first elements were taken. Not repeated: its reader decides.
   */
  async eachElement(
    params: Params,
    call: Omit<CallOptions, 'expected'>,
    take: (element: unknown) => void,
  ): Promise<void> {
    await readJsonList(await this.open(params, { ...call, expected: 'json' }), take);
  }

  /** A file. REDCap tells its name and type in the header Content-Type (redcap-api.md §2.23). */
  async file(params: Params, call: Omit<CallOptions, 'expected'>): Promise<RedcapFile> {
    return this.repeat(params, call, async () => {
      let header = '';
      const stream = await this.open(params, { ...call, expected: 'bytes' }, (type) => (header = type));
      const bytes = await readBytes(stream);
      const name = /name="([^"]*)"/i.exec(header)?.[1];
      if (name === undefined && /html/i.test(header)) {
        throw new RedcapBadAnswerError('REDCap answered with a web page.', 'REDCAP_HTML');
      }
      const type = /^[\w.+-]+\/[\w.+-]+/.exec(header)?.[0] ?? 'application/octet-stream';
      // Header bytes are read as Latin-1; REDCap means UTF-8.
      return { name: Buffer.from(name ?? '', 'latin1').toString('utf8'), type, bytes };
    });
  }

  /** Tells the watcher of names in an answer that are not among the known ones. */
  unknownNames(content: string, names: readonly string[]): void {
    if (names.length > 0) this.options.onUnknownNames?.(content, [...new Set(names)].sort());
  }

  /** An open answer stream whose status and content type were already checked. Not repeated: its reader decides. */
  async open(params: Params, call: CallOptions, onType?: (contentType: string) => void): Promise<Readable> {
    const content = String(params.content);
    const { control } = call;
    if (control?.signal?.aborted) throw new RedcapAbortedError();
    await this.options.beforeCall?.({ content, action: call.action });
    const body = await encode({ ...params, token: this.options.token }, call.file);
    if (control?.beforeSending) keepBack(control.beforeSending);
    const startedAt = Date.now();
    let status = 0;
    let serverDate: Date | null = null;
    try {
      const response = await this.options.http.request({
        method: 'POST',
        url: this.options.url,
        data: body.data,
        headers: { 'Content-Type': body.type, Accept: '*/*' },
        responseType: 'stream',
        validateStatus: () => true,
        maxRedirects: 0,
        proxy: false,
        signal: this.signal(control?.signal),
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
      const contentType = headerText(headers['content-type']) ?? '';
      checkContentType(call.expected, contentType);
      onType?.(contentType);
      return watched(stream, control);
    } catch (error) {
      throw control?.signal?.aborted ? new RedcapAbortedError() : redcapErrorFrom(error);
    } finally {
      this.options.afterCall?.({
        content,
        action: call.action,
        status,
        durationMs: Date.now() - startedAt,
        serverDate,
        logLines: status === 200 ? (call.logLines ?? 1) : 0,
      });
    }
  }

  /** Runs an attempt again while it fails for a dependency's sake and its action may be repeated (law 6). */
  async repeat<T>(
    params: Params,
    call: Pick<CallOptions, 'action' | 'repeatable' | 'control'>,
    attempt: () => Promise<T>,
  ): Promise<T> {
    const { attempts, baseDelayMs } = this.options.retry ?? { attempts: 3, baseDelayMs: 250 };
    const repeatable = call.repeatable ?? mayRepeat(String(params.content), call.action);
    const signals = [this.options.signal, call.control?.signal].filter((signal) => signal !== undefined);
    for (let done = 1; ; done += 1) {
      try {
        return await attempt();
      } catch (error) {
        if (keptBack.has(error as object)) throw error;
        const known = call.control?.signal?.aborted ? new RedcapAbortedError() : redcapErrorFrom(error);
        // What never left may be sent again, whatever it does.
        const harmless = repeatable || (known instanceof RedcapUnavailableError && known.neverLeft);
        if (known instanceof RedcapAbortedError || !harmless) throw known;
        if (known.errorClass !== 'dependency' || done >= attempts) throw known;
        const backoff = baseDelayMs * 2 ** (done - 1) * (0.5 + Math.random());
        const wait = Math.max(backoff, (known.retryAfterSeconds ?? 0) * 1000);
        if (wait > longestWaitMs) throw known;
        await sleep(wait, undefined, { signal: AbortSignal.any(signals) }).catch(() => {
          throw known;
        });
      }
    }
  }

  private signal(own: AbortSignal | undefined): AbortSignal {
    const signals = [AbortSignal.timeout(this.options.timeoutMs), this.options.signal, own];
    return AbortSignal.any(signals.filter((signal) => signal !== undefined));
  }
}

const keptBack = new WeakSet<object>();

/** Marks what the caller's own check throws: nothing to repeat, and nothing of ours. */
function keepBack(check: () => void): void {
  try {
    check();
  } catch (error) {
    if (error instanceof Error) keptBack.add(error);
    throw error;
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
    const neverLeft = /^(ECONNREFUSED|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH)$/.test(code);
    return new RedcapUnavailableError(
      `REDCap cannot be reached (${code || 'no connection'}).`,
      'REDCAP_UNREACHABLE',
      undefined,
      neverLeft,
    );
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
  return (await readBytes(stream, limit)).toString('utf8');
}

async function readBytes(stream: Readable, limit = Infinity): Promise<Buffer> {
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
  return Buffer.concat(chunks);
}

/** The same stream; tells how much of it has come. */
function watched(stream: Readable, control: CallControl | undefined): Readable {
  const { onProgress } = control ?? {};
  if (onProgress === undefined) return stream;
  let bytes = 0;
  const watch = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      bytes += chunk.length;
      onProgress({ bytes });
      done(null, chunk);
    },
  });
  // The reader learns of a broken connection from `watch`, which pipeline destroys with the reason.
  return pipeline(stream, watch, () => undefined);
}

async function encode(params: Params, file: RedcapFile | undefined): Promise<{ data: string | Buffer; type: string }> {
  const pairs = Object.entries(params).flatMap(([name, value]): [string, string][] => {
    if (value === undefined) return [];
    return typeof value === 'string' ? [[name, value]] : value.map((item, at) => [`${name}[${at}]`, item]);
  });
  if (file === undefined) {
    return { data: new URLSearchParams(pairs).toString(), type: 'application/x-www-form-urlencoded' };
  }
  const form = new FormData();
  for (const [name, value] of pairs) form.append(name, value);
  form.append('file', new Blob([new Uint8Array(file.bytes)], { type: file.type }), file.name);
  const body = new Response(form);
  return { data: Buffer.from(await body.arrayBuffer()), type: body.headers.get('content-type') ?? '' };
}

function headerText(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

function toDate(value: unknown): Date | null {
  const date = new Date(typeof value === 'string' ? value : Number.NaN);
  return Number.isNaN(date.getTime()) ? null : date;
}
