/**
 * Runs a piece of work again and again, never twice at once: right after `wake()`, else when the time that the work itself
 * named has passed. Leaves no timer behind once stopped.
 */
export class Loop {
  private running: Promise<void> | null = null;
  private stopped = false;
  private woken = false;
  private rouse: (() => void) | null = null;

  /** `work` does one round and tells how many ms to wait until the next (0: at once). It must not throw. */
  constructor(private readonly work: () => Promise<number>) {}

  start(): void {
    this.stopped = false;
    this.running ??= this.run();
  }

  /** True while a round may be waiting for its time, i.e. a wake has something to shorten. */
  get waiting(): boolean {
    return this.rouse !== null;
  }

  wake(): void {
    this.woken = true;
    this.rouse?.();
  }

  /** Ends after the round in hand, or after `patienceMs` without it. */
  async stop(patienceMs = 10_000): Promise<void> {
    this.stopped = true;
    this.rouse?.();
    if (this.running === null) return;
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => (timer = setTimeout(resolve, patienceMs)));
    await Promise.race([this.running, late]);
    clearTimeout(timer);
  }

  private async run(): Promise<void> {
    while (!this.stopped) {
      this.woken = false;
      const ms = await this.work();
      if (this.stopped || this.woken || ms === 0) continue;
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, ms);
        this.rouse = () => {
          clearTimeout(timer);
          resolve();
        };
      });
      this.rouse = null;
    }
    this.running = null;
  }
}

/** Exponential backoff with half jitter: 1st failure → about `baseMs`. */
export function backoffMs(failures: number, baseMs: number, maxMs: number): number {
  const full = Math.min(maxMs, baseMs * 2 ** Math.min(20, Math.max(0, failures - 1)));
  return Math.round(full * (0.5 + Math.random() / 2));
}
