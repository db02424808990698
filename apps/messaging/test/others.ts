import { randomUUID } from 'node:crypto';
import {
  type Cause,
  type Envelope,
  type EventDefinition,
  type MessageRequested,
  messageRequested,
  type MessageSettled,
  messageSettled,
  type ParticipantChanged,
  participantChanged,
  type Row,
  surveyLinkRequested,
  writeRequested,
} from '@studybridge/contracts';
import type { Carrier } from '@studybridge/event-bus';
import { sealPerson, type Sealer } from '@studybridge/service-kit';

const binding = 'ismile.test';

/** The other services' part, played by the test: says what REDCap holds, asks for messages, hears what became of them. */
export class Others {
  readonly settled: MessageSettled[] = [];
  /** What was asked of the gateway: links and cells. */
  readonly requests: Envelope[] = [];
  readonly said: Record<string, number> = {};
  heard = 0;
  private readonly seqs = new Map<string, number>();
  private readonly people = new Map<string, Record<string, string>>();

  constructor(
    private readonly carrier: Carrier,
    private readonly sealer: Sealer,
    private readonly now: () => Date,
  ) {}

  async listen(): Promise<void> {
    const topics = [messageSettled.topic, surveyLinkRequested.topic, writeRequested.topic];
    await this.carrier.subscribe('others', topics, async (batch) => {
      for (const message of batch) {
        const envelope = JSON.parse(message.value) as Envelope;
        if (message.topic !== messageSettled.topic) {
          this.requests.push(envelope);
          continue;
        }
        this.heard += 1;
        this.settled.push(messageSettled.schema.parse(envelope.payload));
      }
      return Promise.resolve();
    });
  }

  /** A participant who may be texted, in English, in New York. */
  async newPerson(values: Record<string, string> = {}, o: { cause?: Cause; id?: string } = {}): Promise<string> {
    const id = o.id ?? randomUUID();
    const n = this.people.size + 1;
    const mobile = `+1617555${String(n).padStart(4, '0')}`;
    await this.change(id, { mobile, lang: '1', ok: '1', ...values }, o);
    return id;
  }

  async change(
    id: string,
    values: Record<string, string>,
    o: { cause?: Cause; presence?: ParticipantChanged['presence'] } = {},
  ): Promise<void> {
    const all = { ...this.people.get(id), ...values };
    this.people.set(id, all);
    const row = (fields: Record<string, string>): Row[] => [
      { event: 'baseline_arm_1', instrument: 'participant_info', instance: 0, values: fields },
    ];
    const { mobile = '', email = '', ...open } = all;
    await this.say(participantChanged, id, o.cause ?? 'live', {
      participantId: id,
      project: 'main',
      recordId: '17',
      incarnation: 1,
      presence: o.presence ?? 'present',
      rows: row(open),
      sealed: sealPerson(this.sealer, { study: 'ismile', participantId: id }, row({ mobile, email })),
      changed: [],
      asOf: this.now().toISOString(),
    } satisfies ParticipantChanged);
  }

  /** Asks for a message; returns the request's id. */
  async ask(
    participantId: string | null,
    o: Partial<Omit<MessageRequested, 'data'>> & { data?: Record<string, string>; cause?: Cause } = {},
  ): Promise<string> {
    const { cause, data, ...rest } = o;
    const requestId = o.requestId ?? `${binding}|${participantId ?? 'nobody'}|${randomUUID().slice(0, 8)}`;
    const expiresAt = new Date(this.now().getTime() + 3 * 86_400_000).toISOString();
    const payload: MessageRequested = {
      requestId,
      participantId,
      purpose: 'reminder',
      channel: 'sms',
      template: 'reminder',
      notBefore: null,
      expiresAt,
      ...rest,
      data: this.sealer.seal('ismile', `message:${requestId}`, data ?? { name: requestId.slice(-8) }),
    };
    await this.say(messageRequested, messageRequested.key(payload), cause ?? 'live', payload);
    return requestId;
  }

  last(requestId: string): MessageSettled | undefined {
    return this.settled.findLast((one) => one.requestId === requestId);
  }

  /** Says anything to the service, as the bus would carry it. */
  async say<P>(event: EventDefinition<P>, key: string, cause: Cause, payload: NoInfer<P>): Promise<void> {
    const { topic, version } = event;
    const seq = (this.seqs.get(`${topic} ${key}`) ?? 0) + 1;
    this.seqs.set(`${topic} ${key}`, seq);
    const envelope: Envelope = {
      id: randomUUID(),
      type: topic,
      version,
      key,
      seq,
      binding,
      study: 'ismile',
      occurredAt: this.now().toISOString(),
      correlationId: `c-${key.slice(0, 8)}`,
      cause,
      payload,
    };
    this.said[topic] = (this.said[topic] ?? 0) + 1;
    await this.carrier.publish([{ topic, key, headers: {}, value: JSON.stringify(envelope) }]);
  }
}
