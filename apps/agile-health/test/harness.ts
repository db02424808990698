import { randomUUID } from 'node:crypto';
import {
  byRow,
  type Cause,
  type Envelope,
  type EventDefinition,
  memberChanged,
  type MemberChanged,
  type ParticipantChanged,
  participantChanged,
  type Row,
  type WriteRequested,
  writeRequested,
  type WriteSettled,
  writeSettled,
} from '@studybridge/contracts';
import { type Carrier, createInProcessCarrier } from '@studybridge/event-bus';
import { createWorld, type World } from '@studybridge/sandbox';
import {
  createLogger,
  createSealer,
  generateStudyKeys,
  type RunningService,
  sealPerson,
  type Sealer,
  startService,
} from '@studybridge/service-kit';
import { studyById } from '@studybridge/studies';
import { eventually, giveCommand, testDatabase } from '@studybridge/testing';
import { agileHealth, type AgileHealthExtras } from '../src/module';
import type { AgileHealthSettings } from '../src/settings';

const binding = 'ismile.test';
const { identifyingFields } = studyById('ismile').projects.main;
const instrumentOf = new Map(
  studyById('ismile').projects.main.dictionary.map((field) => [field.field_name, field.form_name]),
);
export const partnerKey = 'agile-test-key-0123456789';

/** What a family's record holds when it is ready; Tuesday 4 September 2018. */
export const readyFamily: Record<string, string> = {
  eligible: '1',
  part_first_name: 'Zelda',
  part_last_name: 'Quimby',
  part_gender: '1',
  part_lang: '2',
  part_mobile_number: '(617) 555-0123',
  part_mobile_ok_to_text: '1',
  child_first_name: 'Orsino',
  child_gender: '2',
  child_dob: '2014-03-09',
  site_id: '1',
  part_consent_date: '2018-09-04',
  bs_brush_freq: '2',
  bs_topic_choice: '2',
  baseline_survey_complete: '2',
};

/** The gateway's part, played by the test: says what REDCap holds, writes what is asked for, settles it. */
class Gateway {
  readonly said: Record<string, number> = {};
  readonly heard: Record<string, number> = {};
  readonly requests: Envelope<WriteRequested>[] = [];
  readonly members: MemberChanged[] = [];
  readonly settled: WriteSettled[] = [];
  /** Cells to refuse, once each: the reason, and what REDCap then holds. */
  refuse: { field: string; reason: 'VALUE_CHANGED' | 'DRIFT'; holds: string }[] = [];
  readonly records = new Map<string, Record<string, string>>();
  private readonly seqs = new Map<string, number>();

  constructor(
    private readonly carrier: Carrier,
    private readonly sealer: Sealer,
    private readonly now: () => Date,
  ) {}

  /** What it listens to; the rest of what the service says is for others. */
  readonly topics = [writeRequested.topic, memberChanged.topic];

  private leave: () => Promise<void> = () => Promise.resolve();

  /** Listens, also after a service that stopped alone has closed the carrier. */
  async listen(): Promise<void> {
    const { topics } = this;
    await this.leave();
    this.leave = await this.carrier.subscribe('redcap-gateway', topics, async (batch) => {
      for (const message of batch) {
        this.heard[message.topic] = (this.heard[message.topic] ?? 0) + 1;
        const envelope = JSON.parse(message.value) as Envelope;
        if (message.topic === memberChanged.topic) this.members.push(memberChanged.schema.parse(envelope.payload));
        else await this.write(envelope as Envelope<WriteRequested>);
      }
    });
  }

  /** A new family; the values are by field name. */
  async newFamily(values: Record<string, string> = {}, o: { cause?: Cause } = {}): Promise<string> {
    const id = randomUUID();
    this.records.set(id, {});
    await this.change(id, { ...readyFamily, ...values }, o);
    return id;
  }

