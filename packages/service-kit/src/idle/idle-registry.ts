import type { IdleAnswer } from '@studybridge/contracts';

/** Messages of each topic that this service has given a seq (said) and stored in its inbox (heard), ever. */
export type TopicCounts = IdleAnswer['topics'];

/** What a service still has to do, told by its parts (law 12). */
export class IdleRegistry {
  private readonly work = new Map<string, () => Promise<number>>();
  private readonly topics: (() => Promise<TopicCounts>)[] = [];
  private readonly problems: (() => Promise<string[]>)[] = [];
  private readonly wakers: (() => void)[] = [];

  /** Counts what will still happen by itself. Asked thousands of times: one cheap statement at most. */
  addWork(name: string, count: () => Promise<number>): void {
    this.work.set(name, count);
  }

  addTopics(tell: () => Promise<TopicCounts>): void {
    this.topics.push(tell);
  }

  /** Sentences about what hinders the work; no participant data. */
  addProblems(tell: () => Promise<string[]>): void {
    this.problems.push(tell);
  }

  /** Called when `/idle` is asked at another instant than before, so that nobody waits for the next sweep. Must not throw or block. */
  addWaker(wake: () => void): void {
    this.wakers.push(wake);
  }

  /** Calls every waker. */
  wake(): void {
    for (const wake of this.wakers) wake();
  }

  /**
   * Asks every part; for a `brief` answer nobody what hinders the work. A part that cannot answer counts as one piece of work
   * and is named among the problems.
   */
  async ask(brief = false): Promise<Pick<IdleAnswer, 'work' | 'topics' | 'problems'>> {
    const problems: string[] = [];
    const work: Record<string, number> = {};
    const topics: TopicCounts = { said: {}, heard: {} };
    const guard = async (what: string, ask: () => Promise<void>): Promise<void> => {
      try {
        await ask();
      } catch {
        problems.push(`${what} could not be counted.`);
        work[what] = Math.max(1, work[what] ?? 0);
      }
    };
    await Promise.all([
      ...[...this.work].map(([name, count]) =>
        guard(name, async () => {
          work[name] = await count();
        }),
      ),
      ...this.topics.map((tell) =>
        guard('topics', async () => {
          const { said, heard } = await tell();
          addTo(topics.said, said);
          addTo(topics.heard, heard);
        }),
      ),
      ...(brief ? [] : this.problems).map((tell) =>
        guard('problems', async () => void problems.push(...(await tell()))),
      ),
    ]);
    return { work, topics, problems };
  }
}

function addTo(sums: Record<string, number>, more: Record<string, number>): void {
  for (const [topic, count] of Object.entries(more)) sums[topic] = (sums[topic] ?? 0) + count;
}
