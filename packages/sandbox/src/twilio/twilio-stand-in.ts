import express, { type Request, type Response, type Router } from 'express';
import type { HandsetLedger } from '../handset/handset-ledger';
import { meetFault, sendThroughFault, type Answer } from '../world/apply-fault';
import type { FaultSpec } from '../world/fault-spec';
import type { OutwardPort, StandIn } from '../world/world-port';
import { AccountApi } from './account-api';
import { TwilioCall, type Reply } from './call';
import { draw } from './draw';
import { messageJson, type Message, type MessageStatus } from './message';
import { MessagesApi } from './messages-api';
import { countSegments } from './segments';
import { Traffic, type TrafficState } from './traffic';
import { TwilioError } from './twilio-error';
import type { TwilioNumber, TwilioOptions } from './twilio-options';
import { changed, type Line, type TwilioChange, type TwilioSettings } from './twilio-settings';
import type { WebhookTry } from './webhooks';

/** One create request, whatever became of it. */
export interface CreateNote {
  /** In the order they came, from 1. */
  n: number;
  /** Study time, ISO UTC. */
  at: string;
  /** When its headers had come: real time, epoch milliseconds with fractions, never going back. */
  realAt: number;
  from: string;
  to: string;
  segments: number;
  /** Of the message that it created; null: none was. */
  sid: string | null;
  /** `accepted`, an error code, or the fault that kept it from being done. */
  outcome: string;
  /** The fault that it met. */
  fault: string | null;
}

/** What is going on at Twilio, in short. */
export interface TwilioView {
  settings: TwilioSettings;
  numbers: (TwilioNumber & { queuedMs: number })[];
  optOuts: { sender: string; phone: string; at: string }[];
  messages: Partial<Record<MessageStatus, number>>;
  creates: number;
  callbacks: number;
  /** US dollars. */
  balance: number;
}

interface TwilioState extends TrafficState {
  creates: CreateNote[];
}

type Work = (call: TwilioCall) => Reply | Promise<Reply>;

const html = '<!DOCTYPE html><html><head><title>502 Bad Gateway</title></head><body>Bad Gateway</body></html>';

/** Twilio of `messaging.md §1–§5` for one account. */
export class TwilioStandIn implements StandIn {
  private readonly traffic: Traffic;
  private readonly messages: MessagesApi;
  private readonly account: AccountApi;
  private creates: CreateNote[] = [];
  private calls = 0;
  private open = 0;

  constructor(
    private readonly port: OutwardPort,
    private readonly options: TwilioOptions,
    phones: { ledger: HandsetLedger; lineOf: (mobile: string) => Line | null },
    private readonly say: (line: string) => void,
  ) {
    this.traffic = new Traffic(port, options, phones, say);
    this.messages = new MessagesApi(this.traffic, options, () => port.now());
    this.account = new AccountApi(this.traffic, options, port.now().toISOString());
    port.onInput('twilio.change', (data) => {
      this.traffic.settings = changed(this.traffic.settings, data as TwilioChange);
    });
  }

  mount(router: Router): void {
    const { messages, account } = this;
    router.use('/twilio', express.text({ type: () => true, limit: '1mb' }));
    const api = '/twilio{/api}/2010-04-01/Accounts/:account';
    router.post(`${api}/Messages.json`, (req, res) => this.answerCreate(req, res));
    router.get(
      `${api}/Messages.json`,
      this.answer((call) => messages.list(call)),
    );
    router.get(
      `${api}/Messages/:sid.json`,
      this.answer((call) => messages.fetch(call)),
    );
    router.post(
      `${api}/Messages/:sid.json`,
      this.change((call) => messages.update(call)),
    );
    router.delete(
      `${api}/Messages/:sid.json`,
      this.change((call) => messages.remove(call)),
    );
    router.get(
      `${api}.json`,
      this.answer((call) => account.account(call)),
    );
    router.get(
      `${api}/Balance.json`,
      this.answer((call) => account.balanceOf(call)),
    );
    router.get(
      `${api}/IncomingPhoneNumbers.json`,
      this.answer((call) => account.numbers(call)),
    );
    router.get(
      `${api}/IncomingPhoneNumbers/:sid.json`,
      this.answer((call) => account.number(call)),
    );
    router.post(
      `${api}/IncomingPhoneNumbers/:sid.json`,
      this.change((call) => account.updateNumber(call)),
    );
    router.get(
      `${api}/SMS/ShortCodes.json`,
      this.answer((call) => account.shortCodes(call)),
    );
    router.get(
      `${api}/SMS/ShortCodes/:sid.json`,
      this.answer((call) => account.shortCode(call)),
    );
    router.post(
      `${api}/SMS/ShortCodes/:sid.json`,
      this.change((call) => account.updateShortCode(call)),
    );
    router.get(
      '/twilio{/lookups}/v2/PhoneNumbers/:number',
      this.answer((call) => account.lookUp(call)),
    );
    router.get(
      '/twilio{/messaging}/v1/Deactivations',
      this.answer((call) => account.deactivations(call)),
    );
    router.get(
      '/twilio{/messaging}/v1/Services',
      this.answer((call) => account.services(call)),
    );
    router.get(
      '/twilio{/messaging}/v1/Services/:sid',
      this.answer((call) => account.service(call)),
    );
    router.get(
      '/twilio{/messaging}/v1/Services/:sid/PhoneNumbers',
      this.answer((call) => account.serviceNumbers(call, 'phone_numbers')),
    );
    router.get(
      '/twilio{/messaging}/v1/Services/:sid/ShortCodes',
      this.answer((call) => account.serviceNumbers(call, 'short_codes')),
    );
    router.get('/twilio/messaging/deactivated/:day.txt', (req, res) => {
      res.type('text/plain').send(account.deactivated(String(req.params['day'])));
    });
    router.use(
      '/twilio',
      this.answer((call) => {
        throw new TwilioError(20404, { what: call.path });
      }),
    );
  }

