import type { Clock } from '@studybridge/contracts';

/** Real time: what production runs on. */
export class RealClock implements Clock {
  now(): Date {
    return new Date();
  }

  refresh(): Promise<void> {
    return Promise.resolve();
  }

  outsideChangedAt(): Date | null {
    return null;
  }
}
