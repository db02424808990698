import { readFileSync } from 'node:fs';
import path from 'node:path';
import { startPostgres, type RunningPostgres } from '@studybridge/embedded-postgres';
import { freePort, startBroker, type Broker } from '@studybridge/testing';
import { Client } from 'pg';

/** What the services stand on, the referee's own: a Kafka and a PostgreSQL that may be killed. */
export interface Ground {
  brokers: string[];
  /** Address of a database on the server. */
  databaseUrl(name: string): string;
  /** SIGKILL to the broker, then a start on the same data. */
  killBroker(): Promise<void>;
  /** The broker dies and comes back with nothing: topics, messages and offsets are gone. */
  loseBrokerVolume(): Promise<void>;
  /** SIGKILL to the database server, then a start that recovers. */
  killDatabase(): Promise<void>;
  /** One question to a database. */
  ask<T>(database: string, sql: string, values?: unknown[]): Promise<T[]>;
  stop(): Promise<void>;
}

/** Address of a database on a server. */
export function databaseOn(server: RunningPostgres, name: string): string {
  const url = new URL(server.url);
  url.pathname = `/${name}`;
  return url.href;
}

/** Starts both in a folder of their own. */
export async function layGround(folder: string): Promise<Ground> {
  const brokerFolder = path.join(folder, 'kafka');
  const dataDir = path.join(folder, 'postgres', 'data');
  const port = await freePort();
  const begin = (): Promise<RunningPostgres> =>
    startPostgres({
      dataDir,
      port,
      // A killed process loses nothing by it; only a power cut would.
      settings: { fsync: 'off', full_page_writes: 'off', shared_buffers: '64MB' },
    });
  const [firstBroker, firstPostgres] = await Promise.all([startBroker({ dir: brokerFolder }), begin()]);
  let broker: Broker = firstBroker;
  let postgres = firstPostgres;
  const databaseUrl = (name: string): string => databaseOn(postgres, name);
  return {
    brokers: broker.brokers,
    databaseUrl,
    async killBroker() {
      await broker.kill();
      broker = await startBroker({ dir: brokerFolder });
    },
    async loseBrokerVolume() {
      await broker.wipe();
      broker = await startBroker({ dir: brokerFolder });
    },
    async killDatabase() {
      process.kill(Number(readFileSync(path.join(dataDir, 'postmaster.pid'), 'utf8').split('\n')[0]), 'SIGKILL');
      postgres = await begin();
      if (postgres.port !== port) throw new Error('The database server came back on another port.');
    },
    async ask<T>(database: string, sql: string, values: unknown[] = []): Promise<T[]> {
      const client = new Client({ connectionString: databaseUrl(database) });
      client.on('error', () => undefined);
      await client.connect();
      try {
        return (await client.query(sql, values)).rows as T[];
      } finally {
        await client.end();
      }
    },
    async stop() {
      await Promise.all([broker.stop(), postgres.stop()]);
    },
  };
}
