import type { IdleAnswer } from '@studybridge/contracts';
import { askIdle } from '../system/ask-service';
import type { System } from '../system/start-system';

/** Between two rounds of questions: often enough to notice an end, seldom enough to leave the machine to the services. */
const firstPauseMs = 15;
const longestPauseMs = 120;
/** Whatever moves: nothing that is in order takes so long. */
const longestSettleMs = 240_000;

/** Nothing moved any more although not everybody was idle. */
class NotIdleError extends Error {}

/**
 * Knows when the system is at rest and whether it moves (law 12). One living replica's word counts for its service, since
 * replicas answer from one database; who is dead, frozen or starting is not waited for.
 */
export class Watch {
  /** Grows with every round that found something moved since the one before. */
  progress = 0;
  rounds = 0;
  private trace = '';

  constructor(
    private readonly system: System,
    /** When to give up, real milliseconds without any movement. */
    private readonly patienceMs = 90_000,
  ) {}

  /**
   * Waits until every service is idle and everything said was heard, twice with the same numbers. `onRound` is called after
   * each round; as long as it answers true, rest does not count. Throws an error that says who is busy with what.
   */
  async settle(onRound: () => boolean = () => false): Promise<void> {
    let pauseMs = firstPauseMs;
    const began = Date.now();
    let movedAt = began;
    let lastNumbers: string | null = null;
    for (;;) {
      const before = this.progress;
      const { waits, numbers } = await this.look();
      if (this.progress !== before) movedAt = Date.now();
      const still = Date.now() - movedAt > this.patienceMs;
      if (still || Date.now() - began > longestSettleMs) {
        const now = this.system.world.now.toISOString();
        const what = still ? `Nothing has moved for ${this.patienceMs / 1000} s` : 'It moves and comes to no end';
        throw new NotIdleError(`${what} at ${now}: ${waits.join(' | ')}`);
      }
      const held = onRound();
      if (waits.length === 0 && !held) {
        if (lastNumbers === numbers) return;
        lastNumbers = numbers;
        continue;
      }
      lastNumbers = null;
      await new Promise((resolve) => setTimeout(resolve, pauseMs));
      pauseMs = Math.min(longestPauseMs, pauseMs * 1.5);
    }
  }

  /** One round of questions. */
  private async look(): Promise<{ waits: string[]; numbers: string }> {
    this.rounds += 1;
    const up = [
      ...this.system.replicas
        .filter((replica) => replica.state === 'up')
        .map((replica) => ({
          service: replica.o.service,
          name: replica.name,
          url: replica.url,
          isUp: () => replica.state === 'up',
        })),
      ...this.system.parts.map(({ name, url }) => ({ service: name, name, url, isUp: () => true })),
    ];
    const asked = await Promise.all(up.map(async (one) => ({ one, answer: await askIdle(one.url) })));
    const waits: string[] = [];
    const answers = new Map<string, IdleAnswer>();
    for (const { one, answer } of asked) {
      if (typeof answer === 'string') continue;
      const busy = this.whyBusy(answer);
      // Whoever was killed or frozen while it was asked has told of a time that is over.
      if (busy !== null && one.isUp()) waits.push(`${one.name}: ${busy}`);
      answers.set(one.service, answer);
    }
    for (const service of this.system.services) if (!answers.has(service)) waits.push(`${service}: nobody answers`);
    waits.push(...unheard(answers));
    const topics = [...answers].map(([name, { topics: counts }]) => [name, counts]);
    const trace = JSON.stringify([topics, [...answers.values()].map(({ work, nextDue }) => [work, nextDue])]);
    if (trace !== this.trace) this.progress += 1;
    this.trace = trace;
    return { waits, numbers: JSON.stringify(topics) };
  }

  private whyBusy(answer: IdleAnswer): string | null {
    const now = this.system.world.now.getTime();
    const open = Object.entries(answer.work).filter(([, count]) => count > 0);
    const reasons = open.map(([name, count]) => `${count} ${name}`);
    if (!answer.idle && open.length === 0) reasons.push('says that it is not idle');
    if (Date.parse(answer.now) !== now) reasons.push(`its clock says ${answer.now}`);
    const late = answer.nextDue.filter(({ at }) => Date.parse(at) <= now);
    if (late.length > 0) reasons.push(`due but not run: ${late.map(({ job }) => job).join(', ')}`);
    return reasons.length === 0 ? null : [reasons.join('; '), ...answer.problems].join(' – ');
  }
}

/** For each topic that someone hears: whether everything said by anyone was heard. */
function unheard(answers: ReadonlyMap<string, IdleAnswer>): string[] {
  const said = new Map<string, number>();
  for (const { topics } of answers.values()) {
    for (const [topic, count] of Object.entries(topics.said)) said.set(topic, (said.get(topic) ?? 0) + count);
  }
  return [...answers].flatMap(([name, { topics }]) =>
    Object.entries(topics.heard)
      .filter(([topic, count]) => count !== (said.get(topic) ?? 0))
      .map(([topic, count]) => `${name}: heard ${count} of ${said.get(topic) ?? 0} of ${topic}`),
  );
}
