import type { EntityManager } from 'typeorm';
import type { ReasonCode } from '@studybridge/contracts';

/** Where a stop comes from. Only a keyword's is lifted by a keyword (messaging.md §9.10). */
export type StopSource = 'keyword' | 'provider' | 'carrier' | 'staff' | 'redcap' | 'free-text';

/** A stop of one number or address. `sender`: the one that was told; '' = every sender of the study. */
export interface Stop {
  study: string;
  toPrint: string;
  sender: string;
  source: StopSource;
  /** `OPTED_OUT`, or `ASKED_TO_STOP` while a person has not decided yet. */
  reason: ReasonCode;
  /** Study time. */
  since: Date;
}

/** Keeps a stop; one that stands already stays as it is. From its commit on nothing goes there. */
export async function optOut(em: EntityManager, stop: Stop): Promise<void> {
  await em.query(
    `INSERT INTO opt_out (study, to_print, sender, source, reason, since) VALUES ($1, $2, $3, $4, $5, $6)
     ON CONFLICT (study, to_print, sender, source) WHERE lifted_at IS NULL DO NOTHING`,
    [stop.study, stop.toPrint, stop.sender, stop.source, stop.reason, stop.since],
  );
}

/** Lifts standing stops of the named sources; those of a named sender only, or of all. Returns how many. The history stays. */
export async function liftOptOut(
  em: EntityManager,
  o: { study: string; toPrint: string; sender?: string; sources: readonly StopSource[]; by: string; at: Date },
): Promise<number> {
  const [, count] = (await em.query(
    `UPDATE opt_out SET lifted_at = $5, lifted_by = $6
      WHERE study = $1 AND to_print = $2 AND ($3::text IS NULL OR sender = $3) AND source = ANY($4::text[]) AND lifted_at IS NULL`,
    [o.study, o.toPrint, o.sender ?? null, o.sources, o.at, o.by],
  )) as [unknown, number];
  return count;
}
