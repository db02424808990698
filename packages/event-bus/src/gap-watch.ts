import { type Logger, Loop } from '@studybridge/service-kit';
import type { DataSource } from 'typeorm';
import type { Carrier } from './carrier';

const lookEveryMs = 5_000;
const patienceSeconds = 10;
const firstPauseMs = 30_000;
const longestPauseMs = 3_600_000;

/** Topics with a key whose next message has been missing for a while although a later one is there. */
const gaps = `
  SELECT DISTINCT i.topic FROM bus_inbox i JOIN bus_inbox_key k USING (topic, key)
   WHERE i.done_at IS NULL AND k.parked_at IS NULL AND i.seq > k.last_seq
     AND i.received_at < clock_timestamp() - $1 * interval '1 second'
     AND NOT EXISTS (
       SELECT 1 FROM bus_inbox n WHERE n.topic = i.topic AND n.key = i.key AND n.seq = k.last_seq + 1 AND n.done_at IS NULL
     )`;

/**
 * Notices keys that wait on a gap (the carrier lost something, or its positions no longer mean what they did) and reads the
 * topic again from its start; whatever is known is dropped. What is still missing then needs `ops bus.rebuild` at the service
 * that says it.
 */
export class GapWatch {
  private readonly loop = new Loop(() => this.look());
  private readonly tried = new Map<string, { at: number; pauseMs: number }>();
  private waiting: string[] = [];

  constructor(
    private readonly dataSource: DataSource,
    private readonly carrier: Carrier,
    private readonly group: string,
    private readonly logger: Logger,
  ) {}

  start(): void {
    this.loop.start();
  }

  async stop(): Promise<void> {
    await this.loop.stop();
  }

  problems(): string[] {
    return this.waiting.map(
      (topic) =>
        `Messages of ${topic} wait for an earlier one. If it lasts: ops bus.rebuild at the service that says it.`,
    );
  }

  private async look(): Promise<number> {
    try {
      const rows: { topic: string }[] = await this.dataSource.query(gaps, [patienceSeconds]);
      this.waiting = rows.map((row) => row.topic);
      for (const topic of [...this.tried.keys()]) if (!this.waiting.includes(topic)) this.tried.delete(topic);
      const due = this.waiting.filter((topic) => {
        const before = this.tried.get(topic);
        return before === undefined || Date.now() - before.at >= before.pauseMs;
      });
      for (const topic of due) {
        const pauseMs = Math.min(longestPauseMs, 2 * (this.tried.get(topic)?.pauseMs ?? firstPauseMs / 2));
        this.tried.set(topic, { at: Date.now(), pauseMs });
        this.logger.warn({ topic }, 'messages wait for an earlier one; the topic is read again');
      }
      if (due.length > 0) await this.carrier.rereadFromStart?.(this.group, due);
    } catch (error) {
      this.logger.debug({ err: error }, 'gaps could not be looked for');
    }
    return lookEveryMs;
  }
}
