import type { DataSource } from 'typeorm';

/** Effects that will still happen by themselves; those of a paused partner count, those of a parked participant do not. */
export async function countEffects(dataSource: DataSource): Promise<number> {
  const [row]: { n: number }[] = await dataSource.query(`
    SELECT count(*)::int AS n FROM effect e JOIN effect_lane l USING (participant_id)
     WHERE e.state IN ('planned', 'attempting', 'answered') AND (e.stops OR l.parked_at IS NULL OR e.owner IS NOT NULL)`);
  return row?.n ?? 0;
}

/** What a person should know of: calls in doubt (but those of kinds that tell of them themselves), and what we could not do for a reason of ours. */
export async function effectsAttention(dataSource: DataSource, told: string[]): Promise<Record<string, number>> {
  const [row]: { doubt: number; failed: number }[] = await dataSource.query(
    `SELECT (SELECT count(*)::int FROM effect WHERE state = 'in-doubt' AND kind <> ALL($1::text[])) AS doubt,
           (SELECT count(*)::int FROM effect_lane WHERE parked_code = 'EFFECT_FAILED') AS failed`,
    [told],
  );
  const attention: Record<string, number> = {};
  if (row !== undefined && row.doubt > 0) attention['EFFECT_IN_DOUBT'] = row.doubt;
  if (row !== undefined && row.failed > 0) attention['EFFECT_FAILED'] = row.failed;
  return attention;
}
