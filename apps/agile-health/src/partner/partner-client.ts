import type { HttpService } from '@nestjs/axios';
import { type InHand, wasNotSent } from '@studybridge/effects';
import type { Logger } from '@studybridge/service-kit';
import type { MemberBody } from '@studybridge/studies';
import { isAxiosError, type AxiosResponse } from 'axios';
import { z } from 'zod';
import type { AnswerShape } from './answer-shape';
import { checkedTransport } from './checked-transport';
import { errorOfAnswer, PartnerError, unreachable, unreadable } from './partner-errors';
import { detailsOf, memberAnswerSchema, readMemberAnswer, type PartnerMember } from './partner-member';
import type { PartnerMetrics } from './partner-metrics';

const listSchema = z.looseObject({
  members: z.array(memberAnswerSchema),
  nextCursor: z.string().nullish(),
});
const maxAnswerBytes = 20_000_000;
const pageLimit = 10_000;
const loopback = /^(localhost|127(\.\d+){3}|\[::1\])$/;

/** A member found by `externalId`, with the details as the partner has them (identifying: for memory only). */
export interface FoundMember extends PartnerMember {
  details: Record<string, unknown>;
}

/**
 * The texting partner's API (studies.md §6) for one binding. Every method throws {@link PartnerError}: `dependency` when
 * the partner or the way to it fails, `setting` for our key or address, `participant` when it refuses this family.
 */
export class PartnerClient {
  private readonly base: string;
  private readonly isLocal: boolean;

  constructor(
    private readonly http: HttpService,
    private readonly o: {
      url: string;
      key: string;
      program: string;
      timeoutMs: number;
      metrics: PartnerMetrics;
      /** Hears of what the contract does not know. */
      shape: AnswerShape;
      logger: Logger;
    },
  ) {
    this.base = `${o.url.replace(/\/+$/, '')}/v1/programs/${encodeURIComponent(o.program)}/members`;
    this.isLocal = loopback.test(new URL(o.url).hostname);
  }

  /** POST: a new member, or the one that is there when the same was asked before. */
  async enrol(externalId: string, body: MemberBody, idempotencyKey: string, hand: InHand): Promise<PartnerMember> {
    const { answer, realSeenAt } = await this.send('enrol', {
      method: 'POST',
      url: this.base,
      headers: { 'Idempotency-Key': idempotencyKey },
      data: { externalId, ...body },
      hand,
    });
    return this.memberOf(answer, realSeenAt);
  }

  /** PUT of details or participation; with `version` as `If-Match`. Throws `partnerCode` VERSION_MISMATCH on 412. */
  async update(
    memberId: string,
    version: number | null,
    body: Record<string, unknown>,
    hand: InHand,
  ): Promise<PartnerMember> {
    const { answer, realSeenAt, etag } = await this.send('change', {
      method: 'PUT',
      url: `${this.base}/${encodeURIComponent(memberId)}`,
      headers: { 'If-Match': version === null ? '*' : `"${version}"` },
      data: body,
      hand,
    });
    const member = this.memberOf(answer, realSeenAt);
    return { ...member, version: member.version ?? etag };
  }

  /** PUT of the arm; the partner refuses another one than it has (ARM_CONFLICT). Null when its answer told no member. */
  async assignArm(
    memberId: string,
    arm: { arm: string; randomizedOn: string },
    hand: InHand,
  ): Promise<PartnerMember | null> {
    const { answer, realSeenAt } = await this.send('change', {
      method: 'PUT',
      url: `${this.base}/${encodeURIComponent(memberId)}/arm`,
      headers: {},
      data: arm,
      hand,
    });
    const read = memberAnswerSchema.safeParse(answer);
    return read.success ? this.told(read.data, realSeenAt) : null;
  }

