/** Real-time delays of early attempts after a dependency failed; then only the schedule tries again. */
const delaysMs = [500, 1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000, 60_000, 60_000, 60_000];
/** The short attempts at the start are work that `/idle` waits for; the long ones are not. */
const awaited = 4;
const longestMs = 3_600_000;

/** After the nth failure in a row by a dependency: how long to wait, or null for the next scheduled instant. */
export function earlyRetryMs(failures: number, retryAfterSeconds?: number): number | null {
  const delay = delaysMs[failures - 1];
  if (delay === undefined) return null;
  const jittered = delay * (0.9 + Math.random() * 0.2);
  return Math.min(longestMs, Math.max(jittered, (retryAfterSeconds ?? 0) * 1_000));
}

/** Whether `/idle` waits for an early attempt. */
export function isAwaitedRetry(failures: number, retryInMs: number | null): boolean {
  return retryInMs !== null && failures <= awaited && retryInMs < 10_000;
}
