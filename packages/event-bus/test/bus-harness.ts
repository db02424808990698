import { randomBytes, randomUUID } from 'node:crypto';
import { type Cause, defineEvent, type EventDefinition } from '@studybridge/contracts';
import {
  createLogger,
  generateStudyKeys,
  type RunningService,
  type ServiceContext,
  type ServiceDefinition,
  startService,
} from '@studybridge/service-kit';
import type { MigrationInterface, QueryRunner } from 'typeorm';
import { z } from 'zod';
import { type BusFaults, type Carrier, createEventBus, type EventBus, eventBusMigrations } from '../src';

/** What a test handler writes: one row per call, so that what was done twice shows. */
class TestRows implements MigrationInterface {
  readonly name = 'TestRows1764000009999';
  async up(runner: QueryRunner): Promise<void> {
    await runner.query('CREATE TABLE handled (position bigserial PRIMARY KEY, topic text, key text, n int, seq int)');
    await runner.query('CREATE TABLE said (key text, n int)');
  }
  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE handled, said');
  }
}

export interface Counted {
  participantId: string;
  n: number;
  padding?: string;
}
export type CountedEvent = EventDefinition<Counted>;

/** An event type of its own for each test: topics outlive a test run. */
export function countedEvent(name = 'counted', version = 2): CountedEvent {
  return defineEvent({
    type: `test-${randomBytes(4).toString('hex')}.${name}`,
    version,
    schema: z.object({ participantId: z.string().min(1), n: z.number().int(), padding: z.string().optional() }),
    key: (payload) => payload.participantId,
    example: { participantId: 'p1', n: 1 },
    upcast: { 1: (old) => ({ ...(old as Counted), n: Number((old as { count: number }).count) }) },
  });
}

export const meta = (o: { cause?: Cause; correlationId?: string } = {}) => ({
  binding: 'ismile.test',
  study: 'ismile',
  cause: o.cause ?? ('live' as const),
  correlationId: o.correlationId ?? randomUUID(),
});

export interface TestService {
  running: RunningService;
  context: ServiceContext;
  bus: EventBus;
  /** What the handlers wrote, in the order of their commits' rows. */
  handled(): Promise<{ topic: string; key: string; n: number; seq: number }[]>;
  stop(): Promise<void>;
}

export const serviceName = (name: string): string => `${name}-${randomBytes(3).toString('hex')}`;

/** A service with a bus and nothing else; several may share a database (replicas). */
export async function startTestService(o: {
  name: string;
  url: string;
  carrier: Carrier;
  build?: (bus: EventBus, context: ServiceContext) => void;
  faults?: BusFaults;
}): Promise<TestService> {
  let bus: EventBus | undefined;
  const definition: ServiceDefinition<object, null> = {
    name: o.name,
    settings: z.object({}),
    secrets: [],
    needs: [],
    migrations: [...eventBusMigrations, TestRows],
    module: (context) => {
      bus = createEventBus(context, o.carrier, o.faults);
      o.build?.(bus, context);
      return { module: class TestModule {} };
    },
  };
  const running = await startService(definition, {
    env: {
      [`DATABASE_URL_${o.name.toUpperCase().replace(/-/g, '_')}`]: o.url,
      STUDY_KEYS: generateStudyKeys(['ismile']),
      STUDYBRIDGE_ENVIRONMENT: 'test',
    },
    extras: null,
    logger: createLogger({ service: o.name, level: process.env['TEST_LOG'] ?? 'silent' }),
  });
  const context = running.context as ServiceContext;
  return {
    running,
    context,
    bus: bus as EventBus,
    handled: () => context.dataSource.query('SELECT topic, key, n, seq FROM handled ORDER BY position'),
    stop: () => running.stop(),
  };
}

/** A handler that notes what it was given. */
export function noteHandled(bus: EventBus, event: CountedEvent): void {
  bus.consume(event, async (em, envelope) => {
    await em.query('INSERT INTO handled (topic, key, n, seq) VALUES ($1, $2, $3, $4)', [
      event.topic,
      envelope.key,
      envelope.payload.n,
      envelope.seq,
    ]);
  });
}

/** Says `count` events for each of `keys`, in transactions of its own. */
export async function sayMany(service: TestService, event: CountedEvent, keys: string[], count: number): Promise<void> {
  for (let n = 1; n <= count; n += 1) {
    await service.context.dataSource.transaction((em) =>
      service.bus.publishMany(
        em,
        event,
        keys.map((participantId) => ({ payload: { participantId, n }, meta: meta() })),
      ),
    );
  }
}

/** `/idle` over HTTP. */
export async function askIdle(service: TestService): Promise<{
  idle: boolean;
  work: Record<string, number>;
  topics: { said: Record<string, number>; heard: Record<string, number> };
  problems: string[];
}> {
  const answer = await fetch(`${service.running.url}/idle`);
  return (await answer.json()) as Awaited<ReturnType<typeof askIdle>>;
}

/** Every key's messages are there once each, in order, without a gap. */
export function expectInOrder(rows: { key: string; seq: number; n: number }[], keys: string[], count: number): void {
  const wanted = Array.from({ length: count }, (_, index) => index + 1);
  for (const key of keys) {
    expect(rows.filter((row) => row.key === key).map((row) => Number(row.seq))).toEqual(wanted);
    expect(rows.filter((row) => row.key === key).map((row) => Number(row.n))).toEqual(wanted);
  }
  expect(rows).toHaveLength(keys.length * count);
}
