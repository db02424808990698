import type { TwilioCall, Reply } from './call';
import { checkOrder } from './check-order';
import { draw } from './draw';
import { fateOf, testFromError } from './fates';
import { isInProgress, messageJson, type Message } from './message';
import { pageOf } from './paging';
import { countSegments } from './segments';
import type { Traffic } from './traffic';
import { TwilioError } from './twilio-error';
import type { TwilioOptions } from './twilio-options';
import { usualSettings } from './twilio-settings';

/** The Messages resource. */
export class MessagesApi {
  private reads = 0;

  constructor(
    private readonly traffic: Traffic,
    private readonly options: TwilioOptions,
    private readonly now: () => Date,
  ) {}

  /** Takes a message, or throws what Twilio refuses. */
  create(call: TwilioCall): Message {
    const { noGeoPermission } = this.traffic.settings;
    return this.traffic.accept(checkOrder(call.form, call.realAt, this.now(), this.options, noGeoPermission));
  }

  /** What test credentials are answered: the magic numbers' errors, or a message that nobody keeps. */
  pretend(call: TwilioCall): Reply {
    const from = call.form.get('From') ?? '';
    const refusal = from === '' ? null : testFromError(from);
    if (refusal !== null) throw new TwilioError(refusal, { from });
    const known = { ...this.options, numbers: [{ phoneNumber: from, kind: 'long-code', mps: 1 }] as const };
    const order = checkOrder(call.form, call.realAt, this.now(), { ...known, numbers: [...known.numbers] }, []);
    const fate = fateOf(order, undefined, usualSettings(), null);
    if (fate.kind === 'refused') throw new TwilioError(fate.code, { to: order.to, from });
    const at = this.now().toISOString();
    const message: Message = {
      ...order,
      n: 0,
      sid: `SM${'0'.repeat(32)}`,
      direction: 'outbound-api',
      serviceSid: null,
      status: 'queued',
      errorCode: null,
      history: [{ status: 'queued', errorCode: null, at }],
      createdAt: at,
      sentAt: null,
      sendAt: null,
      segments: countSegments(order.body).segments,
      deleted: false,
    };
    return { status: 201, body: messageJson(message, call.account) };
  }

  fetch(call: TwilioCall): Reply {
    return { status: 200, body: this.tell(this.message(call), call) };
  }

  list(call: TwilioCall): Reply {
    const { query } = call;
    const [to, from] = [query.get('To'), query.get('From')];
    const day = dayFilter(query);
    const newest = this.now().getTime() - this.traffic.settings.listLagMs;
    const all = to === null || to === '' ? this.traffic.store.all() : this.traffic.store.to(to);
    const wanted = all
      .filter((m) => !m.deleted && Date.parse(m.createdAt) <= newest && (!from || m.from === from) && day(m.sentAt))
      .reverse();
    const drop = call.fault?.kind === 'missing-rows' ? (call.fault.rows ?? 1) : 0;
    return { status: 200, body: pageOf(call, 'messages', wanted.slice(drop), (m) => this.tell(m, call)) };
  }

  /** Redacts or cancels; answers the message as it then is. */
  update(call: TwilioCall): Reply {
    const message = this.message(call);
    const [body, status] = [call.form.get('Body'), call.form.get('Status')];
    if ((body === null) === (status === null)) throw new TwilioError(30400);
    if (status !== null) {
      if (status !== 'canceled') throw new TwilioError(30400);
      this.traffic.cancel(message);
    } else {
      if (body !== '') throw new TwilioError(30400);
      if (isInProgress(message)) throw new TwilioError(20009);
      message.body = '';
    }
    return { status: 200, body: messageJson(message, call.account) };
  }

  remove(call: TwilioCall): Reply {
    const message = this.message(call);
    if (isInProgress(message)) throw new TwilioError(20009);
    message.deleted = true;
    message.body = '';
    return { status: 204 };
  }

  private message(call: TwilioCall): Message {
    const message = this.traffic.store.get(call.param('sid'));
    if (!message || message.deleted) throw new TwilioError(20404, { what: call.path });
    return message;
  }

  private tell(message: Message, call: TwilioCall): Record<string, unknown> {
    const { seed, staleReads } = this.traffic.settings;
    this.reads += 1;
    const isStale = call.fault?.kind === 'stale' || draw(seed, 'stale', message.sid, this.reads) < staleReads;
    return messageJson(message, call.account, isStale ? 1 : 0);
  }
}

/** `DateSent`, `DateSent<` and `DateSent>` go by the day in UTC, both ends included; what is not sent yet is in none. */
function dayFilter(query: URLSearchParams): (sentAt: string | null) => boolean {
  const day = (name: string) => query.get(name)?.slice(0, 10) ?? null;
  const [on, until, since] = [day('DateSent'), day('DateSent<'), day('DateSent>')];
  if (on === null && until === null && since === null) return () => true;
  return (sentAt) => {
    const sent = sentAt?.slice(0, 10) ?? null;
    if (sent === null) return false;
    return (on === null || sent === on) && (until === null || sent <= until) && (since === null || sent >= since);
  };
}
