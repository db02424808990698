import { monotonicNow } from '../world/monotonic-now';
import { currentRequest } from '../world/request-context';
import type { OutwardPort } from '../world/world-port';
import { sign, withoutFragment } from './signature';

/** One try to tell somebody something. */
export interface WebhookTry {
  /** Study time, ISO UTC. */
  at: string;
  /** Real time, epoch milliseconds. */
  realAt: number;
  url: string;
  params: Record<string, string>;
  /** HTTP status, or why there was none. */
  answer: number | string;
  /** From 1. */
  attempt: number;
}

/** What the one who was called answered. */
export interface WebhookAnswer {
  status: number;
  type: string;
  body: string;
}

const kept = 10_000;
/** Real milliseconds between two tries. */
const pauseMs = 100;

/**
 * Signed calls to the addresses that a client configured. Tried again as the address's fragment says
 * (`#rc=` how often, `#rp=` after what: `ct`, `rt`, `4xx`, `5xx`, `all`); by default once, when no connection came about. `messaging.md §2`.
 */
export class Webhooks {
  private tries: WebhookTry[] = [];
  private readonly open = new Set<Promise<unknown>>();
  private finished = 0;
  private readonly ending = new AbortController();

  constructor(
    private readonly port: OutwardPort,
    private readonly token: () => string,
    private readonly say: (line: string) => void,
  ) {}

  /** The last ones, oldest first. */
  last(): readonly WebhookTry[] {
    return this.tries;
  }

  /** Waits until nothing is on its way; how many calls ended since it was last asked. */
  async settled(): Promise<number> {
    while (this.open.size > 0) await Promise.all(this.open);
    const count = this.finished;
    this.finished = 0;
    return count;
  }

  /** Lets go of whoever has not answered yet, and calls nobody any more. */
  async stop(): Promise<void> {
    this.ending.abort();
    await this.settled();
  }

  /** Calls; null when nobody answered. Whatever is read back from the journal was called then. */
  post(url: string, params: Record<string, string>): Promise<WebhookAnswer | null> {
    if (this.port.replaying || this.ending.signal.aborted) return Promise.resolve(null);
    // What comes of it is no part of the request that happens to be answered now.
    const call = currentRequest
      .exit(() => this.tryAll(url, params))
      .finally(() => {
        this.open.delete(call);
        this.finished += 1;
      });
    this.open.add(call);
    return call;
  }

  private async tryAll(url: string, params: Record<string, string>): Promise<WebhookAnswer | null> {
    const overrides = new URLSearchParams(url.split('#')[1] ?? '');
    const retries = Math.min(5, Number(overrides.get('rc') ?? 1));
    const policy = (overrides.get('rp') ?? 'ct').split(',');
    const again = (why: string) => policy.includes('all') || policy.includes(why);
    // The same token whenever the same thing is told, so that the one who is called can tell a repeat.
    const headers = {
      'content-type': 'application/x-www-form-urlencoded; charset=utf-8',
      'user-agent': 'TwilioProxy/1.1',
      'x-twilio-signature': sign(this.token(), url, params),
      'i-twilio-idempotency-token': sign('one event, one token', url, params),
    };
    const waitMs = Math.min(15_000, Number(overrides.get('rt') ?? 15_000));
    for (let attempt = 1; ; attempt += 1) {
      const { answer, failure } = await this.tryOnce(url, params, headers, waitMs, attempt);
      const why = failure ?? (answer && answer.status >= 400 ? `${Math.floor(answer.status / 100)}xx` : null);
      if (why === null || attempt > retries || !again(why) || this.ending.signal.aborted) return answer;
      await new Promise((resolve) => setTimeout(resolve, pauseMs));
    }
  }

  private async tryOnce(
    url: string,
    params: Record<string, string>,
    headers: Record<string, string>,
    waitMs: number,
    attempt: number,
  ): Promise<{ answer: WebhookAnswer | null; failure: 'ct' | 'rt' | null }> {
    const note: WebhookTry = {
      at: this.port.now().toISOString(),
      realAt: monotonicNow(),
      url,
      params,
      answer: 'on its way',
      attempt,
    };
    this.tries.push(note);
    if (this.tries.length > kept * 2) this.tries = this.tries.slice(-kept);
    try {
      const response = await fetch(withoutFragment(url), {
        method: 'POST',
        headers,
        body: new URLSearchParams(params).toString(),
        redirect: 'manual',
        signal: AbortSignal.any([AbortSignal.timeout(waitMs), this.ending.signal]),
      });
      const body = await response.text();
      note.answer = response.status;
      if (response.status >= 400) this.say(`a webhook was answered ${response.status}`);
      const type = response.headers.get('content-type') ?? '';
      return { answer: { status: response.status, type, body }, failure: null };
    } catch (error) {
      const isLate = error instanceof Error && error.name === 'TimeoutError';
      note.answer = isLate ? 'no answer in time' : this.ending.signal.aborted ? 'let go' : 'no connection';
      this.say(`a webhook got ${note.answer}`);
      return { answer: null, failure: isLate ? 'rt' : 'ct' };
    }
  }
}
