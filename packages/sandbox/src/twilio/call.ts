import type { Request } from 'express';
import type { FaultSpec } from '../world/fault-spec';
import { currentRequest } from '../world/request-context';
import { monotonicNow } from '../world/monotonic-now';

/** One request to Twilio. */
export class TwilioCall {
  readonly query: URLSearchParams;
  readonly form: URLSearchParams;
  /** Path without the query, below `/twilio`. */
  readonly path: string;
  /** When its headers had come; real time. */
  readonly realAt: number;

  constructor(
    private readonly req: Request,
    readonly account: string,
    /** With test credentials nothing is sent and nothing kept. */
    readonly isTest: boolean,
    readonly fault: FaultSpec | null,
  ) {
    const url = new URL(req.originalUrl, 'http://twilio');
    this.query = url.searchParams;
    this.form = new URLSearchParams(typeof req.body === 'string' ? req.body : '');
    this.path = url.pathname.replace(/^\/twilio(\/api(?=\/))?/, '');
    this.realAt = currentRequest.getStore()?.realAt ?? monotonicNow();
  }

  param(name: string): string {
    return String(this.req.params[name] ?? '');
  }

  /** The sandbox's own address, as the caller knows it. */
  get base(): string {
    return `${this.req.protocol}://${this.req.headers.host ?? 'localhost'}/twilio`;
  }
}

/** What is answered; a body that is a string goes out as HTML. */
export interface Reply {
  status: number;
  body?: Record<string, unknown> | string;
  headers?: Record<string, string>;
}
