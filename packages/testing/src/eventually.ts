import { setTimeout as sleep } from 'node:timers/promises';

/**
 * Asks `probe` again and again until it answers something truthy without throwing, and gives that answer. Fails after
 * `timeoutMs` (default 60 s, real time), saying `what` was waited for and what the last answer or error was.
 */
export async function eventually<T>(
  probe: () => Promise<T> | T,
  o: { timeoutMs?: number; what?: string } = {},
): Promise<NonNullable<T>> {
  const timeoutMs = o.timeoutMs ?? 60_000;
  const deadline = performance.now() + timeoutMs;
  for (let pauseMs = 5; ; pauseMs = Math.min(pauseMs * 2, 200)) {
    let last: string;
    let cause: unknown;
    try {
      const answer = await probe();
      if (answer) return answer;
      last = `the last answer was ${String(answer)}`;
    } catch (error) {
      cause = error;
      last = `the last error was: ${error instanceof Error ? error.message : String(error)}`;
    }
    if (performance.now() > deadline) {
      throw new Error(`Waited ${timeoutMs / 1000} s for ${o.what ?? 'a condition'}; ${last}`, { cause });
    }
    await sleep(pauseMs);
  }
}
