import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chownSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import type { Binaries } from './binaries';
import { DatabaseServerError } from './errors';
import { giveTo, type Identity } from './identity';

const run = promisify(execFile);

/** The major version of PostgreSQL that node_modules brings. */
const MAJOR_VERSION = '18';

/** Locale and zone are ours, so that a database made on one machine means the same on another. */
export const serverEnvironment = { PATH: process.env['PATH'] ?? '/usr/bin:/bin', LC_ALL: 'C', TZ: 'UTC', HOME: '/' };

/** Whether `dataDir` holds a database cluster. Throws when it is of another version or not a cluster at all. */
export function isInitialised(dataDir: string): boolean {
  const versionFile = path.join(dataDir, 'PG_VERSION');
  if (!existsSync(dataDir)) return false;
  if (!existsSync(versionFile)) {
    throw new DatabaseServerError(`${dataDir} exists, but holds no PostgreSQL data.`, 'Move it away and start again.');
  }
  const version = readFileSync(versionFile, 'utf8').trim();
  if (version === MAJOR_VERSION) return true;
  throw new DatabaseServerError(
    `${dataDir} was made by PostgreSQL ${version}; this is PostgreSQL ${MAJOR_VERSION}.`,
    'Bring its data over with pg_dump, or move it away and start anew.',
  );
}

/** The superuser's password, kept beside the data directory (mode 0600). Throws when it was lost. */
export function readPassword(dataDir: string): string {
  try {
    return readFileSync(passwordFile(dataDir), 'utf8').trim();
  } catch (error) {
    throw new DatabaseServerError(
      `The password of the database in ${dataDir} cannot be read (${(error as NodeJS.ErrnoException).code ?? 'error'}).`,
      `Bring ${passwordFile(dataDir)} back, run as the user to whom it belongs, or move both away and start anew.`,
    );
  }
}

/**
 * Makes a new cluster with a random password. It grows under another name and is moved into place when complete, so a
 * run killed half-way leaves nothing that looks like a database.
 */
export async function initialise(dataDir: string, binaries: Binaries, identity: Identity): Promise<void> {
  const draft = `${dataDir}.new`;
  const handOver = `${dataDir}.pw`;
  const password = randomBytes(24).toString('base64url');
  rmSync(draft, { recursive: true, force: true });
  rmSync(handOver, { force: true });
  mkdirSync(draft, { recursive: true, mode: 0o700 });
  giveTo(identity, draft);
  writeFileSync(handOver, password, { mode: 0o600 });
  if (identity.owner) chownSync(handOver, identity.owner.uid, identity.owner.gid);
  const { command, args, uid, gid } = identity.wrap(binaries.initdb, [
    ...['-D', draft, '-U', 'postgres', '-A', 'scram-sha-256', `--pwfile=${handOver}`, '-E', 'UTF8'],
    ...['--locale=C', '--locale-provider=builtin', '--builtin-locale=C.UTF-8', '--no-sync'],
  ]);
  try {
    await run(command, args, { uid, gid, cwd: '/', env: serverEnvironment });
  } catch (error) {
    const said = (error as { stderr?: string }).stderr?.trim() || (error as Error).message;
    rmSync(draft, { recursive: true, force: true });
    throw new DatabaseServerError(`PostgreSQL could not make a database in ${dataDir}: ${said}`, 'Is the disk full?');
  } finally {
    rmSync(handOver, { force: true });
  }
  writeFileSync(passwordFile(dataDir), password, { mode: 0o600 });
  renameSync(draft, dataDir);
}

function passwordFile(dataDir: string): string {
  return `${dataDir}.password`;
}
