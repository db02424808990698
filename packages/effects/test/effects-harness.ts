import { randomBytes, randomUUID } from 'node:crypto';
import { StudybridgeError } from '@studybridge/contracts';
import {
  createLogger,
  generateStudyKeys,
  ManualClock,
  type RunningService,
  type ServiceContext,
  type ServiceDefinition,
  startService,
} from '@studybridge/service-kit';
import type { MigrationInterface, QueryRunner } from 'typeorm';
import { z } from 'zod';
import {
  createEffects,
  type Effect,
  type EffectResult,
  type Effects,
  effectsMigrations,
  type EffectsOptions,
  type Executor,
  type InHand,
  type PlannedEffect,
} from '../src';

/** What a service notes when an effect is settled: one row per time, so that what was settled twice shows. */
class TestRows implements MigrationInterface {
  readonly name = 'TestRows1764000009998';
  async up(runner: QueryRunner): Promise<void> {
    await runner.query('CREATE TABLE settled (position bigserial PRIMARY KEY, key text, state text, detail text)');
  }
  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE settled');
  }
}

export interface Body {
  phone: string;
}

/** A partner that remembers what it was asked; tests script what it does. */
export class Partner {
  readonly calls: { key: string; at: number; body: Body; attempts: number }[] = [];
  readonly lookUps: string[] = [];
  /** What it has, by effect key. */
  readonly members = new Map<string, string>();
  inCallOf = new Map<string, number>();
  overlapped = false;
  onCall: (effect: Effect<Body>, nth: number, hand: InHand) => Promise<void> = () => Promise.resolve();
  afterCall: (effect: Effect<Body>, nth: number) => Promise<void> = () => Promise.resolve();
  onLookUp: (effect: Effect<Body>) => Promise<void> = () => Promise.resolve();

  executor(o: Partial<Pick<Executor<Body>, 'proof' | 'lookUpFirst' | 'partner' | 'settle'>> = {}): Executor<Body> {
    return {
      partner: o.partner ?? 'partner',
      proof: o.proof ?? 'authoritative',
      lookUpFirst: o.lookUpFirst,
      lookUp: async (effect) => {
        this.lookUps.push(effect.key);
        await this.onLookUp(effect);
        const id = this.members.get(effect.key);
        return id === undefined ? { found: false } : { found: true, outcome: { id } };
      },
      call: async (effect, hand) => {
        this.calls.push({ key: effect.key, at: Date.now(), body: effect.body, attempts: effect.attempts });
        const nth = this.calls.filter((call) => call.key === effect.key).length;
        const { participantId } = effect;
        const busy = (this.inCallOf.get(participantId) ?? 0) + 1;
        this.inCallOf.set(participantId, busy);
        if (busy > 1) this.overlapped = true;
        try {
          await this.onCall(effect, nth, hand);
          this.members.set(effect.key, `m${this.members.size + 1}`);
          await this.afterCall(effect, nth);
          return { id: this.members.get(effect.key) };
        } finally {
          this.inCallOf.set(participantId, (this.inCallOf.get(participantId) ?? 1) - 1);
        }
      },
      settle: o.settle ?? noteSettled,
    };
  }
}

export const noteSettled: Executor<Body>['settle'] = async (em, effect, result) => {
  await em.query('INSERT INTO settled (key, state, detail) VALUES ($1, $2, $3)', [
    effect.key,
    result.state,
    detailOf(result),
  ]);
};

function detailOf(result: EffectResult): string | null {
  if (result.state === 'done') return (result.outcome as { id?: string } | null)?.id ?? null;
  return result.state === 'refused' ? result.error.code : null;
}

export const failure = (errorClass: StudybridgeError['errorClass'], code: string, retryAfterSeconds?: number) =>
  new StudybridgeError('The partner said no.', { code, errorClass, remedy: 'Wait.', retryAfterSeconds });

export interface TestService {
  running: RunningService;
  context: ServiceContext;
  effects: Effects;
  clock: ManualClock;
  plan(e: Partial<PlannedEffect> & { key: string }): Promise<'planned' | 'known'>;
  settled(): Promise<{ key: string; state: string; detail: string | null }[]>;
  row(key: string): Promise<Record<string, unknown>>;
  idle(): Promise<{ idle: boolean; work: Record<string, number>; problems: string[] }>;
  stop(): Promise<void>;
}

const studyKeys = generateStudyKeys(['ismile']);

/** A service with a ledger and nothing else; several may share a database (replicas). */
export async function startTestService(o: {
  url: string;
  name?: string;
  executors: Record<string, Executor<Body>>;
  options?: EffectsOptions;
  studyKeys?: string;
}): Promise<TestService> {
  const name = o.name ?? `effects-${randomBytes(3).toString('hex')}`;
  const clock = new ManualClock(new Date('2018-09-04T17:00:00Z'));
  let effects: Effects | undefined;
  const definition: ServiceDefinition<object, null> = {
    name,
    settings: z.object({}),
    secrets: [],
    needs: [],
    migrations: [...effectsMigrations, TestRows],
    module: (context) => {
      effects = createEffects(context, { baseDelayMs: 20, maxDelayMs: 100, ...o.options });
      for (const [kind, executor] of Object.entries(o.executors)) effects.register(kind, executor);
      return { module: class TestModule {} };
    },
  };
  const running = await startService(definition, {
    env: { [`DATABASE_URL_${name.toUpperCase().replace(/-/g, '_')}`]: o.url, STUDY_KEYS: o.studyKeys ?? studyKeys },
    extras: null,
    clock,
    logger: createLogger({ service: name, level: process.env['TEST_LOG'] ?? 'silent' }),
  });
  const context = running.context as ServiceContext;
  const ledger = effects as Effects;
  return {
    running,
    context,
    effects: ledger,
    clock,
    plan: (e) =>
      context.dataSource.transaction((em) =>
        ledger.plan(em, {
          kind: 'enrol',
          participantId: e.key.split('/').at(-1) ?? 'p',
          binding: 'ismile.test',
          study: 'ismile',
          cause: 'live',
          correlationId: randomUUID(),
          body: { phone: '+1 617 555 0123' },
          ...e,
        }),
      ),
    settled: () => context.dataSource.query('SELECT key, state, detail FROM settled ORDER BY position'),
    row: async (key) => {
      const [row] = await context.dataSource.query<Record<string, unknown>[]>('SELECT * FROM effect WHERE key = $1', [
        key,
      ]);
      return row ?? {};
    },
    idle: async () => (await (await fetch(`${running.url}/idle`)).json()) as never,
    stop: () => running.stop(),
  };
}
