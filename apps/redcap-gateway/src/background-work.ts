import { errorClassOf, StudybridgeError } from '@studybridge/contracts';
import { backoffMs } from '@studybridge/service-kit';

const sweepMs = 1_000;
const firstBackoffMs = 500;
const longestBackoffMs = 60_000;

/** Work done when woken and looked for each second, never twice at once; a failure delays the next attempt. Real time. */
export abstract class BackgroundWork {
  private running: Promise<void> | null = null;
  private again = false;
  private waitUntil = 0;
  private sweep: NodeJS.Timeout | null = null;
  private expectedAt = 0;
  private failures = 0;
  protected stopped = true;

  /** One round. Must not throw. */
  protected abstract work(): Promise<void>;

  start(): void {
    this.stopped = false;
    this.sweep = setInterval(() => this.wake(), sweepMs);
    this.sweep.unref();
    this.wake();
  }

  async stop(): Promise<void> {
    this.stopped = true;
    if (this.sweep) clearInterval(this.sweep);
    await this.running;
  }

  /** Something may be to be done. `now` also ends a backoff: the project was just found well. */
  wake(now = false): void {
    if (now) this.waitUntil = 0;
    if (this.stopped || Date.now() < this.waitUntil) return;
    if (this.running) {
      this.again = true;
      return;
    }
    this.running = this.work().finally(() => {
      this.running = null;
      if (this.again) {
        this.again = false;
        this.wake();
      }
    });
  }

  /** A request came in and is about to be committed. */
  expect(): void {
    this.expectedAt = Date.now();
    // Soon after the commit; `nudge` or a sweep catches one that takes longer.
    setTimeout(() => this.wake(), 5).unref();
  }

  /** Somebody waits: wakes while a request may still be fresh, without asking the database for nothing. */
  nudge(): void {
    if (Date.now() - this.expectedAt < 2 * sweepMs) this.wake();
  }

  /** A round went well: the next failure is a first one again. */
  protected succeeded(): void {
    this.failures = 0;
  }

  /** A round failed: rests for as long as the error asks for, or a while that grows with each failure. Gives the level to log it at. */
  protected failed(error: unknown): 'warn' | 'error' {
    this.failures += 1;
    const asked = error instanceof StudybridgeError ? (error.retryAfterSeconds ?? 0) * 1_000 : 0;
    this.rest(Math.min(longestBackoffMs, Math.max(asked, backoffMs(this.failures, firstBackoffMs, longestBackoffMs))));
    return errorClassOf(error) === 'bug' ? 'error' : 'warn';
  }

  /** Nothing is begun for so long, unless somebody wakes it with `now`. */
  protected rest(ms: number): void {
    this.waitUntil = Date.now() + ms;
  }
}