  /** A phone sends a text; see `Traffic.receive`. */
  receive(from: string, to: string, body: string): string | null {
    return this.traffic.receive(from, to, body);
  }

  changeSettings(change: TwilioChange): void {
    this.port.input('twilio.change', change);
  }

  view(): TwilioView {
    const { traffic } = this;
    const messages: TwilioView['messages'] = {};
    for (const { status } of traffic.store.all()) messages[status] = (messages[status] ?? 0) + 1;
    const now = this.port.now().getTime();
    return {
      settings: traffic.settings,
      numbers: this.options.numbers.map((number) => ({
        ...number,
        smsUrl: traffic.smsUrlOf(number) ?? undefined,
        queuedMs: Math.max(0, traffic.busyUntilOf(number.phoneNumber) - now),
      })),
      optOuts: traffic.optedOut(),
      messages,
      creates: this.creates.length,
      callbacks: traffic.webhooks.last().length,
      balance: Number(this.account.balance.toFixed(4)),
    };
  }

  /** Create requests after the `after`th. */
  createsAfter(after: number): CreateNote[] {
    return this.creates.slice(after);
  }

  /** Messages after the `after`th, as they really are. */
  messagesAfter(after: number): readonly Message[] {
    return this.traffic.store.all().slice(after);
  }

  lineOf(mobile: string): Line | null {
    return this.traffic.lineOf(mobile);
  }

  webhooks(): readonly WebhookTry[] {
    return this.traffic.webhooks.last();
  }

  /** Waits until no webhook is on its way; how many ended since. */
  settled(): Promise<number> {
    return this.traffic.webhooks.settled();
  }

  /** Calls nobody any more. */
  stop(): Promise<void> {
    return this.traffic.webhooks.stop();
  }

  snapshot(): TwilioState {
    return { ...this.traffic.snapshot(), creates: this.creates };
  }

  restore(snapshot: unknown): void {
    const state = snapshot as TwilioState;
    this.traffic.restore(state);
    this.creates = state.creates;
  }

  // ---- the calls

  /** A create: noted whatever becomes of it, and the one call whose answer may be lost on purpose. */
  private async answerCreate(req: Request, res: Response): Promise<void> {
    const form = new URLSearchParams(typeof req.body === 'string' ? req.body : '');
    const note: CreateNote = {
      n: this.creates.length + 1,
      at: this.port.now().toISOString(),
      realAt: this.port.realNow(),
      from: form.get('From') ?? form.get('MessagingServiceSid') ?? '',
      to: form.get('To') ?? '',
      segments: countSegments(form.get('Body') ?? '').segments,
      sid: null,
      outcome: 'unknown',
      fault: null,
    };
    this.creates.push(note);
    const work: Work = async (call) => {
      if (call.isTest) return this.messages.pretend(call);
      const message = this.messages.create(call);
      note.sid = message.sid;
      note.outcome = 'accepted';
      const { seed, beforeAnswer } = this.traffic.settings;
      const body = messageJson(message, call.account);
      const overtaken =
        draw(seed, 'before', message.sid) < beforeAnswer ? this.traffic.overtake(message) : Promise.resolve();
      this.say(`Twilio took a text to ${message.to}: ${message.body}`);
      this.port.changed();
      await overtaken;
      return { status: 201, body };
    };
    this.open += 1;
    try {
      const { fault, reply } = await this.handle(req, res, work, () => this.drawAmbiguous(note.n));
      note.fault = fault?.kind ?? null;
      if (note.sid === null) note.outcome = reply === null ? 'reset' : outcomeOf(reply, fault);
    } finally {
      this.open -= 1;
    }
  }

  private answer(work: Work) {
    return async (req: Request, res: Response): Promise<void> => {
      await this.handle(req, res, work, () => null);
    };
  }

