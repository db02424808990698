import { isAlive } from '@studybridge/embedded-postgres';
import { readdirSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { cacheFolder } from './cache-folder';

/** Notes that this process uses the shared servers, so that nobody stops them under it. */
export function registerUser(): void {
  writeFileSync(path.join(cacheFolder('users'), String(process.pid)), '');
}

/** How many other living processes use the shared servers. */
export function otherUsers(): number {
  const folder = cacheFolder('users');
  const living = readdirSync(folder).filter((pid) => {
    if (isAlive(Number(pid))) return Number(pid) !== process.pid;
    rmSync(path.join(folder, pid), { force: true });
    return false;
  });
  return living.length;
}
