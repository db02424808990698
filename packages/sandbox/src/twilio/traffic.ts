import type { HandsetLedger } from '../handset/handset-ledger';
import type { OutwardPort } from '../world/world-port';
import { draw } from './draw';
import { fateOf, type Fate } from './fates';
import { keywordAnswer, keywordOf, type Keyword } from './keywords';
import type { Message, MessageStatus } from './message';
import { MessageStore } from './message-store';
import { countSegments } from './segments';
import { TwilioError } from './twilio-error';
import type { TwilioNumber, TwilioOptions, TwilioService } from './twilio-options';
import { usualSettings, type Line, type TwilioSettings } from './twilio-settings';
import { repliesOf } from './twiml';
import { Webhooks } from './webhooks';

/** A create request that was found to be in order. */
export interface Order {
  from: string | null;
  service: TwilioService | null;
  to: string;
  body: string;
  statusCallback: string | null;
  validityMs: number;
  sendAt: Date | null;
  realAt: number;
}

/** What of the traffic is kept, as plain JSON. */
export interface TrafficState {
  settings: TwilioSettings;
  messages: Message[];
  /** `sender phone`, and since when. */
  optOuts: [pair: string, at: string][];
  /** Until when each sender is busy, epoch milliseconds of study time. */
  busyUntil: Record<string, number>;
  /** Webhook addresses that were changed after the start. */
  smsUrls: Record<string, string | null>;
  autoReplies: Record<string, number>;
}

const autoReplyAfterMs = 2_000;
/** More answers than this between two numbers within the time are a loop. */
const loop = { answers: 30, withinMs: 30_000 };

/** Messages on their way: the senders' queues, the carriers' words, what phones get and send, and who does not want any more. */
export class Traffic {
  settings = usualSettings();
  readonly store: MessageStore;
  readonly webhooks: Webhooks;
  private optOuts = new Map<string, string>();
  private busyUntil: Record<string, number> = {};
  private smsUrls: Record<string, string | null> = {};
  private autoReplies: Record<string, number> = {};

  constructor(
    private readonly port: OutwardPort,
    private readonly options: TwilioOptions,
    private readonly phones: { ledger: HandsetLedger; lineOf: (mobile: string) => Line | null },
    private readonly say: (line: string) => void,
  ) {
    this.store = new MessageStore(options.accountSid);
    this.webhooks = new Webhooks(port, () => this.settings.signWith ?? options.authToken, say);
    port.onTimer('twilio.step', (data) => this.step(data as { sid: string; to: Step }));
    port.onTimer('twilio.callback', (data) => {
      const { sid, status, errorCode } = data as { sid: string; status: MessageStatus; errorCode: number | null };
      const message = this.store.get(sid);
      if (message) void this.tell(message, status, errorCode);
    });
    port.onTimer('twilio.auto-reply', (data) => {
      const { from, to, body } = data as { from: string; to: string; body: string };
      this.receive(from, to, body);
    });
    port.onInput('twilio.replies', (data) => {
      const { sid, bodies } = data as { sid: string; bodies: string[] };
      this.reply(sid, bodies);
    });
  }

  // ---- what others ask

  number(phoneNumber: string | null): TwilioNumber | undefined {
    return this.options.numbers.find((number) => number.phoneNumber === phoneNumber);
  }

  smsUrlOf(number: TwilioNumber): string | null {
    const changed = this.smsUrls[number.phoneNumber];
    return changed === undefined ? (number.smsUrl ?? null) : changed;
  }

  setSmsUrl(number: TwilioNumber, url: string | null): void {
    this.smsUrls[number.phoneNumber] = url;
  }

  lineOf(mobile: string): Line | null {
    return this.settings.phones[mobile]?.line ?? this.phones.lineOf(mobile);
  }

  /** Who has said STOP to whom, by the sender's number or its service. */
  optedOut(): { sender: string; phone: string; at: string }[] {
    return [...this.optOuts].map(([pair, at]) => {
      const [sender, phone] = pair.split(' ') as [string, string];
      return { sender, phone, at };
    });
  }

  busyUntilOf(sender: string): number {
    return this.busyUntil[sender] ?? 0;
  }

