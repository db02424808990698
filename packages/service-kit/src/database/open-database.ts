import { setTimeout as sleep } from 'node:timers/promises';
import { Client } from 'pg';
import { DataSource, type MigrationInterface } from 'typeorm';
import { parseUrl } from '../settings/parse-url';
import type { Logger } from '../logging/create-logger';
import { connectError, databaseCodeOf, databaseError } from './database-error';
import { shownDatabase } from './database-url';
import { kitMigrations } from './kit-migrations';
import { PreparedClient } from './prepared-client';
import { SilentTypeormLogger } from './silent-typeorm-logger';

/** A TypeORM migration; the name ends in the timestamp that orders it. */
export type MigrationClass = new () => MigrationInterface;

const migrationsTable = 'studybridge_migration';
/** Advisory lock numbers, `SB` and a counter; any constant that nobody else in this database uses. */
const createLock = 0x5342_0001;
const migrateLock = 0x5342_0002;
const startingUpMs = 30_000;
/**
 * A process that is frozen in the middle of a transaction keeps its locks from the others for so long. No transaction of ours
 * waits for anything but the database.
 */
const abandonedAfterMs = 15_000;

/**
 * Opens the database of a service: creates it when missing, refuses one that is not ours (foreign tables, another service's
 * marker, a newer version's migrations), migrates. Several replicas may do so at once. Throws a `StudybridgeError` with a
 * sentence: DATABASE_UNREACHABLE, DATABASE_LOGIN, DATABASE_RIGHTS, DATABASE_NOT_OURS, DATABASE_NEWER, MIGRATION_FAILED.
 */
export async function openDatabase(o: {
  service: string;
  url: string;
  migrations: MigrationClass[];
  logger: Logger;
}): Promise<DataSource> {
  const migrations = [...kitMigrations, ...o.migrations];
  await withClient(o.url, { createWhenMissing: true }, async (client) => {
    // Held until this session ends, so a replica that dies in the middle sets it free.
    await client.query('SELECT pg_advisory_lock($1)', [migrateLock]);
    await claim(client, o.service, o.url, migrations);
    const dataSource = newDataSource(o, migrations, 1);
    await dataSource.initialize();
    try {
      const done = await dataSource.runMigrations({ transaction: 'each' });
      if (done.length > 0) o.logger.info({ migrations: done.map((one) => one.name) }, 'database migrated');
    } catch (error) {
      const sentence = `A migration of the database ${shownDatabase(o.url)} failed (${databaseCodeOf(error) ?? 'no code'}).`;
      throw databaseError('MIGRATION_FAILED', sentence, 'The log says where; nothing of it was kept.', 'bug', error);
    } finally {
      await dataSource.destroy();
    }
  });
  const dataSource = newDataSource(o, migrations, 10);
  try {
    return await dataSource.initialize();
  } catch (error) {
    throw connectError(o.url, error);
  }
}

function newDataSource(
  o: { service: string; url: string; logger: Logger },
  migrations: MigrationClass[],
  poolSize: number,
): DataSource {
  return new DataSource({
    type: 'postgres',
    url: o.url,
    applicationName: `studybridge ${o.service}`,
    entities: [],
    migrations,
    migrationsTableName: migrationsTable,
    synchronize: false,
    logging: false,
    // TypeORM's own prints statements and messages, which may hold values.
    logger: new SilentTypeormLogger(),
    poolSize,
    connectTimeoutMS: 10_000,
    extra: {
      idleTimeoutMillis: 30_000,
      keepAlive: true,
      idle_in_transaction_session_timeout: abandonedAfterMs,
      Client: PreparedClient,
    },
    // A connection that dies while idle must not end the process; the pool opens another one.
    poolErrorHandler: (error: unknown) => o.logger.warn({ err: error }, 'a database connection was lost'),
  });
}

/** Runs `use` on one connection of its own, creating the database first when it is missing. */
async function withClient(
  url: string,
  o: { createWhenMissing: boolean },
  use: (client: Client) => Promise<void>,
): Promise<void> {
  const client = await connect(url, o.createWhenMissing);
  try {
    await use(client);
  } catch (error) {
    throw connectError(url, error);
  } finally {
    await client.end().catch(() => undefined);
  }
}

