import { performance } from 'node:perf_hooks';

/** Real time in epoch milliseconds with fractions, from a clock that is never set back. */
export function monotonicNow(): number {
  return performance.timeOrigin + performance.now();
}
