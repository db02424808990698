import { jobEnded } from '@studybridge/contracts';
import type { Room } from '../room';
import { hearJobEnded } from './hear-job-ended';
import { addOperatorPurposes } from './operator-purposes';
import { summarizeJobs, summaryJob } from './summarize-jobs';

/** What operators are told of all services' jobs. */
export function defineJobResults(room: Room): void {
  const { context, bus } = room;
  const { config } = context;
  addOperatorPurposes(room);
  const somebody = config.OPERATOR_EMAIL.length > 0 || config.OPERATOR_PHONE.length > 0;
  // Heard in any case: who is named later is not told of the past, and a carrier may wait until all who listen are there.
  bus.consume(jobEnded, (em, envelope) => (somebody ? hearJobEnded(em, room, envelope) : Promise.resolve()));
  if (config.JOB_SUMMARY_CRON === 'off' || config.OPERATOR_EMAIL.length === 0) return;
  for (const place of room.places.values()) {
    context.jobs.define({
      name: summaryJob,
      binding: place.binding.id,
      schedules: [{ cron: config.JOB_SUMMARY_CRON, zone: place.study.zone }],
      overlap: 'skip',
      catchUp: 'one',
      quiet: false,
      run: (run) => summarizeJobs(room, place, run),
    });
  }
}
