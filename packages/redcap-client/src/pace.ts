/** How many records the next call takes, so that each takes about as long as meant: at most twice or half as many as the last. */
export class Pace {
  constructor(
    private readonly targetMs: number,
    /** Records for the next call. */
    public size: number,
    private readonly most: number,
  ) {}

  /** A call with so many records took so long. */
  took(records: number, ms: number): void {
    const factor = Math.min(2, Math.max(0.5, this.targetMs / Math.max(1, ms)));
    // The last call of a run is small and says little.
    if (records < this.size && factor > 1) return;
    this.size = Math.min(this.most, Math.max(1, Math.floor(records * factor)));
  }

  /** A call with so many records was too much. Answers whether fewer can be asked for. */
  slower(records: number): boolean {
    this.size = Math.max(1, Math.floor(records / 2));
    return records > 1;
  }
}
