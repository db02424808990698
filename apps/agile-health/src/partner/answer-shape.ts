import type { Logger } from '@studybridge/service-kit';
import type { DataSource } from 'typeorm';

/**
 * What the partner's answers held that the contract does not know, since the process started: names of fields and of code
 * lists, never values. It stands until a person has acknowledged it; who knows of a name once is not told it again, not even
 * after a restart.
 */
export class AnswerShape {
  private readonly seen = new Set<string>();

  constructor(
    private readonly logger: Logger,
    private readonly dataSource: Pick<DataSource, 'query'>,
  ) {}

  /** Notes names; each is told once. */
  note(names: readonly string[]): void {
    for (const name of names) {
      if (this.seen.has(name)) continue;
      this.seen.add(name);
      this.logger.warn({ name }, 'the partner’s answers hold something that the contract does not know');
    }
  }

  /** What waits for a person, in the order in which it was seen. */
  async waiting(): Promise<string[]> {
    if (this.seen.size === 0) return [];
    const rows: { name: string }[] = await this.dataSource.query(
      'SELECT name FROM acknowledged_shape WHERE name = ANY($1::text[])',
      [[...this.seen]],
    );
    const known = new Set(rows.map(({ name }) => name));
    return [...this.seen].filter((name) => !known.has(name));
  }

  /** A person knows, of one thing or of all. Answers how many. */
  async acknowledge(what?: string): Promise<number> {
    const known = (await this.waiting()).filter((name) => what === undefined || name === what);
    await this.dataSource.query(
      'INSERT INTO acknowledged_shape (name) SELECT unnest($1::text[]) ON CONFLICT DO NOTHING',
      [known],
    );
    return known.length;
  }
}
