import { StudybridgeError } from '@studybridge/contracts';
import { backoffMs } from '@studybridge/service-kit';
import {
  BrokenCircuitError,
  circuitBreaker,
  type CircuitBreakerPolicy,
  CircuitState,
  DelegateBackoff,
  handleWhen,
  type IBreaker,
} from 'cockatiel';

/** Not asked, because the partner is paused: nothing happened. */
export class PausedError extends Error {}

/**
 * Whether a partner may be called for one binding. A failure of a dependency or a setting (or several in a row) closes it for a while (doubling,
 * with jitter, or as long as the partner said); then one call tries, and its success opens it for all. It heals by itself.
 */
export class PartnerGate {
  private policy: CircuitBreakerPolicy;
  private until = 0;
  private trying = false;
  private reason: StudybridgeError | null = null;
  private failures = 0;

  constructor(private readonly o: { baseDelayMs: number; maxDelayMs: number; failuresToPause?: number }) {
    this.policy = this.newPolicy();
  }

  /** Whether an effect may be taken in hand now. */
  get open(): boolean {
    if (this.policy.state === CircuitState.Closed) return true;
    return !this.trying && Date.now() >= this.until;
  }

  /** When it may be tried again; null while open. */
  get pausedUntil(): Date | null {
    return this.policy.state === CircuitState.Closed ? null : new Date(this.until);
  }

  /** What the last failure said; null while open. */
  get trouble(): StudybridgeError | null {
    return this.policy.state === CircuitState.Closed ? null : this.reason;
  }

  /** One effect has come through a closed gate to try; others wait for it. Returns what to call when it is over. */
  enter(): () => void {
    if (this.policy.state === CircuitState.Closed) return () => undefined;
    this.trying = true;
    return () => (this.trying = false);
  }

  /**
   * Asks the partner something. Throws {@link PausedError} when it may not be asked; `evenIfPaused` is for what stops contact:
   * it is asked anyway, and its success opens the gate.
   */
  async ask<T>(question: () => Promise<T>, evenIfPaused: boolean): Promise<T> {
    if (evenIfPaused && this.policy.state !== CircuitState.Closed) {
      const answer = await question();
      this.policy = this.newPolicy();
      return answer;
    }
    try {
      return await this.policy.execute(question);
    } catch (error) {
      if (error instanceof BrokenCircuitError) throw new PausedError();
      throw error;
    }
  }

  private newPolicy(): CircuitBreakerPolicy {
    this.failures = 0;
    const policy = circuitBreaker(
      handleWhen((error) => {
        if (!(error instanceof StudybridgeError) || !error.retryable) return false;
        this.reason = error;
        return true;
      }),
      { breaker: this.newBreaker(), halfOpenAfter: new DelegateBackoff(() => this.delay()) },
    );
    policy.onReset(() => (this.failures = 0));
    return policy;
  }

  /** Opens after so many failures in a row; at once when the partner said how long to wait, or a setting is wrong. */
  private newBreaker(): IBreaker {
    let inARow = 0;
    return {
      state: null,
      success: () => void (inARow = 0),
      failure: () => {
        inARow += 1;
        const urgent = this.reason?.retryAfterSeconds !== undefined || this.reason?.errorClass === 'setting';
        return urgent || inARow >= (this.o.failuresToPause ?? 1);
      },
    };
  }

  private delay(): number {
    this.failures += 1;
    const { baseDelayMs, maxDelayMs } = this.o;
    const asked = (this.reason?.retryAfterSeconds ?? 0) * 1_000;
    const ms = Math.max(asked, backoffMs(this.failures, baseDelayMs, maxDelayMs));
    // A little later than the breaker itself thinks, which reads the clock once more after this.
    this.until = Date.now() + ms + 5;
    return ms;
  }
}
