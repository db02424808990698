import axios, { type AxiosInstance } from 'axios';
import { StudybridgeError, type IdleAnswer } from '@studybridge/contracts';
import type { JobCounts, ServiceStatus } from './summary';

/** A running service as seen over its HTTP door. */
export interface ServiceAddress {
  name: string;
  url: string;
}

/** One job as `jobs.list` shows it. */
export interface JobView extends JobCounts {
  binding: string;
  on: boolean;
  paused: boolean;
  lastState: string | null;
  /** A sentence: what came of the last run. */
  lastOutcome: string | null;
}

/** Talks to one service's `/status`, `/idle` and `/ops`. Throws a `dependency` error with the service's own sentence. */
export class ServiceClient {
  private readonly http: AxiosInstance;

  constructor(
    readonly service: ServiceAddress,
    opsToken: string | undefined,
  ) {
    this.http = axios.create({
      baseURL: service.url,
      timeout: 120_000,
      headers: opsToken ? { authorization: `Bearer ${opsToken}` } : {},
      validateStatus: () => true,
    });
  }

  status(): Promise<ServiceStatus> {
    return this.ask('GET', '/status');
  }

  idle(): Promise<IdleAnswer> {
    return this.ask('GET', '/idle');
  }

  async commands(): Promise<{ command: string; help: string; arguments: string[] }[]> {
    return (await this.ask<{ commands: { command: string; help: string; arguments: string[] }[] }>('GET', '/ops'))
      .commands;
  }

  async command<T = unknown>(command: string, args: Record<string, unknown> = {}): Promise<T> {
    return (await this.ask<{ result: T }>('POST', '/ops', { command, arguments: args })).result;
  }

  private async ask<T>(method: string, url: string, data?: unknown): Promise<T> {
    let answer;
    try {
      answer = await this.http.request({ method, url, data });
    } catch (error) {
      throw new StudybridgeError(
        `${this.service.name} does not answer at ${this.service.url} (${(error as { code?: string }).code ?? 'no connection'}).`,
        {
          code: 'SERVICE_UNREACHABLE',
          errorClass: 'dependency',
          remedy: 'Start Studybridge first, or name the service’s address.',
        },
      );
    }
    if (answer.status >= 400) {
      const body = answer.data as { code?: string; message?: string; remedy?: string };
      throw new StudybridgeError(`${this.service.name}: ${body.message ?? `answered ${answer.status}`}`, {
        code: body.code ?? 'SERVICE_REFUSED',
        errorClass: 'dependency',
        remedy: body.remedy ?? 'Read the service’s log.',
      });
    }
    return answer.data as T;
  }
}
