import { reasons, type ReasonCode } from '@studybridge/contracts';
import type { Summary } from './summary';

/** The summary for a person: who is where, who waits and why, and what to do about it. */
export function table(summary: Summary): string {
  const lines: string[] = [];
  for (const [study, counts] of Object.entries(summary.studies)) {
    lines.push(
      `${study.toUpperCase()} on ${summary.studyTime.slice(0, 10)}`,
      row('families consented', counts.consented),
      row('members at the texting partner', counts.enrolled),
      row('arm known to the partner', counts.armAssigned),
      row('partner status in REDCap', counts.statusWritten),
      row('held back', total(counts.held)),
      ...byReason(counts.held),
    );
  }
  for (const [study, counts] of Object.entries(summary.messaging)) {
    lines.push(
      '',
      `Messages of ${study.toUpperCase()}`,
      row('due', counts.due),
      row('sent', counts.sent),
      row('delivered', counts.delivered),
      row('sent or not, nobody knows', counts.inDoubt),
      row('held back', total(counts.held)),
      ...byReason(counts.held),
      row('not sent', total(counts.notSent)),
      ...byReason(counts.notSent),
    );
  }
  lines.push(
    '',
    'Operators',
    row('mails about jobs', summary.operators.mails),
    row('texts about jobs', summary.operators.texts),
    '',
    'REDCap',
    row('cells written and read back', summary.writes.applied),
    row('writes refused', total(summary.writes.refused)),
    ...byReason(summary.writes.refused),
    '',
    'For staff to look at',
    ...(Object.keys(summary.attention).length > 0 ? byReason(summary.attention) : ['  nothing']),
    '',
    'This run',
    row('REDCap exports', summary.calls.redcapExports),
    row('REDCap imports', summary.calls.redcapImports),
    row('partner POSTs', summary.calls.partnerPosts),
    row('partner PUTs', summary.calls.partnerPuts),
    ...summary.jobs.map((job) =>
      row(`job ${job.name}`, job.runs, job.failed > 0 ? `${job.failed} failed` : 'all well'),
    ),
    '',
    `${summary.ok ? 'All well' : 'NOT WELL'}; carrier ${summary.bus}; ${(summary.durationMs / 1000).toFixed(1)} s`,
    ...(summary.problems ?? []).map((problem) => `  ${problem}`),
  );
  return lines.join('\n');
}

function row(what: string, count: number, remark = ''): string {
  return `  ${what.padEnd(34)}${String(count).padStart(7)}  ${remark}`.trimEnd();
}

function total(counts: Record<string, number>): number {
  return Object.values(counts).reduce((sum, n) => sum + n, 0);
}

function byReason(counts: Record<string, number>): string[] {
  return Object.entries(counts)
    .sort(([a], [b]) => a.localeCompare(b))
    .map(([code, count]) => {
      const reason = code in reasons ? reasons[code as ReasonCode] : undefined;
      return `    ${code.padEnd(32)}${String(count).padStart(7)}  ${reason ? `${reason.sentence} ${reason.todo}` : ''}`.trimEnd();
    });
}
