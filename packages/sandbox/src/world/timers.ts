/** A timer in study time; plain JSON, so that it survives a restart. */
export interface Timer {
  /** ISO UTC. */
  at: string;
  name: string;
  data: unknown;
}

/** Timers in the order they fall due; equal instants keep the order they were set in. */
export class Timers {
  private list: { atMs: number; timer: Timer }[] = [];

  add(timer: Timer): void {
    const atMs = Date.parse(timer.at);
    let low = 0;
    let high = this.list.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.list[middle]!.atMs <= atMs) low = middle + 1;
      else high = middle;
    }
    this.list.splice(low, 0, { atMs, timer });
  }

  /** When the next timer falls due, epoch milliseconds; Infinity when none is set. */
  nextMs(): number {
    return this.list[0]?.atMs ?? Infinity;
  }

  take(): Timer | null {
    return this.list.shift()?.timer ?? null;
  }

  snapshot(): Timer[] {
    return this.list.map(({ timer }) => timer);
  }

  restore(timers: Timer[]): void {
    this.list = [];
    for (const timer of timers) this.add(timer);
  }
}
