import { readFileSync } from 'node:fs';

/**
 * The most memory that a process ever held, in megabytes (VmHWM of `/proc`); for other systems than Linux only this very
 * process is known, from the operating system's own count, and null stands for any other.
 */
export function peakMemoryMb(pid: number = process.pid): number | null {
  try {
    const found = /VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
    if (found) return Math.round(Number(found[1]) / 1024);
  } catch {
    // No /proc: another system, or the process is gone.
  }
  return pid === process.pid ? Math.round(process.resourceUsage().maxRSS / 1024) : null;
}
