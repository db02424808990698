import type { Clock, Outside } from '@studybridge/contracts';

/** A clock that a test moves by hand. */
export class ManualClock implements Clock {
  private readonly changed = new Map<Outside, Date>();

  constructor(private present: Date) {}

  now(): Date {
    return new Date(this.present);
  }

  refresh(): Promise<void> {
    return Promise.resolve();
  }

  outsideChangedAt(where: Outside = 'redcap'): Date | null {
    return this.changed.get(where) ?? null;
  }

  set(date: Date): void {
    this.present = new Date(date);
  }

  /** The outside changed now; from here on quiet jobs pass over their empty runs. */
  markOutsideChanged(date: Date = this.present, where: Outside = 'redcap'): void {
    this.changed.set(where, new Date(date));
  }
}