  /** A call that changes something when it is done. */
  private change(work: (call: TwilioCall) => Reply) {
    return this.answer((call) => {
      const reply = work(call);
      this.port.changed();
      return reply;
    });
  }

  private async handle(
    req: Request,
    res: Response,
    work: Work,
    drawFault: () => FaultSpec | null,
  ): Promise<{ fault: FaultSpec | null; reply: Reply | null }> {
    const form = new URLSearchParams(typeof req.body === 'string' ? req.body : '');
    const body = [...form].map(([name, value]) => `${name}=${value}`).join('\n');
    const fault =
      this.port.fault('twilio', { method: req.method, path: req.originalUrl, body }) ??
      (this.port.replaying ? null : drawFault());
    if (await meetFault(fault, req)) return { fault, reply: null };
    const reply = await this.reply(req, fault, work);
    const { answerMs } = this.traffic.settings;
    if (answerMs > 0 && !this.port.replaying) await new Promise((resolve) => setTimeout(resolve, answerMs));
    await sendThroughFault(fault, req, res, answerOf(fault?.kind === '500-after-commit' ? refusal(20500) : reply));
    return { fault, reply };
  }

  private async reply(req: Request, fault: FaultSpec | null, work: Work): Promise<Reply> {
    try {
      const { account, isTest } = this.admit(req);
      const seconds = Math.ceil((fault?.ms ?? 1_000) / 1_000);
      if (fault?.kind === '429' || this.isTooMany()) {
        const headers = { 'Retry-After': String(seconds), 'Twilio-Concurrent-Requests': String(this.open) };
        return { ...refusal(20429), headers };
      }
      if (fault?.kind === '503') return refusal(20503);
      if (fault?.kind === '500') return refusal(20500);
      if (fault?.kind === '502-html') return { status: 502, body: html };
      return await work(new TwilioCall(req, account, isTest, fault));
    } catch (error) {
      if (!(error instanceof TwilioError)) throw error;
      this.say(`Twilio refused ${req.method}: ${error.status} ${error.code}`);
      return { status: error.status, body: error.toJSON() };
    }
  }

  private admit(req: Request): { account: string; isTest: boolean } {
    const { accountSid, authToken, apiKeys, testCredentials } = this.options;
    const basic = /^Basic +(\S+)$/i.exec(req.headers.authorization ?? '')?.[1] ?? '';
    const [, user, password] = /^([^:]*):(.*)$/s.exec(Buffer.from(basic, 'base64').toString()) ?? [];
    const isLive =
      (user === accountSid && password === authToken) ||
      apiKeys.some(({ sid, secret }) => user === sid && password === secret);
    const isTest = user === testCredentials.accountSid && password === testCredentials.authToken;
    if ((!isLive && !isTest) || this.traffic.settings.suspended) throw new TwilioError(20003);
    const account = isTest ? testCredentials.accountSid : accountSid;
    const asked = req.params['account'];
    const path = req.originalUrl.split('?')[0]!.replace(/^\/twilio/, '');
    if (asked !== undefined && asked !== account) throw new TwilioError(20404, { what: path });
    if (isTest && !(req.method === 'POST' && path.endsWith('/Messages.json'))) throw new TwilioError(20008);
    return { account, isTest };
  }

  private isTooMany(): boolean {
    if (this.port.replaying) return false;
    const { seed, tooMany, concurrency } = this.traffic.settings;
    this.calls += 1;
    return (concurrency > 0 && this.open > concurrency) || draw(seed, 'too-many', this.calls) < tooMany;
  }

  private drawAmbiguous(n: number): FaultSpec | null {
    const { seed, ambiguous, ambiguousKinds, hangMs } = this.traffic.settings;
    if (draw(seed, 'ambiguous', n) >= ambiguous) return null;
    const kind = ambiguousKinds[Math.floor(draw(seed, 'kind', n) * ambiguousKinds.length)]!;
    if (kind === 'reset-after-commit') return { kind: 'timeout-after-commit', ms: 0 };
    return { kind, ms: kind === 'timeout-after-commit' ? hangMs : undefined };
  }
}

function refusal(code: number): Reply {
  const error = new TwilioError(code);
  return { status: error.status, body: error.toJSON() };
}

function outcomeOf(reply: Reply, fault: FaultSpec | null): string {
  if (typeof reply.body === 'object' && typeof reply.body['code'] === 'number') return String(reply.body['code']);
  return fault?.kind ?? (reply.status === 201 ? 'test' : String(reply.status));
}

function answerOf({ status, body, headers }: Reply): Answer {
  if (typeof body === 'string') return { status, type: 'text/html; charset=utf-8', body, headers };
  return { status, type: 'application/json;charset=utf-8', body: body ? JSON.stringify(body) : '', headers };
}