  /** The member of this `externalId`, or null. */
  async find(externalId: string, signal?: AbortSignal): Promise<FoundMember | null> {
    const { answer, realSeenAt } = await this.send('read', {
      method: 'GET',
      url: this.base,
      headers: {},
      params: { externalId },
      signal,
    });
    const list = this.listOf(answer);
    // A partner that ignores the filter must not give us somebody else's member.
    const ours = list.members.filter((member) => member.externalId === externalId);
    if (ours.length < list.members.length) throw unreadable('it names members that were not asked for');
    if (ours.length > 1) {
      this.o.metrics.oddMembers.inc({ why: 'double' });
      this.o.logger.error({ participantId: externalId, members: ours.length }, 'the partner has several members');
    }
    const [first] = ours;
    return first === undefined ? null : { ...this.told(first, realSeenAt), details: detailsOf(first) };
  }

  /** One page of the members that changed since an instant (the partner's clock). */
  async changedSince(
    since: Date,
    cursor: string | null,
    signal?: AbortSignal,
  ): Promise<{ members: PartnerMember[]; nextCursor: string | null }> {
    const { answer, realSeenAt } = await this.send('read', {
      method: 'GET',
      url: this.base,
      headers: {},
      params: { changedSince: since.toISOString(), ...(cursor === null ? {} : { cursor }) },
      signal,
    });
    const list = this.listOf(answer);
    return {
      members: list.members.map((member) => this.told(member, realSeenAt)),
      nextCursor: list.nextCursor ?? null,
    };
  }

  /** Every member, page by page, with the details as the partner has them. */
  async *everybody(signal?: AbortSignal): AsyncGenerator<FoundMember[]> {
    let cursor: string | null = null;
    for (let page = 0; page < pageLimit; page += 1) {
      const { answer, realSeenAt } = await this.send('read', {
        method: 'GET',
        url: this.base,
        headers: {},
        params: { changedSince: new Date(0).toISOString(), ...(cursor === null ? {} : { cursor }) },
        signal,
      });
      const list = this.listOf(answer);
      yield list.members.map((member) => ({ ...this.told(member, realSeenAt), details: detailsOf(member) }));
      const next: string | null = list.nextCursor ?? null;
      if (next === null) return;
      if (next === cursor) break;
      cursor = next;
    }
    throw unreadable('its pages do not end');
  }

  private memberOf(answer: unknown, realSeenAt: Date): PartnerMember {
    const read = memberAnswerSchema.safeParse(answer);
    if (!read.success) throw unreadable(`it lacks ${pathsOf(read.error)}`);
    return this.told(read.data, realSeenAt);
  }

  private listOf(answer: unknown): z.infer<typeof listSchema> {
    const read = listSchema.safeParse(answer);
    if (!read.success) throw unreadable(`it lacks ${pathsOf(read.error)}`);
    const unknown = Object.keys(read.data).filter((field) => field !== 'members' && field !== 'nextCursor');
    this.note(unknown.map((field) => `list.${field.slice(0, 60).replace(/\W/g, '_')}`));
    return read.data;
  }

  private told(answer: z.infer<typeof memberAnswerSchema>, realSeenAt: Date): PartnerMember {
    const { member, odd } = readMemberAnswer(answer, realSeenAt);
    this.note(odd);
    return member;
  }

  private note(odd: readonly string[]): void {
    if (odd.length === 0) return;
    this.o.metrics.unknownFields.inc(odd.length);
    this.o.shape.note(odd);
  }

