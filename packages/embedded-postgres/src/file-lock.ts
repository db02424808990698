import { randomUUID } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, linkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { processStartedAt } from './processes';

interface Holder {
  pid: number;
  started: string;
}

/**
 * Runs `work` while no other process of this machine does so under the same `file`. A holder that died, even by SIGKILL,
 * is noticed by its process id and start time, and its lock is taken over. Throws after `timeoutMs` (default 3 minutes)
 * of waiting for a living holder.
 */
export async function withFileLock<T>(file: string, work: () => Promise<T>, timeoutMs = 180_000): Promise<T> {
  mkdirSync(path.dirname(file), { recursive: true });
  const mine = JSON.stringify({ pid: process.pid, started: processStartedAt(process.pid), token: randomUUID() });
  const deadline = Date.now() + timeoutMs;
  while (!take(file, mine)) {
    if (Date.now() > deadline)
      throw new Error(`Waited ${timeoutMs / 1000} s for the lock ${file}, its holder still lives.`);
    if (!breakDeadLock(file)) await sleep(50);
  }
  try {
    return await work();
  } finally {
    if (read(file) === mine) rmSync(file, { force: true });
  }
}

/** A link appears complete or not at all, so nobody ever reads a lock half written. */
function take(file: string, content: string): boolean {
  const draft = `${file}.${process.pid}.${randomUUID()}`;
  writeFileSync(draft, content, { mode: 0o600 });
  try {
    linkSync(draft, file);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  } finally {
    rmSync(draft, { force: true });
  }
}

/** Moves the lock of a dead holder aside; if somebody else replaced it in between, gives theirs back. */
function breakDeadLock(file: string): boolean {
  const seen = read(file);
  if (seen === null) return true;
  const holder = JSON.parse(seen) as Holder;
  if (processStartedAt(holder.pid) === holder.started) return false;
  const aside = `${file}.dead.${randomUUID()}`;
  try {
    renameSync(file, aside);
  } catch {
    return true;
  }
  if (read(aside) !== seen && !existsSync(file)) linkSync(aside, file);
  rmSync(aside, { force: true });
  return true;
}

function read(file: string): string | null {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return null;
  }
}
