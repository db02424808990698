import twilio from 'twilio';
import type { MessageInstance } from 'twilio/lib/rest/api/v2010/account/message';
import type { News } from '../messages/news';
import { twilioError, unreadable } from './twilio-errors';

/** How Twilio is reached. */
export interface TwilioAccess {
  accountSid: string;
  authToken: string;
  /** A stand-in; null = Twilio itself. */
  url: string | null;
  timeoutMs: number;
}

const { RequestClient: Client } = twilio;
type Options<T> = Parameters<typeof Client.prototype.request<T>>[0];

/** The official client's way out, led to a stand-in where there is one: each host is one folder (messaging.md §5). */
class Wire extends Client {
  constructor(
    private readonly url: string | null,
    timeoutMs: number,
  ) {
    // A connection of its own for each request: one kept open and closed by the other side just then would leave a text in doubt.
    super({ timeout: timeoutMs, keepAlive: false });
  }

  override request<T>(o: Options<T>): ReturnType<typeof Client.prototype.request<T>> {
    const { url } = this;
    if (url === null) return super.request<T>(o);
    const uri = o.uri.replace(/^https:\/\/([a-z]+)\.twilio\.com/, (_, host: string) =>
      host === 'api' ? `${url}/twilio` : `${url}/twilio/${host}`,
    );
    return super.request<T>({ ...o, uri });
  }
}

/** A message that a phone sent to one of our numbers. Lives in memory only. */
export interface InboundMessage {
  sid: string;
  from: string;
  to: string;
  body: string;
  /** How many pictures and the like came along. */
  media: number;
  sentAt: Date;
}

/** A number of the account, as far as we check it. */
export interface OwnedNumber {
  sid: string;
  number: string;
  sms: boolean;
  /** Where Twilio sends what comes in; '' = nowhere. */
  smsUrl: string;
}

/**
 * The one client of Twilio. Whatever its library throws is turned into an error of ours at this edge: the library's own carry
 * credentials, numbers and texts.
 */
export class TwilioClient {
  private readonly client: ReturnType<typeof twilio>;

  constructor(private readonly access: TwilioAccess) {
    const httpClient = new Wire(access.url, access.timeoutMs);
    this.client = twilio(access.accountSid, access.authToken, { httpClient });
  }

  get accountSid(): string {
    return this.access.accountSid;
  }

  /** Sends one text. Throws as {@link twilioError} says. `from`: E.164, a short code or the SID of a Messaging Service. */
  async send(o: {
    to: string;
    from: string;
    body: string;
    validityPeriod: number;
    statusCallback: string | null;
  }): Promise<News> {
    return this.told('create', () =>
      this.client.messages.create({
        to: o.to,
        body: o.body,
        validityPeriod: o.validityPeriod,
        ...(o.from.startsWith('MG') ? { messagingServiceSid: o.from } : { from: o.from }),
        ...(o.statusCallback === null ? {} : { statusCallback: o.statusCallback }),
      }),
    );
  }

  /** What Twilio says of a message now. */
  fetch(sid: string): Promise<News> {
    return this.told('poll', () => this.client.messages(sid).fetch());
  }

  /**
   * What was sent to a number, the newest first, with exactly this text, from this sender, created at or after an instant. By the
   * number alone: a filter by date hides what is queued (messaging.md §1). What is missing from the list proves nothing.
   */
  async sentTo(o: { to: string; from: string; body: string; since: Date }): Promise<News[]> {
    const list = await this.ask(() => this.client.messages.list({ to: o.to, limit: 400, pageSize: 200 }));
    return list
      .filter(
        (one) =>
          one.direction === 'outbound-api' &&
          one.body === o.body &&
          (o.from.startsWith('MG') ? one.messagingServiceSid === o.from : one.from === o.from) &&
          one.dateCreated.getTime() >= o.since.getTime(),
      )
      .map((one) => newsOf('list', one));
  }

