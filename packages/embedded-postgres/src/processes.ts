import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

/**
 * A text that tells one life of a process id from another, '' when no such process runs. On Linux the kernel's start
 * time, elsewhere only that it lives.
 */
export function processStartedAt(pid: number): string {
  if (process.platform === 'linux') return linuxStat(pid)?.started ?? '';
  return isAlive(pid) ? 'alive' : '';
}

/** Whether the process runs; a zombie (ended, not yet collected by its parent) does not. */
export function isAlive(pid: number): boolean {
  if (process.platform === 'linux') return linuxStat(pid) !== null;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** The program and arguments of a process, '' when it cannot be known. */
export function commandLine(pid: number): string {
  try {
    return process.platform === 'linux'
      ? readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim()
      : execFileSync('ps', ['-o', 'args=', '-p', String(pid)], { encoding: 'utf8' }).trim();
  } catch {
    return '';
  }
}

function linuxStat(pid: number): { started: string } | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The second field is the program's name in brackets and may hold anything.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return fields[0] === 'Z' || fields[0] === 'X' ? null : { started: fields[19] ?? '' };
  } catch {
    return null;
  }
}