  /** Staff changed fields: the whole state is said. */
  async change(
    id: string,
    values: Record<string, string>,
    o: { cause?: Cause; presence?: ParticipantChanged['presence']; asOf?: Date } = {},
  ): Promise<string> {
    const record = { ...this.records.get(id), ...values };
    this.records.set(id, record);
    const rowsOf = (identifying: boolean): Row[] => {
      const rows = new Map<string, Row>();
      for (const [field, value] of Object.entries(record)) {
        if (identifyingFields.has(field) !== identifying) continue;
        const { event, instrument } = placeOf(field);
        const row = rows.get(instrument) ?? { event, instrument, instance: 0, values: {} };
        row.values[field] = value;
        rows.set(instrument, row);
      }
      return [...rows.values()];
    };
    return this.say(participantChanged, id, o.cause ?? 'live', {
      participantId: id,
      project: 'main',
      recordId: '17',
      incarnation: 1,
      presence: o.presence ?? 'present',
      rows: rowsOf(false),
      sealed: sealPerson(this.sealer, { study: 'ismile', participantId: id }, rowsOf(true)),
      changed: byRow(Object.keys(values).map((field) => ({ ...placeOf(field), instance: 0, field }))),
      asOf: (o.asOf ?? this.now()).toISOString(),
    } satisfies ParticipantChanged);
  }

  /** Says an event; returns the message, to be sent again. */
  async say<P>(event: EventDefinition<P>, key: string, cause: Cause, payload: NoInfer<P>): Promise<string> {
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
    const value = JSON.stringify(envelope);
    this.said[topic] = (this.said[topic] ?? 0) + 1;
    this.everything.push({ topic, key, value });
    await this.again(topic, key, value);
    return value;
  }

  private readonly everything: { topic: string; key: string; value: string }[] = [];

  /** Says everything again, as `bus.rebuild` does. */
  async rebuild(): Promise<void> {
    for (const { topic, key, value } of [...this.everything]) await this.again(topic, key, value);
  }

  /** Delivers a message, perhaps not for the first time. */
  async again(topic: string, key: string, value: string): Promise<void> {
    await this.carrier.publish([{ topic, key, headers: {}, value }]);
  }

  cells(id: string): Record<string, string> {
    const record = this.records.get(id) ?? {};
    return Object.fromEntries(Object.entries(record).filter(([field, value]) => /^ag_/.test(field) && value !== ''));
  }

  last(id: string): MemberChanged | undefined {
    return this.members.findLast((member) => member.participantId === id);
  }

  private async write(envelope: Envelope<WriteRequested>): Promise<void> {
    const payload = writeRequested.schema.parse(envelope.payload);
    this.requests.push(envelope);
    const record = this.records.get(payload.participantId) ?? {};
    const cells = payload.cells.map(({ basedOn, value, ...rest }) => {
      // None of its cells identifies.
      if (typeof value !== 'string') throw new Error(`${rest.field} is sealed`);
      const cell = { ...rest, value };
      const current = record[cell.field] ?? '';
      const refused = this.refuse.find(({ field }) => field === cell.field);
      if (refused) {
        this.refuse = this.refuse.filter((one) => one !== refused);
        record[cell.field] = refused.holds;
        return { ...cell, outcome: 'refused' as const, value: refused.holds, reason: refused.reason };
      }
      if (current !== basedOn && current !== cell.value) {
        return { ...cell, outcome: 'refused' as const, value: current, reason: 'VALUE_CHANGED' as const };
      }
      record[cell.field] = cell.value;
      return { ...cell, outcome: 'applied' as const, reason: null };
    });
    const settled = { participantId: payload.participantId, project: payload.project, owner: payload.owner, cells };
    this.settled.push(settled);
    // After the batch, as the real one does: not within the delivery.
    const after = this.say(writeSettled, payload.participantId, envelope.cause, settled);
    after.catch(() => undefined);
    await Promise.resolve();
  }
}

function placeOf(field: string): { event: string; instrument: string } {
  const instrument = instrumentOf.get(field) ?? field.replace(/_complete$/, '');
  return { event: instrument === 'eligibility' ? 'screening_arm_1' : 'baseline_arm_1', instrument };
}

export interface Stage {
  world: World;
  gateway: Gateway;
  service: RunningService<AgileHealthSettings>;
  /** Everything that was logged. */
  logged(): string;
  /** Waits until nothing more will happen by itself. */
  idle(): Promise<void>;
  /** Waits until everything that the gateway said is decided upon; effects may be waiting. */
  heard(): Promise<void>;
  status(): Promise<{
    studies: {
      ismile: {
        consented: number;
        enrolled: number;
        armAssigned: number;
        statusWritten: number;
        held: Record<string, number>;
      };
    };
    calls: { partnerPosts: number; partnerPuts: number };
    attention: Record<string, number>;
  }>;
  ops<T>(command: string, args?: object): Promise<T>;
  /** The partner's members. */
  partner(): {
    memberId: string;
    externalId: string;
    version: number;
    status: string;
    arm: string | null;
    details: Record<string, unknown>;
  }[];
  ledger(): Record<string, { posts: number; postRepeats: number; puts: number; armPuts: number; armRepeats: number }>;
  restart(): Promise<void>;
  get(path: string): Promise<string>;
}

