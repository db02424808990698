import { testDatabase } from '@studybridge/testing';
import type { QueryRunner } from 'typeorm';
import { Client } from 'pg';
import { createLogger, openDatabase } from '../src';

const logger = createLogger({ service: 'test', level: 'silent' });

class Visits1700000001000 {
  readonly name = 'Visits1700000001000';
  async up(runner: QueryRunner): Promise<void> {
    await runner.query('CREATE TABLE visit (id int PRIMARY KEY)');
    await runner.query('INSERT INTO visit VALUES (1)');
  }
  async down(): Promise<void> {}
}

class Broken1700000002000 {
  readonly name = 'Broken1700000002000';
  async up(runner: QueryRunner): Promise<void> {
    await runner.query('CREATE TABLE half_done (id int)');
    await runner.query('SELECT 1/0');
  }
  async down(): Promise<void> {}
}

let database: Awaited<ReturnType<typeof testDatabase>>;
beforeEach(async () => {
  database = await testDatabase();
});
afterEach(() => database.drop());

const open = (service = 'visits', url = database.url, migrations = [Visits1700000001000]) =>
  openDatabase({ service, url, migrations, logger });

async function query(url: string, sql: string): Promise<Record<string, unknown>[]> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query<Record<string, unknown>>(sql)).rows;
  } finally {
    await client.end();
  }
}

it('migrates once, however many replicas start together, and again after a restart', async () => {
  const sources = await Promise.all([open(), open(), open(), open()]);
  for (const source of sources) await source.destroy();
  await (await open()).destroy();
  expect(await query(database.url, 'SELECT id FROM visit')).toEqual([{ id: 1 }]);
});

it('is not kept waiting by a process that froze in the middle of a transaction', async () => {
  const source = await open();
  const [row] = await source.query<Record<string, string>[]>('SHOW idle_in_transaction_session_timeout');
  expect(row).toEqual({ idle_in_transaction_session_timeout: '15s' });
  await source.destroy();
});

it('creates the database when it is missing, also when several ask for it', async () => {
  const missing = new URL(database.url);
  missing.pathname = `${missing.pathname}_made`;
  const sources = await Promise.all([open('visits', missing.href), open('visits', missing.href)]);
  expect(await sources[0]?.query('SELECT count(*)::int AS n FROM visit')).toEqual([{ n: 1 }]);
  for (const source of sources) await source.destroy();
  await query(database.url, `DROP DATABASE "${missing.pathname.slice(1)}"`);
});

it('refuses a database with tables of others and leaves it as it was', async () => {
  await query(database.url, 'CREATE TABLE payroll (id int)');
  await expect(open()).rejects.toMatchObject({ code: 'DATABASE_NOT_OURS', errorClass: 'setting' });
  const tables = await query(database.url, "SELECT tablename FROM pg_tables WHERE schemaname = 'public'");
  expect(tables).toEqual([{ tablename: 'payroll' }]);
});

it('refuses the database of another service', async () => {
  await (await open()).destroy();
  await expect(open('messaging')).rejects.toThrow(/belongs to visits, not to messaging/);
});

it('refuses a database that a newer version wrote', async () => {
  await (await open()).destroy();
  await expect(open('visits', database.url, [])).rejects.toMatchObject({ code: 'DATABASE_NEWER' });
});

it('keeps nothing of a migration that fails, and goes on when it is mended', async () => {
  const broken = openDatabase({
    service: 'visits',
    url: database.url,
    migrations: [Visits1700000001000, Broken1700000002000],
    logger,
  });
  await expect(broken).rejects.toMatchObject({ code: 'MIGRATION_FAILED' });
  expect(await query(database.url, "SELECT to_regclass('half_done') AS t")).toEqual([{ t: null }]);
  await (await open()).destroy();
});

it('says what is wrong when the server cannot be used, without user and password', async () => {
  const wrong = (change: (url: URL) => void): string => {
    const url = new URL(database.url);
    change(url);
    return url.href;
  };
  const away = wrong((url) => (url.port = '1'));
  await expect(open('visits', away)).rejects.toMatchObject({ code: 'DATABASE_UNREACHABLE', errorClass: 'dependency' });
  const stranger = wrong((url) => (url.password = 'opensesame'));
  const error = await open('visits', stranger).catch((reason: unknown) => reason as Error & { code: string });
  expect(error).toMatchObject({ code: 'DATABASE_LOGIN' });
  expect(String(error)).not.toMatch(/opensesame/);
});