  private async send(
    call: 'read' | 'enrol' | 'change',
    asked: { url: string; headers: Record<string, string> } & (
      | { method: 'GET'; params: Record<string, string>; signal?: AbortSignal }
      | { method: 'POST' | 'PUT'; data: unknown; hand: InHand }
    ),
  ): Promise<{ answer: unknown; realSeenAt: Date; etag: number | null }> {
    const { hand, ...request } = { hand: null, ...asked };
    const { metrics } = this.o;
    const realSeenAt = new Date();
    const leaving = (): void => {
      hand?.assertMayCall();
      if (request.method === 'POST') metrics.sent.posts += 1;
      if (request.method === 'PUT') metrics.sent.puts += 1;
    };
    try {
      const response = await this.exchange(
        hand === null ? request : { ...request, signal: hand.signal },
        hand === null ? undefined : leaving,
      );
      const answer = readJson(response);
      if (response.status >= 200 && response.status < 300) {
        if (answer === null) throw unreadable('it is not JSON');
        metrics.calls.inc({ method: request.method, outcome: 'ok' });
        return { answer, realSeenAt, etag: versionOf(response.headers['etag']) };
      }
      if (response.status === 412) {
        throw new PartnerError('The member was changed at the partner meanwhile.', {
          code: 'PARTNER_VERSION',
          errorClass: 'dependency',
          remedy: 'Nothing to do; the version is read again.',
          partnerCode: 'VERSION_MISMATCH',
        });
      }
      const retryAfter: unknown = response.headers['retry-after'];
      throw errorOfAnswer(
        call,
        response.status,
        answer as { code?: unknown } | null,
        typeof retryAfter === 'string' ? retryAfter : undefined,
      );
    } catch (error) {
      if (!(error instanceof PartnerError) && wasNotSent(error)) throw error;
      const known = error instanceof PartnerError ? error : unreachable('no code');
      metrics.calls.inc({ method: request.method, outcome: known.code });
      throw known;
    }
  }

  /** `leaving` is asked right before the request's bytes leave; what it throws keeps them back, and is thrown. */
  private async exchange(
    request: {
      method: string;
      url: string;
      headers: Record<string, string>;
      params?: Record<string, string>;
      data?: unknown;
      signal?: AbortSignal;
    },
    leaving?: () => void,
  ): Promise<AxiosResponse<string>> {
    const late = AbortSignal.timeout(this.o.timeoutMs);
    let keptBack: unknown = null;
    const check = (ask: () => void): void => {
      try {
        ask();
      } catch (error) {
        keptBack = error;
        throw error;
      }
    };
    try {
      return await this.http.axiosRef.request<string>({
        ...request,
        headers: {
          ...request.headers,
          Authorization: `Bearer ${this.o.key}`,
          Accept: 'application/json',
          ...(request.data === undefined ? {} : { 'Content-Type': 'application/json' }),
        },
        timeout: this.o.timeoutMs,
        // The time-out above ends with the first byte; this one is about the whole call.
        signal: request.signal ? AbortSignal.any([request.signal, late]) : late,
        responseType: 'text',
        transformResponse: (text: string) => text,
        validateStatus: () => true,
        // A redirect would carry the key somewhere else.
        maxRedirects: 0,
        maxContentLength: maxAnswerBytes,
        ...(leaving ? { transport: checkedTransport(() => check(leaving)) } : {}),
        ...(this.isLocal ? { proxy: false as const } : {}),
      });
    } catch (error) {
      if (keptBack !== null) throw keptBack;
      // Never as a cause: an HTTP client's error carries the key and the body.
      const code = isAxiosError(error) && /^[A-Z0-9_]{2,40}$/.test(error.code ?? '') ? error.code : undefined;
      throw unreachable(late.aborted ? 'time-out' : (code ?? 'no code'));
    }
  }
}

function readJson(response: AxiosResponse<string>): unknown {
  const type: unknown = response.headers['content-type'];
  if (typeof type !== 'string' || !/\bjson\b/i.test(type) || typeof response.data !== 'string') return null;
  try {
    const value: unknown = JSON.parse(response.data);
    return typeof value === 'object' ? value : null;
  } catch {
    return null;
  }
}

function versionOf(etag: unknown): number | null {
  const digits = typeof etag === 'string' ? /^(?:W\/)?"(\d{1,9})"$/.exec(etag)?.[1] : undefined;
  return digits === undefined ? null : Number(digits);
}

function pathsOf(error: z.ZodError): string {
  return [...new Set(error.issues.map((issue) => issue.path.filter((part) => typeof part === 'string').join('.')))]
    .map((path) => path || 'its shape')
    .join(', ');
}
