import { messageSettled } from '@studybridge/contracts';
import { createInProcessCarrier } from '@studybridge/event-bus';
import { createWorld, type World, type WorldOptions } from '@studybridge/sandbox';
import {
  createLogger,
  createSealer,
  generateStudyKeys,
  type RunningService,
  type Sealer,
  startService,
} from '@studybridge/service-kit';
import type { MessagingDefinition } from '@studybridge/studies';
import { eventually, giveCommand, testDatabase } from '@studybridge/testing';
import type { Message } from '../src/messages/message';
import { messaging, type MessagingExtras } from '../src/module';
import type { Room } from '../src/room';
import type { MessagingSettings } from '../src/settings';
import { Others } from './others';
import { testDefinition } from './test-study';

const binding = 'ismile.test';
/** The fast sender of most tests: a short code at 100 a second. */
export const shortCode = '55512';

export interface Stage {
  world: World;
  others: Others;
  room: Room;
  service: RunningService<MessagingSettings>;
  /** Everything that was logged. */
  logged(): string;
  /** Waits until nothing more will happen by itself at this instant of study time. */
  idle(): Promise<void>;
  /** Moves study time to an instant, stopping where the service or the world has something to do. */
  playTo(at: string | Date): Promise<void>;
  ops<T>(command: string, args?: object): Promise<T>;
  get<T>(path: string): Promise<T>;
  /** A request's attempts, the first one first. */
  rows(
    requestId: string,
  ): Promise<Pick<Message, 'id' | 'state' | 'reason' | 'attempt' | 'sid' | 'errorCode' | 'attention'>[]>;
  /** What a phone has received. */
  received(mobile: string): string[];
  /** Stops the first process and starts another on the same database. */
  restart(): Promise<void>;
  sql<T>(text: string, parameters?: unknown[]): Promise<T[]>;
  env: Record<string, string>;
  worldUrl: string;
  sealer: Sealer;
}

const open: (() => Promise<void>)[] = [];

/** Ends everything that `setStage` began. */
export async function clearStage(): Promise<void> {
  for (const close of open.splice(0).reverse()) await close();
}

/** The service over a real database, the in-process carrier, and Twilio's stand-in over real HTTP. */
export async function setStage(
  o: {
    replicas?: number;
    startAt?: string;
    env?: Record<string, string> | ((world: World, url: string) => Record<string, string>);
    at?: MessagingExtras['at'];
    senders?: object[];
    twilio?: WorldOptions['twilio'];
    definition?: MessagingDefinition;
  } = {},
): Promise<Stage> {
  const world = createWorld({ startAt: new Date(o.startAt ?? '2018-10-02T15:00:00Z'), twilio: o.twilio });
  const { url } = await world.listen(0);
  open.push(() => world.close());
  const database = await testDatabase('messaging');
  open.push(() => database.drop());
  const keys = generateStudyKeys(['ismile']);
  const carrier = createInProcessCarrier({ expects: {} });
  const others = new Others(carrier, createSealer(keys), () => world.now);
  await others.listen();
  let text = '';
  const logger = createLogger({
    service: 'messaging',
    level: 'debug',
    destination: { write: (line: string) => void (text += line) },
  });
  const env: Record<string, string> = {
    DATABASE_URL_MESSAGING: database.url,
    STUDY_KEYS: keys,
    STUDIES: 'ismile',
    STUDYBRIDGE_ENVIRONMENT: 'test',
    TWILIO_URL: url,
    TWILIO_ACCOUNT_SID: world.twilio.accountSid,
    TWILIO_AUTH_TOKEN: world.twilio.authToken,
    TWILIO_TIMEOUT_MS: '3000',
    SENDERS: JSON.stringify(
      o.senders ?? [
        { number: shortCode, kind: 'short', binding },
        { number: '+12025550111', purpose: 'operator' },
      ],
    ),
    ...(typeof o.env === 'function' ? o.env(world, url) : o.env),
  };
  const rooms: Room[] = [];
  const start = () =>
    startService(messaging, {
      env,
      extras: {
        carrier,
        effects: { baseDelayMs: 20, maxDelayMs: 200, concurrency: Number(env['MESSAGES_IN_HAND'] ?? 24) },
        at: o.at,
        definitionOf: () => o.definition ?? testDefinition,
        onRoom: (room) => rooms.push(room),
      },
      clock: world.clock,
      logger,
    });
  const services = [await start()];
  for (let n = 1; n < (o.replicas ?? 1); n += 1) services.push(await start());
  open.push(async () => {
    for (const service of services) await service.stop();
  });
  const first = (): RunningService<MessagingSettings> => services[0] as RunningService<MessagingSettings>;
  const getText = async (path: string, service = first()) => (await fetch(`${service.url}${path}`)).text();
  interface Idle {
    idle: boolean;
    now: string;
    work: object;
    problems: string[];
    nextDue: { job: string; at: string }[];
    topics: { said: Record<string, number>; heard: Record<string, number> };
  }
  const askIdle = async (): Promise<Idle[]> =>
    Promise.all(services.map(async (service) => JSON.parse(await getText('/idle', service)) as Idle));
  const stage: Stage = {
    world,
    others,
    env,
    worldUrl: url,
    sealer: createSealer(keys),
    get room() {
      return rooms[0] as Room;
    },
    get service() {
      return first();
    },
    logged: () => text,
    async idle() {
      let before = '';
      await eventually(
        async () => {
          const all = await askIdle();
          const { said = {}, heard = {} } = all[0]?.topics ?? {};
          const even =
            (said[messageSettled.topic] ?? 0) === others.heard &&
            Object.entries(others.said).every(([topic, n]) => (heard[topic] ?? 0) === n + (said[topic] ?? 0));
          const now = JSON.stringify(all[0]?.topics);
          const quiet = all.every((one) => one.idle) && even;
          const still = quiet && now === before;
          before = quiet ? now : '';
          if (!still) throw new Error(JSON.stringify({ all, said: others.said, heard: others.heard }));
          return true;
        },
        { what: 'the service to be idle', timeoutMs: 30_000 },
      );
    },
    async playTo(at) {
      const end = new Date(at);
      for (;;) {
        await stage.idle();
        await world.callbacksSettled();
        const [one] = await askIdle();
        const due = (one?.nextDue ?? []).map((next) => new Date(next.at));
        const event = world.nextEventAt();
        const next = [...due, ...(event ? [event] : []), end]
          .filter((instant) => instant > world.now)
          .sort((a, b) => a.getTime() - b.getTime())[0];
        if (next === undefined || next > end || world.now >= end) break;
        world.advanceTo(next);
      }
      await stage.idle();
    },
    ops: <T>(command: string, args?: object) => giveCommand<T>(first().url, command, args),
    get: async <T>(path: string) => JSON.parse(await getText(path)) as T,
    rows: (requestId) =>
      stage.sql(
        `SELECT id, state, reason, attempt, sid, error_code AS "errorCode", attention FROM message
          WHERE request_id = $1 ORDER BY attempt`,
        [requestId],
      ),
    received: (mobile) => (world.handsets()[mobile]?.received ?? []).map(({ body }) => body),
    async restart() {
      await first().stop();
      rooms.shift();
      // The last one to leave a carrier closes it.
      await others.listen();
      services[0] = await start();
    },
    sql: <T>(query: string, parameters: unknown[] = []) =>
      first().context.dataSource.query(query, parameters) as Promise<T[]>,
  };
  return stage;
}