  /**
   * Takes a message that is in order. Throws what Twilio refuses at once: a phone that has said STOP to the number, a number
   * that is fated to be refused, a full queue.
   */
  accept(order: Order): Message {
    const sender = this.number(order.from);
    const fate = this.fate(order);
    if (fate.kind === 'refused') throw new TwilioError(fate.code, { to: order.to, from: order.from ?? '' });
    if (sender?.kind === 'long-code' && this.hasOptedOut(sender.phoneNumber, order.to)) throw new TwilioError(21610);
    if (sender && this.settings.overflow === 'refuse' && this.isFull(sender)) throw new TwilioError(21611);
    const status: MessageStatus = order.sendAt ? 'scheduled' : order.service ? 'accepted' : 'queued';
    const message = this.add({
      direction: 'outbound-api',
      from: order.from,
      to: order.to,
      body: order.body,
      serviceSid: order.service?.sid ?? null,
      status,
      statusCallback: order.statusCallback,
      validityMs: order.validityMs,
      sendAt: order.sendAt?.toISOString() ?? null,
      realAt: order.realAt,
    });
    if (order.sendAt) this.later(message, 'queue', order.sendAt.getTime());
    else if (order.service) this.later(message, 'queue', this.nowMs);
    else this.queue(message);
    return message;
  }

  /** Lets the first news of a message overtake the answer to its create: true when there was somebody to tell. */
  async overtake(message: Message): Promise<void> {
    const isFree = message.status === 'queued' && message.statusCallback !== null;
    if (!isFree || this.fate(message).kind === 'failed') return;
    this.set(message, 'sending');
    message.sentAt = this.now;
    this.set(message, 'sent', null, false);
    this.later(message, 'carrier', this.nowMs + this.carrierMs(message));
    await this.tell(message, 'sent', null);
  }

  cancel(message: Message): void {
    if (message.status !== 'scheduled') throw new TwilioError(30409);
    this.set(message, 'canceled');
  }

  /** A phone sends a text to one of the numbers: its SID; null when it is none of them. */
  receive(from: string, to: string, body: string): string | null {
    const number = this.number(to);
    this.say(`text from ${from} to ${to}: ${body}${number ? '' : ' (nobody has this number)'}`);
    const note = { to, body, at: this.now, realAt: this.port.realNow() };
    if (!number) {
      this.phones.ledger.sent(from, { ...note, sid: null });
      return null;
    }
    const service = this.serviceOf(to);
    const message = this.add({
      direction: 'inbound',
      from,
      to,
      body,
      serviceSid: service?.sid ?? null,
      status: 'received',
      statusCallback: null,
      validityMs: 0,
      sendAt: null,
      realAt: note.realAt,
    });
    message.sentAt = message.createdAt;
    this.port.texted();
    this.phones.ledger.sent(from, { ...note, sid: message.sid });
    const keyword = keywordOf(number.kind, body);
    if (keyword) this.obey(number, from, keyword);
    const url = this.smsUrlOf(number);
    if (url) void this.tellInbound(message, url, service?.advancedOptOut ? keyword : null);
    return message.sid;
  }

  snapshot(): TrafficState {
    return {
      settings: this.settings,
      messages: [...this.store.all()],
      optOuts: [...this.optOuts],
      busyUntil: this.busyUntil,
      smsUrls: this.smsUrls,
      autoReplies: this.autoReplies,
    };
  }

  restore(state: TrafficState): void {
    this.settings = { ...usualSettings(), ...state.settings };
    this.store.restore(state.messages);
    this.optOuts = new Map(state.optOuts);
    this.busyUntil = state.busyUntil;
    this.smsUrls = state.smsUrls;
    this.autoReplies = state.autoReplies;
  }

  // ---- a message's way

  private add(
    given: Pick<
      Message,
      | 'direction'
      | 'from'
      | 'to'
      | 'body'
      | 'serviceSid'
      | 'status'
      | 'statusCallback'
      | 'validityMs'
      | 'sendAt'
      | 'realAt'
    >,
  ): Message {
    const createdAt = this.now;
    return this.store.add({
      ...given,
      errorCode: null,
      history: [{ status: given.status, errorCode: null, at: createdAt }],
      createdAt,
      sentAt: null,
      segments: countSegments(given.body).segments,
      deleted: false,
    });
  }

  private step({ sid, to }: { sid: string; to: Step }): void {
    const message = this.store.get(sid);
    if (!message) return;
    const { status } = message;
    if (to === 'queue' && (status === 'accepted' || status === 'scheduled')) this.leaveService(message);
    else if (to === 'expire' && status === 'queued') this.set(message, 'failed', 30036);
    else if (to === 'send' && status === 'queued') this.send(message);
    else if (to === 'sent' && status === 'sending') this.sent(message);
    else if (to === 'carrier' && status === 'sent') this.carrierSpeaks(message);
  }

  /** The service chooses the sender that is free first. */
  private leaveService(message: Message): void {
    const service = this.options.services.find(({ sid }) => sid === message.serviceSid);
    const senders = (service?.senders ?? []).map((sender) => this.number(sender)).filter((n) => n !== undefined);
    const [chosen] = senders.sort((a, b) => this.busyUntilOf(a.phoneNumber) - this.busyUntilOf(b.phoneNumber));
    message.from ??= chosen?.phoneNumber ?? null;
    this.set(message, 'queued');
    this.queue(message);
  }

