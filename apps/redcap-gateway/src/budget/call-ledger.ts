import type { CallReport } from '@studybridge/redcap-client';
import { DateTime } from 'luxon';
import type { DataSource } from 'typeorm';

/** What a project may ask of REDCap in a day; 0 = no budget. */
export interface CallBudget {
  calls: number;
  logLines: number;
}

/** One day's calls. `logLines`: lines they left in REDCap's log at most. */
export interface DayOfCalls {
  /** `YYYY-MM-DD`, the server's. */
  day: string;
  calls: number;
  failed: number;
  logLines: number;
}

/** Share of a budget from which it is said in the log. */
const warnAt = 0.8;
const flushEveryMs = 5_000;

interface Counts {
  calls: number;
  failed: number;
  logLines: number;
}

/**
 * Calls to REDCap of one project and what they leave in its log, by the server's day, content and action; all replicas
 * together, in the database. Counted in memory first, written every few seconds and when asked. Real time throughout.
 */
export class CallLedger {
  private pending = new Map<string, Counts>();
  private flushedAt = Date.now();
  private flushing: Promise<void> = Promise.resolve();

  constructor(
    private readonly dataSource: DataSource,
    private readonly place: { binding: string; role: string; serverZone: string },
    readonly budget: CallBudget,
    private readonly now: () => Date = () => new Date(),
  ) {}

  /** Counts one call. */
  note(report: Pick<CallReport, 'content' | 'action' | 'status' | 'logLines'>): void {
    const key = JSON.stringify([this.day(), report.content, report.action]);
    const counts = this.pending.get(key) ?? { calls: 0, failed: 0, logLines: 0 };
    counts.calls += 1;
    if (report.status !== 200) counts.failed += 1;
    counts.logLines += report.logLines;
    this.pending.set(key, counts);
    if (Date.now() - this.flushedAt > flushEveryMs) void this.flush().catch(() => undefined);
  }

  /** Writes down what was only counted in memory; what cannot be written is kept for the next time. */
  flush(): Promise<void> {
    this.flushing = this.flushing.catch(() => undefined).then(() => this.write());
    return this.flushing;
  }

  /** The last days, the newest first; today first also when nothing was asked. */
  async days(count: number): Promise<DayOfCalls[]> {
    await this.flush();
    const rows = await this.dataSource.query<{ day: string; calls: string; failed: string; lines: string }[]>(
      `SELECT to_char(real_day, 'YYYY-MM-DD') AS day, sum(calls) AS calls, sum(failed) AS failed, sum(log_lines) AS lines
         FROM call_day WHERE binding = $1 AND role = $2 GROUP BY real_day ORDER BY real_day DESC LIMIT $3`,
      [this.place.binding, this.place.role, count],
    );
    const days = rows.map((row) => ({
      day: row.day,
      calls: Number(row.calls),
      failed: Number(row.failed),
      logLines: Number(row.lines),
    }));
    const today = this.day();
    if (days[0]?.day !== today) days.unshift({ day: today, calls: 0, failed: 0, logLines: 0 });
    return days.slice(0, count);
  }

  /** One day's calls by what was asked, the most frequent first. */
  async byContent(day: string): Promise<(Counts & { content: string; action: string })[]> {
    await this.flush();
    const rows = await this.dataSource.query<
      { content: string; action: string; calls: string; failed: string; lines: string }[]
    >(
      `SELECT content, action, calls, failed, log_lines AS lines FROM call_day
        WHERE binding = $1 AND role = $2 AND real_day = $3 ORDER BY calls DESC, content, action`,
      [this.place.binding, this.place.role, day],
    );
    return rows.map(({ content, action, calls, failed, lines }) => ({
      content,
      action,
      calls: Number(calls),
      failed: Number(failed),
      logLines: Number(lines),
    }));
  }

  /** Whether a day has used up its budget, is close to it, or neither. */
  judge(day: DayOfCalls): 'within' | 'near' | 'over' {
    const used = Math.max(
      this.budget.calls > 0 ? day.calls / this.budget.calls : 0,
      this.budget.logLines > 0 ? day.logLines / this.budget.logLines : 0,
    );
    return used >= 1 ? 'over' : used >= warnAt ? 'near' : 'within';
  }

  private day(): string {
    return DateTime.fromJSDate(this.now(), { zone: this.place.serverZone }).toISODate()!;
  }

  private async write(): Promise<void> {
    if (this.pending.size === 0) return;
    const taken = this.pending;
    this.pending = new Map();
    this.flushedAt = Date.now();
    const rows = [...taken].map(([key, counts]) => {
      const [day, content, action] = JSON.parse(key) as [string, string, string];
      return { day, content, action, ...counts };
    });
    try {
      await this.dataSource.query(
        `INSERT INTO call_day AS d (binding, role, real_day, content, action, calls, failed, log_lines)
         SELECT $1, $2, day, content, action, calls, failed, "logLines" FROM jsonb_to_recordset($3::jsonb)
           AS i(day date, content text, action text, calls bigint, failed bigint, "logLines" bigint)
         ON CONFLICT (binding, role, real_day, content, action) DO UPDATE SET calls = d.calls + excluded.calls,
           failed = d.failed + excluded.failed, log_lines = d.log_lines + excluded.log_lines`,
        [this.place.binding, this.place.role, JSON.stringify(rows)],
      );
    } catch (error) {
      for (const [key, counts] of taken) {
        const since = this.pending.get(key) ?? { calls: 0, failed: 0, logLines: 0 };
        this.pending.set(key, {
          calls: since.calls + counts.calls,
          failed: since.failed + counts.failed,
          logLines: since.logLines + counts.logLines,
        });
      }
      throw error;
    }
  }
}
