import type { Logger } from '@studybridge/service-kit';

/**
 * What the partner's answers held that the contract does not know, since the process started: names of fields and of code
 * lists, never values. It stands until a person has acknowledged it; at the next start it is looked for anew.
 */
export class AnswerShape {
  private readonly seen = new Map<string, { acknowledged: boolean }>();

  constructor(private readonly logger: Logger) {}

  /** Notes names; each is told once. */
  note(names: readonly string[]): void {
    for (const name of names) {
      if (this.seen.has(name)) continue;
      this.seen.set(name, { acknowledged: false });
      this.logger.warn({ name }, 'the partner’s answers hold something that the contract does not know');
    }
  }

  /** What waits for a person. */
  waiting(): string[] {
    return [...this.seen].filter(([, { acknowledged }]) => !acknowledged).map(([name]) => name);
  }

  /** A person knows, of one thing or of all. Answers how many. */
  acknowledge(what?: string): number {
    const known = this.waiting().filter((name) => what === undefined || name === what);
    for (const name of known) this.seen.set(name, { acknowledged: true });
    return known.length;
  }
}
