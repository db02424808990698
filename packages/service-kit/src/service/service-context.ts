import type { Clock } from '@studybridge/contracts';
import type { DynamicModule } from '@nestjs/common';
import type { Registry } from 'prom-client';
import type { DataSource } from 'typeorm';
import type { z } from 'zod';
import type { Binding, Need } from '../bindings/binding';
import type { MigrationClass } from '../database/open-database';
import type { HealthRegistry } from '../http/health-registry';
import type { IdleRegistry } from '../idle/idle-registry';
import type { Jobs } from '../jobs/job';
import type { Leases } from '../leases/lease';
import type { Logger } from '../logging/create-logger';
import type { OpsRegistry } from '../ops/ops-registry';
import type { Sealer } from '../sealing/sealer';

/** What the kit hands to a service's module; injected under {@link SERVICE_CONTEXT}. */
export interface ServiceContext<C = unknown> {
  name: string;
  /** Differs for every start of every replica. */
  instanceId: string;
  config: C;
  bindings: Binding[];
  clock: Clock;
  /** Redacting; carries service, instance and the correlation id of {@link runCorrelated}. */
  logger: Logger;
  dataSource: DataSource;
  /** One per service: several services may share a process. */
  registry: Registry;
  sealer: Sealer;
  leases: Leases;
  jobs: Jobs;
  ops: OpsRegistry;
  idle: IdleRegistry;
  health: HealthRegistry;
  /** Called in order after the modules are built and the port is open, before the first job tick. */
  onStart(fn: () => Promise<void>): void;
  /** Called in reverse order after the jobs have stopped, before the modules and the database close. */
  onStop(fn: () => Promise<void>): void;
}

/** A service: what it is called, what it needs, what it is made of. */
export interface ServiceDefinition<C, E> {
  name: string;
  /** Parsed from the environment beside {@link kitSettings}; may extend it. */
  settings: z.ZodType<C>;
  /** Names of settings that may come from NAME_FILE. */
  secrets: string[];
  needs: Need[];
  migrations: MigrationClass[];
  module(context: ServiceContext<C>, extras: E): DynamicModule | Promise<DynamicModule>;
}

/** A service that listens. */
export interface RunningService<C = unknown> {
  name: string;
  url: string;
  context: ServiceContext<C>;
  /** Graceful: runs end or are requeued, then everything closes. May be called twice. */
  stop(): Promise<void>;
}