  private queue(message: Message): void {
    const sender = this.number(message.from)!;
    if (this.isFull(sender)) return this.set(message, 'failed', 30001);
    const start = Math.max(this.nowMs, this.busyUntilOf(sender.phoneNumber));
    const expires = Date.parse(message.sendAt ?? message.createdAt) + message.validityMs;
    if (start > expires) return this.later(message, 'expire', expires);
    this.busyUntil[sender.phoneNumber] = start + (sender.mps > 0 ? (message.segments * 1000) / sender.mps : 0);
    this.later(message, 'send', start);
  }

  private send(message: Message): void {
    const sender = this.number(message.from);
    const fate = this.fate(message);
    if (fate.kind === 'failed') return this.set(message, 'failed', fate.code);
    if (sender && sender.kind === 'long-code' && this.hasOptedOut(sender.phoneNumber, message.to)) {
      return this.set(message, 'failed', 21610);
    }
    this.set(message, 'sending');
    this.later(message, 'sent', this.nowMs + this.settings.sentAfterMs);
  }

  private sent(message: Message): void {
    message.sentAt = this.now;
    this.set(message, 'sent');
    this.later(message, 'carrier', this.nowMs + this.carrierMs(message));
  }

  private carrierSpeaks(message: Message): void {
    const fate = this.fate(message);
    const sender = this.number(message.from);
    if (sender?.kind === 'toll-free' && this.hasOptedOut(sender.phoneNumber, message.to)) {
      return this.set(message, 'undelivered', 30004);
    }
    if (fate.kind === 'undelivered') return this.set(message, 'undelivered', fate.code);
    if (fate.kind === 'lost') return;
    this.arrive(message, message.direction === 'outbound-reply' ? 'reply' : 'api');
    if (fate.kind !== 'sent') this.set(message, 'delivered');
  }

  private arrive(message: Message, by: 'api' | 'reply'): void {
    const { sid, to, body, segments } = message;
    const from = message.from!;
    this.phones.ledger.received(to, {
      sid,
      from,
      body,
      at: this.now,
      realAt: this.port.realNow(),
      sentRealAt: message.realAt,
      segments,
      by,
    });
    const phone = this.settings.phones[to];
    const answered = this.autoReplies[to] ?? 0;
    if (phone?.autoReply === undefined || answered >= (phone.autoReplies ?? 100)) return;
    this.autoReplies[to] = answered + 1;
    const reply = { from: to, to: from, body: phone.autoReply };
    this.port.schedule(new Date(this.nowMs + autoReplyAfterMs), 'twilio.auto-reply', reply);
  }

  private fate(message: { from: string | null; to: string; body: string }): Fate {
    return fateOf(message, this.number(message.from), this.settings, this.lineOf(message.to));
  }

  private carrierMs(message: Message): number {
    return this.settings.phones[message.to]?.deliveredAfterMs ?? this.settings.deliveredAfterMs;
  }

  private isFull(sender: TwilioNumber): boolean {
    return this.busyUntilOf(sender.phoneNumber) - this.nowMs > this.settings.queueLimitMs;
  }

  private later(message: Message, to: Step, atMs: number): void {
    this.port.schedule(new Date(Math.max(atMs, this.nowMs)), 'twilio.step', { sid: message.sid, to });
  }

  private set(message: Message, status: MessageStatus, errorCode: number | null = null, isTold = true): void {
    message.status = status;
    message.errorCode = errorCode;
    message.history.push({ status, errorCode, at: this.now });
    if (isTold && status !== 'sending') this.planCallback(message);
  }

  // ---- who wants no more

  private obey(number: TwilioNumber, phone: string, keyword: Keyword): void {
    const pair = this.pair(number.phoneNumber, phone);
    const isOut = this.optOuts.has(pair);
    if (keyword === 'STOP') {
      if (isOut) return;
      this.optOuts.set(pair, this.now);
    } else if (keyword === 'START') {
      if (!isOut) return;
      this.optOuts.delete(pair);
    }
    this.answerKeyword(number, phone, keywordAnswer(number.kind, keyword));
  }

  /** Twilio's own answer is a message like others; the carriers' to a toll-free number is known to the phone alone. */
  private answerKeyword(number: TwilioNumber, phone: string, body: string): void {
    const answer = { from: number.phoneNumber, to: phone, body, realAt: this.port.realNow() };
    let sid = '';
    if (number.kind === 'long-code') {
      const message = this.add({
        ...answer,
        direction: 'outbound-reply',
        serviceSid: null,
        status: 'queued',
        statusCallback: null,
        validityMs: 0,
        sendAt: null,
      });
      message.sentAt = this.now;
      for (const status of ['sending', 'sent', 'delivered'] as const) this.set(message, status);
      sid = message.sid;
    }
    const { segments } = countSegments(body);
    const { realAt } = answer;
    this.phones.ledger.received(phone, {
      sid,
      from: number.phoneNumber,
      body,
      at: this.now,
      realAt,
      sentRealAt: realAt,
      segments,
      by: 'carrier',
    });
  }

