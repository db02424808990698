import { mkdirSync } from 'node:fs';
import { homedir } from 'node:os';
import path from 'node:path';

/** Where what tests share between runs lies: outside the work tree, so that a fresh clone finds it again. */
export function cacheFolder(...parts: string[]): string {
  const base = process.env['XDG_CACHE_HOME'] || path.join(homedir(), '.cache');
  const folder = path.join(base, 'studybridge', ...parts);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  return folder;
}
