/** Counts by reason code. */
type ByReason = Record<string, number>;

/** What happened to one study's families. All counts describe the state reached. */
interface StudyCounts {
  consented: number;
  enrolled: number;
  armAssigned: number;
  statusWritten: number;
  /** Consented without a member at the partner, by reason. */
  held: ByReason;
}

/** Texts and mails of one study to its participants: the state reached. */
interface MessageCounts {
  /** Wait for their day, their window or their sender. */
  due: number;
  sent: number;
  delivered: number;
  /** Nobody knows whether they were sent. */
  inDoubt: number;
  held: ByReason;
  /** Closed without having gone out. */
  notSent: ByReason;
}

/** What operators were told of the jobs. */
interface OperatorCounts {
  mails: number;
  texts: number;
}

/** The object that `--json` prints. `calls` and `jobs` count this run; all else describes the state reached. */
export interface Summary {
  ok: boolean;
  bus: 'in-process' | 'kafka';
  durationMs: number;
  /** ISO 8601, UTC: the world's time. */
  studyTime: string;
  studies: Record<string, StudyCounts>;
  messaging: Record<string, MessageCounts>;
  operators: OperatorCounts;
  writes: { applied: number; refused: ByReason };
  calls: { redcapExports: number; redcapImports: number; partnerPosts: number; partnerPuts: number };
  jobs: { name: string; runs: number; failed: number }[];
  attention: ByReason;
  /** Present when `ok` is false: why, one sentence each. */
  problems?: string[];
}

/** The parts of a service's `/status` that a summary is made of; each service says only what it knows. */
export interface ServiceStatus {
  studies?: Record<string, StudyCounts>;
  messaging?: Record<string, MessageCounts>;
  operators?: OperatorCounts;
  writes?: { applied: number; refused: ByReason };
  calls?: Partial<Summary['calls']>;
  attention?: ByReason;
}

/** One service's job as `jobs.list` shows it, as far as a summary needs it. */
export interface JobCounts {
  name: string;
  runs: number;
  failed: number;
}

/** Adds up what the services say of themselves. */
export function summarise(
  base: Pick<Summary, 'bus' | 'durationMs' | 'studyTime'> & { problems: string[] },
  statuses: ServiceStatus[],
  jobs: JobCounts[],
): Summary {
  const summary: Summary = {
    ok: base.problems.length === 0,
    bus: base.bus,
    durationMs: base.durationMs,
    studyTime: base.studyTime,
    studies: {},
    messaging: {},
    operators: { mails: 0, texts: 0 },
    writes: { applied: 0, refused: {} },
    calls: { redcapExports: 0, redcapImports: 0, partnerPosts: 0, partnerPuts: 0 },
    jobs: jobs.map(({ name, runs, failed }) => ({ name, runs, failed })),
    attention: {},
    ...(base.problems.length > 0 ? { problems: base.problems } : {}),
  };
  for (const status of statuses) {
    Object.assign(summary.studies, status.studies ?? {});
    Object.assign(summary.messaging, status.messaging ?? {});
    summary.operators.mails += status.operators?.mails ?? 0;
    summary.operators.texts += status.operators?.texts ?? 0;
    summary.writes.applied += status.writes?.applied ?? 0;
    addUp(summary.writes.refused, status.writes?.refused);
    addUp(summary.calls, status.calls);
    addUp(summary.attention, status.attention);
  }
  return summary;
}

function addUp(into: Record<string, number>, from: Record<string, number> | undefined): void {
  for (const [name, count] of Object.entries(from ?? {})) into[name] = (into[name] ?? 0) + count;
}