async function connect(url: string, createWhenMissing: boolean): Promise<Client> {
  const patience = Date.now() + startingUpMs;
  for (;;) {
    const client = new Client({ connectionString: url, connectionTimeoutMillis: 10_000 });
    client.on('error', () => undefined);
    try {
      await client.connect();
      return client;
    } catch (error) {
      await client.end().catch(() => undefined);
      const code = databaseCodeOf(error);
      if (code === '3D000' && createWhenMissing) {
        await createDatabase(url);
        createWhenMissing = false;
      } else if (code === '57P03' && Date.now() < patience) {
        await sleep(250);
      } else {
        throw connectError(url, error);
      }
    }
  }
}

/** Creates the database that `url` names, from the database `postgres` of the same server. */
async function createDatabase(url: string): Promise<void> {
  const target = parseUrl(url);
  const name = decodeURIComponent(target?.pathname.slice(1) ?? '');
  const server = parseUrl(url);
  if (server === null || name === '') throw connectError(url, new Error('no database named'));
  server.pathname = '/postgres';
  await withClient(server.href, { createWhenMissing: false }, async (client) => {
    await client.query('SELECT pg_advisory_lock($1)', [createLock]);
    const known = await client.query('SELECT 1 FROM pg_database WHERE datname = $1', [name]);
    if (known.rowCount !== 0) return;
    try {
      // template0: nobody can be connected to it, which would make CREATE DATABASE fail.
      await client.query(`CREATE DATABASE ${client.escapeIdentifier(name)} TEMPLATE template0 ENCODING 'UTF8'`);
    } catch (error) {
      if (databaseCodeOf(error) !== '42P04') throw connectError(url, error);
    }
  });
}

/** Makes sure that the database is this service's, or an empty one that becomes it. */
async function claim(
  client: Client,
  service: string,
  url: string,
  migrations: readonly MigrationClass[],
): Promise<void> {
  const where = shownDatabase(url);
  const remedy = 'Name an empty database, or one that this service made.';
  const tables = await client.query<{ table: string }>(
    `SELECT n.nspname || '.' || c.relname AS "table"
       FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
      WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND c.relpersistence <> 't'
        AND n.nspname <> 'information_schema' AND n.nspname NOT LIKE 'pg\\_%'
        AND NOT EXISTS (SELECT 1 FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')`,
  );
  const names = new Set(tables.rows.map((row) => row.table));
  if (!names.has('public.studybridge_service')) {
    if (names.size > 0) {
      const sentence = `The database ${where} holds tables that are not Studybridge’s.`;
      throw databaseError('DATABASE_NOT_OURS', sentence, remedy, 'setting');
    }
    await client.query('BEGIN');
    await client.query(
      'CREATE TABLE studybridge_service (name text PRIMARY KEY, created_at timestamptz NOT NULL DEFAULT now())',
    );
    await client.query('INSERT INTO studybridge_service (name) VALUES ($1)', [service]);
    await client.query('COMMIT');
    return;
  }
  const owner = await client.query<{ name: string }>('SELECT name FROM studybridge_service');
  if (owner.rows.length !== 1 || owner.rows[0]?.name !== service) {
    const sentence = `The database ${where} belongs to ${owner.rows[0]?.name ?? 'nobody we know'}, not to ${service}.`;
    throw databaseError('DATABASE_NOT_OURS', sentence, remedy, 'setting');
  }
  if (!names.has(`public.${migrationsTable}`)) return;
  const done = await client.query<{ name: string }>(`SELECT name FROM ${migrationsTable}`);
  const known = new Set(migrations.map((migration) => new migration().name ?? migration.name));
  const unknown = done.rows.filter((row) => !known.has(row.name));
  if (unknown.length > 0) {
    const sentence = `The database ${where} was written by a newer version of ${service}.`;
    throw databaseError('DATABASE_NEWER', sentence, 'Start that version or a later one.', 'setting');
  }
}
