import type { ReasonCode } from '@studybridge/contracts';
import { jobNames } from '../follow-up/job-names';
import type { Room } from '../room';

/** What held these messages is over: all of them are decided upon anew, by a run that is announced now. */
export async function wakeHeld(room: Room, reasons: readonly ReasonCode[]): Promise<number> {
  const { dataSource, clock, jobs } = room.context;
  await clock.refresh();
  return dataSource.transaction(async (em) => {
    const [, count] = (await em.query(
      `UPDATE message SET look_at = $2 WHERE state = 'held' AND reason = ANY($1::text[])`,
      [reasons, clock.now()],
    )) as [unknown, number];
    if (count > 0) {
      for (const binding of room.places.keys()) await jobs.announce(em, jobNames.due, clock.now(), { binding });
    }
    return count;
  });
}