const open: (() => Promise<void>)[] = [];

/** Ends everything that `setStage` began. */
export async function clearStage(): Promise<void> {
  for (const close of open.splice(0).reverse()) await close();
}

/** The service over a real database, the in-process carrier, and the partner's stand-in over real HTTP. */
export async function setStage(
  o: {
    replicas?: number;
    startAt?: string;
    goLiveAt?: string;
    env?: Record<string, string>;
    at?: AgileHealthExtras['at'];
  } = {},
): Promise<Stage> {
  const world = createWorld({
    startAt: new Date(o.startAt ?? '2018-09-04T17:00:00Z'),
    agile: { key: partnerKey, programs: ['ismile'] },
  });
  const { url } = await world.listen(0);
  open.push(() => world.close());
  const database = await testDatabase('agile_health');
  open.push(() => database.drop());
  const keys = generateStudyKeys(['ismile']);
  const carrier = createInProcessCarrier({ expects: {} });
  const gateway = new Gateway(carrier, createSealer(keys), () => world.now);
  await gateway.listen();
  let text = '';
  const logger = createLogger({
    service: 'agile-health',
    level: 'debug',
    destination: { write: (line: string) => void (text += line) },
  });
  const env: Record<string, string> = {
    DATABASE_URL_AGILE_HEALTH: database.url,
    STUDY_KEYS: keys,
    STUDIES: 'ismile',
    STUDYBRIDGE_ENVIRONMENT: 'test',
    AGILE_HEALTH_URL: `${url}/agile`,
    AGILE_HEALTH_KEY: partnerKey,
    AGILE_TIMEOUT_MS: '1500',
    GO_LIVE_AT: o.goLiveAt ?? '2018-08-27T04:00:00Z',
    ...o.env,
  };
  const start = () =>
    startService(agileHealth, {
      env,
      extras: { carrier, effects: { baseDelayMs: 20, maxDelayMs: 200 }, at: o.at },
      clock: world.clock,
      logger,
    });
  const stage = { service: await start() };
  open.push(() => stage.service.stop());
  for (let n = 1; n < (o.replicas ?? 1); n += 1) {
    const replica = await start();
    open.push(() => replica.stop());
  }
  const get = async (path: string) => (await fetch(`${stage.service.url}${path}`)).text();
  return Object.assign(stage, {
    world,
    gateway,
    logged: () => text,
    get,
    async idle() {
      let before = '';
      await eventually(
        async () => {
          const idle = JSON.parse(await get('/idle')) as {
            idle: boolean;
            work: object;
            problems: string[];
            topics: { said: Record<string, number>; heard: Record<string, number> };
          };
          const { said, heard } = idle.topics;
          const even =
            gateway.topics.every((topic) => (gateway.heard[topic] ?? 0) === (said[topic] ?? 0)) &&
            Object.entries(gateway.said).every(([topic, n]) => (heard[topic] ?? 0) === n);
          const now = JSON.stringify(idle.topics);
          const still = idle.idle && even && now === before;
          // Two answers in a row, each idle: the parts of one answer are counted one after the other.
          before = idle.idle ? now : '';
          if (!still)
            throw new Error(JSON.stringify({ ...idle, gateway: { said: gateway.said, heard: gateway.heard } }));
          return true;
        },
        { what: 'the service to be idle', timeoutMs: 60_000 },
      );
    },
    async heard() {
      await eventually(async () => {
        const { work, topics } = JSON.parse(await get('/idle')) as {
          work: Record<string, number>;
          topics: { heard: Record<string, number> };
        };
        const all = Object.entries(gateway.said).every(([topic, n]) => (topics.heard[topic] ?? 0) === n);
        return all && work['inbox'] === 0;
      });
    },
    async status() {
      return JSON.parse(await get('/status')) as never;
    },
    ops: <T>(command: string, args?: object) => giveCommand<T>(stage.service.url, command, args),
    partner: () => (world.snapshot()['agile'] as { members: never[] }).members,
    ledger: () => (world.snapshot()['agile'] as { ledger: never }).ledger,
    async restart() {
      await stage.service.stop();
      await gateway.listen();
      stage.service = await start();
    },
  }) as Stage;
}
