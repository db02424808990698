import { readFileSync, rmSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client } from 'pg';
import { DatabaseServerError } from './errors';
import { commandLine, isAlive } from './processes';

/** What a server wrote about itself into its data directory. */
export interface Postmaster {
  pid: number;
  port: number;
}

/** The server that runs on `dataDir`, null when none does. A file left by a dead one counts as none. */
export function findPostmaster(dataDir: string): Postmaster | null {
  const written = readPidFile(dataDir);
  return written && isServerOf(dataDir, written.pid) ? written : null;
}

/** Whether a server runs on `dataDir`. */
export function serverRuns(dataDir: string): boolean {
  return findPostmaster(dataDir) !== null;
}

/**
 * Removes the file of a dead server whose process number now belongs to another program: PostgreSQL itself would take
 * that program for a running server and refuse to start.
 */
export function clearForeignPidFile(dataDir: string): void {
  const written = readPidFile(dataDir);
  if (written && isAlive(written.pid) && !isServerOf(dataDir, written.pid)) {
    rmSync(path.join(dataDir, 'postmaster.pid'), { force: true });
  }
}

/** A process number alone proves nothing after a restart of the machine: we must never signal somebody else. */
function isServerOf(dataDir: string, pid: number): boolean {
  return isAlive(pid) && /postgres(\.exe)? -D /.test(commandLine(pid)) && commandLine(pid).includes(`-D ${dataDir} `);
}

/** Whether the server on `url` answers and works on `dataDir`. */
export async function answers(url: string, dataDir: string): Promise<boolean> {
  const client = new Client({ connectionString: url, connectionTimeoutMillis: 2_000, query_timeout: 5_000 });
  client.on('error', () => undefined);
  try {
    await client.connect();
    const { rows } = await client.query<{ data_directory: string }>('SHOW data_directory');
    return path.resolve(rows[0]?.data_directory ?? '') === path.resolve(dataDir);
  } catch {
    return false;
  } finally {
    await client.end().catch(() => undefined);
  }
}

/** Stops the server on `dataDir`, open transactions are rolled back. Done at once when none runs. */
export async function stopPostmaster(dataDir: string): Promise<void> {
  const server = findPostmaster(dataDir);
  if (!server) return;
  // SIGINT = fast shutdown; SIGQUIT = at once, the next start recovers.
  for (const [signal, patienceMs] of [['SIGINT', 30_000] as const, ['SIGQUIT', 10_000] as const]) {
    try {
      process.kill(server.pid, signal);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ESRCH') return;
      throw error;
    }
    const deadline = Date.now() + patienceMs;
    while (Date.now() < deadline) {
      if (!isAlive(server.pid)) return;
      await sleep(20);
    }
  }
  throw new DatabaseServerError(
    `PostgreSQL (process ${server.pid}) does not stop.`,
    'Look at its log beside its data.',
  );
}

function readPidFile(dataDir: string): Postmaster | null {
  try {
    const lines = readFileSync(path.join(dataDir, 'postmaster.pid'), 'utf8').split('\n');
    const pid = Number(lines[0]);
    return Number.isInteger(pid) && pid > 0 ? { pid, port: Number(lines[3] ?? 0) } : null;
  } catch {
    return null;
  }
}
