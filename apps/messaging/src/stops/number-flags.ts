import type { ReasonCode } from '@studybridge/contracts';
import type { EntityManager } from 'typeorm';

/** Notes that a number does not take texts: nothing is sent to it until the flag is taken away or the number changed. */
export async function flagNumber(
  em: EntityManager,
  flag: {
    study: string;
    toPrint: string;
    reason: ReasonCode;
    errorCode: string | null;
    line: string | null;
    since: Date;
  },
): Promise<void> {
  await em.query(
    `INSERT INTO number_flag (study, to_print, reason, error_code, line, since) VALUES ($1, $2, $3, $4, $5, $6)
     ON CONFLICT (study, to_print) DO NOTHING`,
    [flag.study, flag.toPrint, flag.reason, flag.errorCode, flag.line, flag.since],
  );
}

/** Takes a flag away (a person verified the number); false when there was none. */
export async function unflagNumber(em: EntityManager, study: string, toPrint: string): Promise<boolean> {
  const [, count] = (await em.query('DELETE FROM number_flag WHERE study = $1 AND to_print = $2', [
    study,
    toPrint,
  ])) as [unknown, number];
  return count > 0;
}