  private hasOptedOut(sender: string, phone: string): boolean {
    return this.optOuts.has(this.pair(sender, phone));
  }

  private pair(sender: string, phone: string): string {
    return `${this.serviceOf(sender)?.sid ?? sender} ${phone}`;
  }

  private serviceOf(sender: string): TwilioService | undefined {
    return this.options.services.find(({ senders }) => senders.includes(sender));
  }

  // ---- what is told

  private planCallback(message: Message): void {
    if (message.statusCallback === null) return;
    const { sid, status, errorCode } = message;
    const { seed, lost, doubled, shuffle, shuffleMs, callbackDelayMs } = this.settings;
    if (draw(seed, 'lost', sid, status) < lost) return;
    const copies = draw(seed, 'doubled', sid, status) < doubled ? 2 : 1;
    for (let copy = 1; copy <= copies; copy += 1) {
      const extra = shuffle ? draw(seed, 'shuffle', sid, status, copy) * shuffleMs : 0;
      const at = new Date(this.nowMs + Math.floor(callbackDelayMs + extra));
      this.port.schedule(at, 'twilio.callback', { sid, status, errorCode });
    }
  }

  private async tell(message: Message, status: MessageStatus, errorCode: number | null): Promise<void> {
    await this.webhooks.post(message.statusCallback!, {
      AccountSid: this.options.accountSid,
      ApiVersion: '2010-04-01',
      From: message.from ?? '',
      To: message.to,
      MessageSid: message.sid,
      SmsSid: message.sid,
      MessageStatus: status,
      SmsStatus: status,
      ...(message.serviceSid === null ? {} : { MessagingServiceSid: message.serviceSid }),
      ...(errorCode === null ? {} : { ErrorCode: String(errorCode) }),
      ...(status === 'delivered' || status === 'undelivered' ? { RawDlrDoneDate: receiptDate(this.now) } : {}),
    });
  }

  private async tellInbound(message: Message, url: string, optOutType: Keyword | null): Promise<void> {
    const { sid, from, to, body, serviceSid } = message;
    const answer = await this.webhooks.post(url, {
      AccountSid: this.options.accountSid,
      ApiVersion: '2010-04-01',
      Body: body,
      From: from!,
      To: to,
      MessageSid: sid,
      SmsSid: sid,
      SmsMessageSid: sid,
      SmsStatus: 'received',
      NumMedia: '0',
      NumSegments: String(message.segments),
      ...(serviceSid === null ? {} : { MessagingServiceSid: serviceSid }),
      ...(optOutType === null ? {} : { OptOutType: optOutType }),
    });
    const bodies = answer && answer.status < 300 ? repliesOf(answer) : [];
    if (bodies === null) this.say(`the answer to a webhook is no TwiML (12300)`);
    else if (bodies.length > 0) this.port.input('twilio.replies', { sid, bodies });
  }

  /** Sends what a webhook answered; a loop of answers is cut. */
  private reply(inboundSid: string, bodies: string[]): void {
    const inbound = this.store.get(inboundSid);
    if (!inbound) return;
    const phone = inbound.from!;
    for (const body of bodies) {
      const since = this.nowMs - loop.withinMs;
      const before = this.store
        .to(phone)
        .filter((m) => m.direction === 'outbound-reply' && m.from === inbound.to && Date.parse(m.createdAt) >= since);
      const message = this.add({
        direction: 'outbound-reply',
        from: inbound.to,
        to: phone,
        body,
        serviceSid: inbound.serviceSid,
        status: 'queued',
        statusCallback: null,
        validityMs: 36_000_000,
        sendAt: null,
        realAt: this.port.realNow(),
      });
      if (before.length >= loop.answers) this.set(message, 'failed', 14107);
      else this.queue(message);
    }
  }

  private get now(): string {
    return this.port.now().toISOString();
  }

  private get nowMs(): number {
    return this.port.now().getTime();
  }
}

/** What a timer does with a message, if it is still where it was. */
type Step = 'queue' | 'expire' | 'send' | 'sent' | 'carrier';

/** `RawDlrDoneDate`: YYMMDDhhmm, in the carrier's own idea of a zone (here UTC). */
function receiptDate(iso: string): string {
  return iso.replace(/^\d\d(\d\d)-(\d\d)-(\d\d)T(\d\d):(\d\d).*$/, '$1$2$3$4$5');
}
