import { createHash } from 'node:crypto';

/**
 * The sandbox's own token for a thing of this name: 32 upper-case hex digits, the same every time, so that a command
 * line can be written down. It opens nothing but a sandbox.
 */
export function sandboxToken(name: string): string {
  return createHash('sha256').update(`studybridge sandbox ${name}`).digest('hex').slice(0, 32).toUpperCase();
}
