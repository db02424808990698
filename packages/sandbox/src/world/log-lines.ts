/** One line of what happened in the world. */
export interface LogLine {
  /** Study time, ISO UTC. */
  at: string;
  line: string;
}

/** The last lines of what happened; for people, no part of the world's state. */
export class LogLines {
  private lines: LogLine[] = [];

  constructor(private readonly keep = 400) {}

  add(at: Date, line: string): void {
    this.lines.push({ at: at.toISOString(), line });
    if (this.lines.length > this.keep * 2) this.lines = this.lines.slice(-this.keep);
  }

  /** Newest last. */
  last(count: number): LogLine[] {
    return this.lines.slice(-count);
  }
}
