import type { Clock } from '@studybridge/contracts';

/** A clock that a test moves by hand. */
export class ManualClock implements Clock {
  private changed: Date | null = null;

  constructor(private present: Date) {}

  now(): Date {
    return new Date(this.present);
  }

  refresh(): Promise<void> {
    return Promise.resolve();
  }

  outsideChangedAt(): Date | null {
    return this.changed;
  }

  set(date: Date): void {
    this.present = new Date(date);
  }

  /** The outside changed now; from here on quiet jobs pass over their empty runs. */
  markOutsideChanged(date: Date = this.present): void {
    this.changed = new Date(date);
  }
}
