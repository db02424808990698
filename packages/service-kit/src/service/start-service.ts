import 'reflect-metadata';
import { randomBytes } from 'node:crypto';
import type { AddressInfo } from 'node:net';
import { Module, type DynamicModule } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { NestExpressApplication } from '@nestjs/platform-express';
import { StudybridgeError, type Clock } from '@studybridge/contracts';
import { collectDefaultMetrics, Registry } from 'prom-client';
import type { Binding } from '../bindings/binding';
import { collectBindings } from '../bindings/read-bindings';
import { RealClock } from '../clocks/real-clock';
import { WorldClock } from '../clocks/world-clock';
import { openDatabase } from '../database/open-database';
import { ErrorFilter } from '../http/error.filter';
import { HealthRegistry } from '../http/health-registry';
import { observeRequests } from '../http/observe-requests';
import { IdleRegistry } from '../idle/idle-registry';
import { addJobCommands } from '../jobs/job-commands';
import { JobEngine } from '../jobs/job-engine';
import { createLeases } from '../leases/create-leases';
import { createLogger, type Logger } from '../logging/create-logger';
import { NestLogger } from '../logging/nest-logger';
import { OpsRegistry } from '../ops/ops-registry';
import { createSealer } from '../sealing/sealer';
import { parseStudyKeys } from '../sealing/study-keys';
import { kitSettings, type KitSettings } from '../settings/kit-settings';
import { secretOf, valueOf, type Environment } from '../settings/read-environment';
import { collectSettings } from '../settings/read-settings';
import { SettingsError } from '../settings/settings-error';
import { KitModule } from './kit.module';
import type { RunningService, ServiceContext, ServiceDefinition } from './service-context';

@Module({})
class ServiceModule {}

/** Reads kit, service and bindings settings; throws one {@link SettingsError} with all that is wrong. */
export function readAllSettings<C, E>(
  def: ServiceDefinition<C, E>,
  env: Environment,
): { kit: KitSettings; config: C; bindings: Binding[] } {
  const o = { service: def.name, secrets: def.secrets };
  const kit = collectSettings(kitSettings, env, o);
  const own = collectSettings(def.settings, env, o);
  const bindings = collectBindings(env, def.needs);
  const complaints = [...kit.complaints, ...own.complaints, ...bindings.complaints];
  const keys = parseStudyKeys(secretOf(env, 'STUDY_KEYS', []) ?? '');
  for (const study of new Set(bindings.value.map((binding) => binding.study))) {
    if (keys !== null && keys[study] === undefined) {
      complaints.push({ sentence: `STUDY_KEYS has no key for the study ${study}.`, remedy: 'Add one.' });
    }
  }
  const local = ['127.0.0.1', '::1', 'localhost'].includes(valueOf(env, 'HOST') ?? '127.0.0.1');
  if (!local && secretOf(env, 'OPS_TOKEN', []) === undefined) {
    const sentence = 'The service listens to other machines, and OPS_TOKEN is missing.';
    complaints.push({ sentence, remedy: 'Set OPS_TOKEN or OPS_TOKEN_FILE, or HOST=127.0.0.1.' });
  }
  const distinct = [...new Map(complaints.map((complaint) => [complaint.sentence, complaint])).values()];
  if (distinct.length > 0) throw new SettingsError(def.name, distinct);
  return { kit: kit.value as KitSettings, config: own.value as C, bindings: bindings.value };
}

function portError(error: unknown, host: string, port: number): unknown {
  const code = (error as NodeJS.ErrnoException).code;
  const refuse = (sentence: string, remedy: string): StudybridgeError =>
    new StudybridgeError(sentence, { code: 'PORT_UNUSABLE', errorClass: 'setting', remedy });
  if (code === 'EADDRINUSE') {
    return refuse(`Port ${port} on ${host} is in use.`, 'Stop what listens there, or choose another PORT (0 = any).');
  }
  if (code === 'EACCES') return refuse(`Port ${port} may not be opened.`, 'Choose a PORT above 1023.');
  if (code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND') {
    return refuse(`${host} is no address of this machine.`, 'Correct HOST.');
  }
  return error;
}

