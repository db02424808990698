import { setTimeout as sleep } from 'node:timers/promises';
import { StudybridgeError } from '@studybridge/contracts';
import type { DataSource } from 'typeorm';

/** Consecutive failures after which REDCap is left alone for a while. */
const failuresToOpen = 5;
const firstPauseMs = 2_000;
const longestPauseMs = 60_000;
const flushEveryMs = 5_000;

/**
 * Politeness towards one REDCap address (law 6): at most so many calls in any minute, all replicas of this service together,
 * counted in its database; calls per day; a pause after repeated failures. Real time throughout.
 */
export class Governor {
  private failures = 0;
  private closedUntil = 0;
  private unflushed = 0;
  private flushedAt = Date.now();

  /** `address` is host and path, without anything secret. */
  constructor(
    private readonly dataSource: DataSource,
    private readonly address: string,
    private readonly callsPerMinute: number,
  ) {}

  /** Waits for a turn. Throws at once while REDCap is left alone. */
  async take(signal?: AbortSignal): Promise<void> {
    if (Date.now() < this.closedUntil) {
      throw new StudybridgeError('REDCap failed repeatedly and is left alone for a moment.', {
        code: 'REDCAP_BREAKER',
        errorClass: 'dependency',
        remedy: 'Wait; it heals by itself. If it lasts, ask the REDCap administrator.',
        retryAfterSeconds: (this.closedUntil - Date.now()) / 1000,
      });
    }
    if (this.callsPerMinute === 0) {
      this.unflushed += 1;
      if (Date.now() - this.flushedAt > flushEveryMs) await this.flush();
      return;
    }
    // A sixth of the minute's calls may come at once, the rest evenly: never more than the limit in any minute.
    const burst = Math.max(1, Math.floor(this.callsPerMinute / 6));
    const stepMs = 60_000 / Math.max(1, this.callsPerMinute - burst);
    const rows = await this.dataSource.query<{ wait_ms: string }[]>(
      `INSERT INTO call_budget AS b (address, real_next_at, real_day, calls)
       VALUES ($1, clock_timestamp() + $2 * interval '1 millisecond', current_date, 1)
       ON CONFLICT (address) DO UPDATE SET
         real_next_at = greatest(b.real_next_at, clock_timestamp()) + $2 * interval '1 millisecond',
         calls = CASE WHEN b.real_day = current_date THEN b.calls + 1 ELSE 1 END,
         real_day = current_date
       RETURNING extract(epoch FROM real_next_at - clock_timestamp()) * 1000 - $2 * $3 AS wait_ms`,
      [this.address, stepMs, burst],
    );
    const waitMs = Number(rows[0]?.wait_ms ?? 0);
    if (waitMs > 0) await sleep(waitMs, undefined, { signal });
  }

  /** Notes how a call went: an HTTP status, 0 for none. */
  report(status: number): void {
    if (status !== 0 && status < 500 && status !== 429) {
      this.failures = 0;
      return;
    }
    this.failures += 1;
    if (this.failures >= failuresToOpen) {
      const pause = Math.min(longestPauseMs, firstPauseMs * 2 ** (this.failures - failuresToOpen));
      this.closedUntil = Date.now() + pause;
    }
  }

  /** Calls since midnight, by the database's clock. */
  async callsToday(): Promise<number> {
    await this.flush();
    const rows = await this.dataSource.query<{ calls: string }[]>(
      `SELECT calls FROM call_budget WHERE address = $1 AND real_day = current_date`,
      [this.address],
    );
    return Number(rows[0]?.calls ?? 0);
  }

  /** Writes down the calls that were only counted in memory. */
  async flush(): Promise<void> {
    const calls = this.unflushed;
    if (calls === 0) return;
    this.unflushed = 0;
    this.flushedAt = Date.now();
    await this.dataSource.query(
      `INSERT INTO call_budget AS b (address, real_next_at, real_day, calls)
       VALUES ($1, clock_timestamp(), current_date, $2)
       ON CONFLICT (address) DO UPDATE SET
         calls = CASE WHEN b.real_day = current_date THEN b.calls + $2 ELSE $2 END, real_day = current_date`,
      [this.address, calls],
    );
  }
}
