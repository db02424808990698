import { AsyncLocalStorage } from 'node:async_hooks';

const storage = new AsyncLocalStorage<string>();

/** Everything that `fn` does and awaits logs with this correlation id. */
export function runCorrelated<T>(correlationId: string, fn: () => T): T {
  return storage.run(correlationId, fn);
}

/** The correlation id in force, if any. */
export function currentCorrelationId(): string | undefined {
  return storage.getStore();
}