  /** What came in for one of our numbers since a day (UTC), the newest first. */
  async listInbound(o: { to: string; since: Date; limit: number }): Promise<InboundMessage[]> {
    const day = new Date(Date.UTC(o.since.getUTCFullYear(), o.since.getUTCMonth(), o.since.getUTCDate()));
    const list = await this.ask(() =>
      this.client.messages.list({ to: o.to, dateSentAfter: day, limit: o.limit, pageSize: Math.min(1_000, o.limit) }),
    );
    return list
      .filter((one) => one.direction === 'inbound')
      .map((one) => ({
        sid: one.sid,
        from: one.from,
        to: one.to,
        body: one.body,
        media: Number(one.numMedia) || 0,
        sentAt: one.dateSent ?? one.dateCreated,
      }));
  }

  /** The account's entry of a number or short code; null when it is not the account's. */
  async ownedNumber(number: string): Promise<OwnedNumber | null> {
    if (/^\d{3,8}$/.test(number)) {
      const [code] = await this.ask(() => this.client.shortCodes.list({ shortCode: number, limit: 1 }));
      return code ? { sid: code.sid, number, sms: true, smsUrl: urlOf(code.smsUrl) } : null;
    }
    const [found] = await this.ask(() => this.client.incomingPhoneNumbers.list({ phoneNumber: number, limit: 1 }));
    return found ? { sid: found.sid, number, sms: found.capabilities.sms, smsUrl: urlOf(found.smsUrl) } : null;
  }

  /** Whether a Messaging Service is the account's. */
  async hasService(sid: string): Promise<boolean> {
    const list = await this.ask(() => this.client.messaging.v1.services.list({ limit: 200 }));
    return list.some((service) => service.sid === sid);
  }

  /** The numbers and short codes behind a Messaging Service: what a phone sees, and replies to. */
  async numbersOfService(sid: string): Promise<string[]> {
    const service = this.client.messaging.v1.services(sid);
    const [numbers, codes] = await Promise.all([
      this.ask(() => service.phoneNumbers.list({ limit: 400 })),
      this.ask(() => service.shortCodes.list({ limit: 100 })),
    ]);
    return [...numbers.map((one) => one.phoneNumber), ...codes.map((one) => one.shortCode)];
  }

  /** The account's balance and its currency. */
  async balance(): Promise<{ amount: number; currency: string }> {
    const { balance, currency } = await this.ask(() => this.client.balance.fetch());
    return { amount: Number(balance), currency };
  }

  /** The kind of line behind a number: `mobile`, `landline`, `voip`, … ; null when Twilio does not know. */
  async lineType(number: string): Promise<string | null> {
    const found = await this.ask(() =>
      this.client.lookups.v2.phoneNumbers(number).fetch({ fields: 'line_type_intelligence' }),
    );
    const { type } = (found.lineTypeIntelligence ?? {}) as { type?: unknown };
    return typeof type === 'string' ? type : null;
  }

  private async told(source: News['source'], ask: () => Promise<MessageInstance>): Promise<News> {
    return newsOf(source, await this.ask(ask));
  }

  private async ask<T>(question: () => Promise<T>): Promise<T> {
    try {
      return await question();
    } catch (error) {
      throw twilioError(error);
    }
  }
}

/** What Twilio says of a message, without numbers and text. Throws TWILIO_UNREADABLE when it says nothing. */
function newsOf(source: News['source'], one: MessageInstance): News {
  if (typeof one.sid !== 'string' || !/^(SM|MM)[0-9a-f]{32}$/.test(one.sid)) throw unreadable();
  const segments = Number(one.numSegments);
  const createdAt = dateOf(one.dateCreated);
  const updatedAt = dateOf(one.dateUpdated);
  const errorCode = one.errorCode ? String(one.errorCode) : null;
  return {
    source,
    sid: one.sid,
    status: String(one.status),
    errorCode,
    segments: Number.isInteger(segments) && segments > 0 ? segments : null,
    price: one.price ?? null,
    createdAt,
    updatedAt,
    dedup: null,
    raw: {
      sid: one.sid,
      status: one.status,
      errorCode,
      numSegments: one.numSegments,
      price: one.price,
      priceUnit: one.priceUnit,
      dateCreated: createdAt,
      dateSent: dateOf(one.dateSent),
      dateUpdated: updatedAt,
    },
  };
}

/** Twilio leaves out what is not set, whatever its types say. */
function urlOf(url: string | null | undefined): string {
  return url ?? '';
}

function dateOf(date: Date | null | undefined): Date | null {
  return date instanceof Date && !Number.isNaN(date.getTime()) ? date : null;
}
