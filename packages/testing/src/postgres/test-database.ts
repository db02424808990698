import { randomBytes } from 'node:crypto';
import { Client } from 'pg';
import { testServerUrl } from './test-server';

/** A database of a test that was killed is dropped after this time. */
const LEFTOVER_AFTER_MS = 2 * 3600_000;

const NAME = /^test_([0-9a-z]+)_[0-9a-f]{8}_/;

/** A database of one test. */
export interface TestDatabase {
  /** Role may create further databases. */
  url: string;
  drop(): Promise<void>;
}

/** A fresh, empty database on the shared test server. `name` only makes it recognisable. */
export async function testDatabase(name = 'db'): Promise<TestDatabase> {
  const server = await testServerUrl();
  const readable = name
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '_')
    .slice(0, 30);
  const database = `test_${Date.now().toString(36)}_${randomBytes(4).toString('hex')}_${readable}`;
  await onServer(server, async (client) => {
    await dropLeftovers(client);
    await client.query(`CREATE DATABASE "${database}"`);
  });
  const url = new URL(server);
  url.pathname = `/${database}`;
  return {
    url: url.href,
    drop: () => onServer(server, (client) => drop(client, database)),
  };
}

/** A copy of a database as it is now, under a name of its own; nobody may be connected to the original meanwhile. */
export async function copyDatabase(url: string): Promise<TestDatabase> {
  const server = await testServerUrl();
  const copy = await testDatabase('copy');
  const name = new URL(copy.url).pathname.slice(1);
  await onServer(server, async (client) => {
    await client.query(`DROP DATABASE "${name}"`);
    await client.query(`CREATE DATABASE "${name}" TEMPLATE "${new URL(url).pathname.slice(1)}"`);
  });
  return copy;
}

/** Puts a database back to a copy, under its own name; whoever is connected is cut off. */
export async function putBackDatabase(url: string, copy: string): Promise<void> {
  const [name, template] = [url, copy].map((one) => new URL(one).pathname.slice(1));
  await onServer(await testServerUrl(), async (client) => {
    await drop(client, name ?? '');
    await client.query(`CREATE DATABASE "${name}" TEMPLATE "${template}"`);
  });
}

let leftoversDropped = false;

/** Once per process. */
async function dropLeftovers(client: Client): Promise<void> {
  if (leftoversDropped) return;
  leftoversDropped = true;
  const { rows } = await client.query<{ datname: string }>(
    `SELECT datname FROM pg_database WHERE datname LIKE 'test\\_%'`,
  );
  for (const { datname } of rows) {
    const made = parseInt(NAME.exec(datname)?.[1] ?? '', 36);
    // Another process may be doing the same.
    if (made < Date.now() - LEFTOVER_AFTER_MS) await drop(client, datname).catch(() => undefined);
  }
}

async function drop(client: Client, database: string): Promise<void> {
  await client.query(`DROP DATABASE IF EXISTS "${database}" WITH (FORCE)`);
}

async function onServer<T>(url: string, work: (client: Client) => Promise<T>): Promise<T> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}
