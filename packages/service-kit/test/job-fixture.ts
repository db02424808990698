import { testDatabase } from '@studybridge/testing';
import { Registry } from 'prom-client';
import type { DataSource } from 'typeorm';
import { createLogger, ManualClock, openDatabase, type JobDefinition } from '../src';
import { JobEngine } from '../src/jobs/job-engine';
import { createLeases } from '../src/leases/create-leases';
import type { Binding } from '../src';

/** A database, a clock and as many engines (replicas) on them as a test wants. */
export interface JobFixture {
  source: DataSource;
  clock: ManualClock;
  engine(o?: { bindings?: Binding[]; leaseTtlMs?: number; clock?: ManualClock }): JobEngine;
  close(): Promise<void>;
}

const logger = createLogger({ service: 'test', level: 'silent' });

export async function jobFixture(start = '2018-10-01T00:05:00Z'): Promise<JobFixture> {
  const database = await testDatabase();
  const source = await openDatabase({ service: 'jobs', url: database.url, migrations: [], logger });
  const clock = new ManualClock(new Date(start));
  const engines: JobEngine[] = [];
  return {
    source,
    clock,
    engine(o = {}) {
      const instanceId = `replica-${engines.length}`;
      const engine = new JobEngine({
        dataSource: source,
        leases: createLeases(source, instanceId),
        clock: o.clock ?? clock,
        logger,
        registry: new Registry(),
        bindings: o.bindings ?? [],
        instanceId,
        codeVersion: '1.2.3',
        leaseTtlMs: o.leaseTtlMs ?? 2_000,
      });
      engines.push(engine);
      return engine;
    },
    async close() {
      for (const engine of engines) await engine.stop();
      await source.destroy();
      await database.drop();
    },
  };
}

/** A job every quarter of an hour that notes when it ran. */
export function quarterly(more: Partial<JobDefinition> = {}): JobDefinition & { ran: string[] } {
  const ran: string[] = [];
  return {
    name: 'poll',
    binding: 'ismile.sandbox',
    schedules: [{ cron: '*/15 * * * *', zone: 'America/Los_Angeles' }],
    overlap: 'skip',
    catchUp: 'one',
    quiet: false,
    run: (run) => {
      ran.push(run.startedAt.toISOString().slice(11, 16));
      return Promise.resolve({ seen: 1 });
    },
    ...more,
    ran,
  };
}

/** A job that goes on until it is let go. */
export function gate(): { run: JobDefinition['run']; open: () => void; entered: () => number } {
  let entered = 0;
  let open: () => void = () => undefined;
  const opened = new Promise<void>((resolve) => (open = resolve));
  return {
    run: async () => {
      entered += 1;
      await opened;
      return {};
    },
    open: () => open(),
    entered: () => entered,
  };
}