/**
 * Starts a service: settings, database (created and migrated under a lock), Nest on Express, the port, its own start
 * functions, then the jobs. What fails is undone, and thrown as an error with a sentence and a remedy. Several services may
 * run in one process.
 */
export async function startService<C, E>(
  def: ServiceDefinition<C, E>,
  o: { env: Environment; extras: E; clock?: Clock; logger?: Logger },
): Promise<RunningService<C>> {
  const { kit, config, bindings } = readAllSettings(def, o.env);
  const instanceId = `${def.name}-${randomBytes(4).toString('hex')}`;
  const logger = (o.logger ?? createLogger({ service: def.name, level: kit.LOG_LEVEL })).child({
    service: def.name,
    instance: instanceId,
  });
  const clock = o.clock ?? (kit.STUDY_CLOCK_URL === undefined ? new RealClock() : new WorldClock(kit.STUDY_CLOCK_URL));
  await clock.refresh();

  const undo: (() => Promise<void>)[] = [];
  const unwind = async (): Promise<void> => {
    for (const step of undo.splice(0).reverse()) {
      try {
        await step();
      } catch (error) {
        logger.warn({ err: error }, 'a part did not stop cleanly');
      }
    }
  };
  try {
    const dataSource = await openDatabase({
      service: def.name,
      url: kit.DATABASE_URL,
      migrations: def.migrations,
      logger,
    });
    undo.push(() => dataSource.destroy());
    const registry = new Registry();
    registry.setDefaultLabels({ service: def.name });
    collectDefaultMetrics({ register: registry });
    const leases = createLeases(dataSource, instanceId);
    const engine = new JobEngine({
      dataSource,
      leases,
      clock,
      logger,
      registry,
      bindings,
      instanceId,
      codeVersion: kit.STUDYBRIDGE_VERSION,
    });
    const starts: (() => Promise<void>)[] = [];
    const stops: (() => Promise<void>)[] = [];
    const context: ServiceContext<C> = {
      name: def.name,
      instanceId,
      config,
      bindings,
      clock,
      logger,
      dataSource,
      registry,
      sealer: createSealer(kit.STUDY_KEYS),
      leases,
      jobs: engine,
      ops: new OpsRegistry(),
      idle: new IdleRegistry(),
      health: new HealthRegistry(),
      onStart: (fn) => void starts.push(fn),
      onStop: (fn) => void stops.push(fn),
    };
    addJobCommands(context.ops, engine);
    context.health.add('database', async () => {
      await dataSource.query('SELECT 1');
    });
    context.health.add('started', async () => {
      if (!engine.started) throw Object.assign(new Error('starting'), { code: 'STARTING' });
      return Promise.resolve();
    });

    const root: DynamicModule = {
      module: ServiceModule,
      imports: [KitModule.for(context, engine, kit.OPS_TOKEN ?? null), await def.module(context, o.extras)],
    };
    const app = await NestFactory.create<NestExpressApplication>(root, {
      logger: new NestLogger(logger),
      abortOnError: false,
      forceCloseConnections: true,
    });
    undo.push(() => app.close());
    app.disable('x-powered-by');
    app.use(observeRequests(registry));
    app.useGlobalFilters(new ErrorFilter(logger));
    await app.listen(kit.PORT, kit.HOST).catch((error: unknown) => {
      throw portError(error, kit.HOST, kit.PORT);
    });
    undo.push(async () => {
      for (const stop of stops.reverse()) {
        await stop().catch((error: unknown) => logger.warn({ err: error }, 'a part did not stop cleanly'));
      }
    });
    for (const start of starts) await start();
    undo.push(() => engine.stop());
    await engine.start();

    const { address, port } = app.getHttpServer().address() as AddressInfo;
    const host = address === '0.0.0.0' || address === '::' ? '127.0.0.1' : address;
    const url = `http://${host.includes(':') ? `[${host}]` : host}:${port}`;
    logger.info({ url, bindings: bindings.map((binding) => binding.id) }, 'started');
    let stopping: Promise<void> | null = null;
    return { name: def.name, url, context, stop: () => (stopping ??= unwind()) };
  } catch (error) {
    await unwind();
    throw error;
  }
}
