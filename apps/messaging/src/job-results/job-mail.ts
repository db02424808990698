import type { JobEnded } from '@studybridge/contracts';

/** Subject and text of a mail. */
export interface MailText {
  subject: string;
  text: string;
}

/** One run as it is mailed: complete with its output, as it is recorded. */
export function runMail(run: JobEnded, o: { recovered: boolean; failures: number }): MailText {
  const word = o.recovered
    ? `well again after ${o.failures} failed run(s)`
    : run.late
      ? `${run.outcome}, late`
      : run.outcome;
  const counts = Object.entries(run.counts).map(([what, count]) => `  ${what}: ${count}`);
  return {
    subject: `[Studybridge] ${run.job} ${run.binding}: ${word}`,
    text: [
      run.sentence,
      '',
      `Service: ${run.service}`,
      `Due: ${run.dueAt}`,
      `Began: ${run.startedAt} (${run.kind})${run.late ? ', late' : ''}`,
      `Ended: ${run.endedAt}`,
      ...(run.nextDueAt === null ? [] : [`Next: ${run.nextDueAt}`]),
      ...(counts.length === 0 ? [] : ['', 'Counts:', ...counts]),
      ...(run.log.length === 0 ? [] : ['', 'Log:', ...run.log.map((line) => `  ${line}`)]),
      '',
      `Run ${run.runId}. All runs: npm run ops -- jobs runs name=${run.job}`,
    ].join('\n'),
  };
}

/** What one job did since the last summary. */
export interface JobDay {
  service: string;
  job: string;
  binding: string;
  runs: number;
  failed: number;
  late: number;
  heldBack: number;
  lastSentence: string;
  failingSince: Date | null;
  counts: Record<string, number>;
}

/** A day of a binding in one mail. */
export function summaryMail(binding: string, jobs: readonly JobDay[]): MailText {
  const failed = jobs.reduce((sum, job) => sum + job.failed, 0);
  const lines = jobs.flatMap((job) => [
    `${job.job} (${job.service}): ${job.runs} run(s), ${job.failed} failed${job.late > 0 ? `, ${job.late} late` : ''}` +
      (job.failingSince === null ? '' : `, failing since ${job.failingSince.toISOString()}`),
    ...Object.entries(job.counts).map(([what, count]) => `  ${what}: ${count}`),
    ...(job.failed > 0 || job.failingSince !== null ? [`  last: ${job.lastSentence}`] : []),
    ...(job.heldBack > 0 ? [`  ${job.heldBack} mail(s) left out, over the limit of a day`] : []),
  ]);
  return {
    subject: `[Studybridge] ${binding}: ${failed === 0 ? 'all jobs well' : `${failed} failed run(s)`}`,
    text: lines.join('\n'),
  };
}

/** Two segments: what does not fit is in the mails. */
const longestText = 300;

/** The lines that go into one text to an operator. */
export function operatorText(lines: readonly string[]): string {
  const begin = 'Studybridge: ';
  for (let shown = lines.length; shown > 0; shown -= 1) {
    const more = lines.length - shown;
    const text = begin + lines.slice(0, shown).join(' / ') + (more > 0 ? ` / and ${more} more, see your mail` : '');
    if (text.length <= longestText) return plain(text);
  }
  return plain((begin + (lines[0] ?? '')).slice(0, longestText));
}

/** Only signs of the short alphabet, so that a text stays short. */
function plain(text: string): string {
  return text
    .replace(/[’‘]/g, "'")
    .replace(/[^\x20-\x7e]/g, '?')
    .replace(/[[\]{}^\\~|`]/g, '-');
}
