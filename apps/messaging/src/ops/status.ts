import type { Room } from '../room';

interface StudyStatus {
  /** Wait for their day, their window or their sender. */
  due: number;
  /** Handed over and taken, ever. */
  sent: number;
  delivered: number;
  held: Record<string, number>;
  /** Closed without having gone out, by reason. */
  notSent: Record<string, number>;
  /** Nobody knows whether they were sent. */
  inDoubt: number;
}

/** `GET /status`: the state reached, per study, from the database: messages to participants; what operators get is counted apart. */
export async function tellStatus(room: Room): Promise<object> {
  const { dataSource } = room.context;
  const messaging: Record<string, StudyStatus> = {};
  for (const { study } of room.places.values()) {
    messaging[study.id] = { due: 0, sent: 0, delivered: 0, held: {}, notSent: {}, inDoubt: 0 };
  }
  const sums: { study: string; due: number; sent: number; delivered: number; inDoubt: number }[] =
    await dataSource.query(
      `SELECT study, count(*) FILTER (WHERE state IN ('planned', 'queued', 'dispatching'))::int AS due,
            count(accepted_at)::int AS sent,
            count(*) FILTER (WHERE state = 'delivered')::int AS delivered,
            count(*) FILTER (WHERE state = 'in-doubt')::int AS "inDoubt"
       FROM message WHERE participant_id IS NOT NULL GROUP BY study`,
    );
  for (const { study, ...counts } of sums) messaging[study] = { ...counts, held: {}, notSent: {} };
  const waiting: { study: string; state: string; reason: string; n: number }[] = await dataSource.query(
    `SELECT study, state, reason, count(*)::int AS n FROM message
      WHERE state IN ('held', 'suppressed', 'expired') AND reason IS NOT NULL AND participant_id IS NOT NULL
      GROUP BY study, state, reason ORDER BY reason`,
  );
  for (const { study, state, reason, n } of waiting) {
    const one = messaging[study];
    const sums = state === 'held' ? one?.held : one?.notSent;
    if (sums) sums[reason] = (sums[reason] ?? 0) + n;
  }
  const operators: { channel: 'sms' | 'email'; n: number }[] = await dataSource.query(
    `SELECT channel, count(accepted_at)::int AS n FROM message WHERE participant_id IS NULL GROUP BY channel`,
  );
  const attention: { reason: string; n: number }[] = await dataSource.query(
    `SELECT attention AS reason, count(*)::int AS n FROM message WHERE attention IS NOT NULL GROUP BY attention ORDER BY attention`,
  );
  const told = (channel: 'sms' | 'email'): number => operators.find((one) => one.channel === channel)?.n ?? 0;
  return {
    messaging,
    operators: { mails: told('email'), texts: told('sms') },
    attention: Object.fromEntries(attention.map(({ reason, n }) => [reason, n])),
  };
}

/** Sentences about what keeps messages from going out. */
export async function tellProblems(room: Room): Promise<string[]> {
  const off: { scope: string; note: string | null }[] = await room.context.dataSource.query(
    `SELECT scope, note FROM sending_switch ORDER BY since`,
  );
  const bad: { problem: string; remedy: string }[] = await room.context.dataSource.query(
    `SELECT DISTINCT problem, remedy FROM sender WHERE problem IS NOT NULL`,
  );
  return [
    ...off.map(
      ({ scope, note }) => `Sending is switched off (${scope}): ${note ?? 'by a person'}. See messages.stopped.`,
    ),
    ...bad.map(({ problem, remedy }) => `${problem} ${remedy}`),
  ];
}
