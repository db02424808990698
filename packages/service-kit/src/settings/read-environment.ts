import { readFileSync, statSync } from 'node:fs';
import { rememberSecret } from '../logging/scrub-text';
import type { Complaint } from './settings-error';

/** The environment a service is started with; an empty value counts as not set (compose files write those). */
export type Environment = Record<string, string | undefined>;

const maxSecretBytes = 64 * 1024;

/**
 * Reads a secret file: a regular file, not empty, small, and closed to group and others (law 5). The trailing line break is
 * dropped. Adds a complaint and returns undefined otherwise; never shows the content.
 */
export function readSecretFile(name: string, path: string, complaints: Complaint[]): string | undefined {
  const complain = (sentence: string, remedy: string): undefined => {
    complaints.push({ sentence: `${name}: ${sentence}`, remedy });
    return undefined;
  };
  try {
    const stat = statSync(path);
    if (!stat.isFile()) return complain(`${path} is not a file.`, 'Name a file that holds the secret.');
    if ((stat.mode & 0o077) !== 0) {
      return complain(`${path} is open to others than its owner.`, `Close it with: chmod 600 ${path}`);
    }
    if (stat.size > maxSecretBytes) return complain(`${path} is too large for a secret.`, 'Name the right file.');
    const value = readFileSync(path, 'utf8').replace(/[\r\n]+$/, '');
    if (value === '') return complain(`${path} is empty.`, 'Write the secret into it.');
    rememberSecret(value);
    return value;
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === 'ENOENT') return complain(`${path} does not exist.`, 'Create the file or correct its path.');
    if (code === 'EACCES') return complain(`${path} may not be read.`, 'Give the file to the user of the service.');
    return complain(`${path} cannot be read (${code ?? 'unknown'}).`, 'Correct the path.');
  }
}

/** The value of one setting, '' counting as not set. */
export function valueOf(env: Environment, name: string): string | undefined {
  const value = env[name];
  return value === undefined || value.trim() === '' ? undefined : value;
}

/**
 * The value of a secret: from NAME, or from the file that NAME_FILE names. Both at once is a complaint, since one of them is
 * not what its author believes.
 */
export function secretOf(env: Environment, name: string, complaints: Complaint[]): string | undefined {
  const direct = valueOf(env, name);
  const file = valueOf(env, `${name}_FILE`);
  if (direct !== undefined && file !== undefined) {
    complaints.push({ sentence: `Both ${name} and ${name}_FILE are set.`, remedy: 'Keep one of the two.' });
    return undefined;
  }
  if (file !== undefined) return readSecretFile(`${name}_FILE`, file, complaints);
  if (direct !== undefined) rememberSecret(direct);
  return direct;
}
