import type { Lease } from '@studybridge/service-kit';
import type { DataSource } from 'typeorm';
import type { EffectRow } from './effect-row';

const openStates = `('planned', 'attempting', 'answered')`;

/** Whether e may be taken in hand: nothing of its participant is, and what does not stop contact waits its turn. */
const itsTurn = `
  e.state IN ${openStates} AND e.owner IS NULL
  AND (e.next_attempt_at IS NULL OR e.next_attempt_at <= clock_timestamp())
  AND NOT EXISTS (SELECT 1 FROM effect f WHERE f.participant_id = e.participant_id AND f.owner IS NOT NULL)
  AND (e.stops OR l.parked_at IS NULL)
  AND NOT EXISTS (
    SELECT 1 FROM effect o
     WHERE o.participant_id = e.participant_id AND o.state IN ${openStates} AND o.position < e.position
       AND (o.stops OR NOT e.stops)
  )`;

/**
 * Takes the next effect in hand and commits that, before anything is called. The participant's lane is locked first, and the
 * conditions are looked at again under the lock, so that two replicas never have one participant in hand. `paused` are the
 * kinds and bindings whose partner may not be called. Throws LEASE_LOST.
 */
export async function claimEffect(
  dataSource: DataSource,
  lease: Lease,
  kinds: string[],
  paused: { kind: string; binding: string }[],
): Promise<(EffectRow & { unknown: boolean }) | null> {
  return dataSource.transaction(async (em) => {
    const [candidate]: { key: string }[] = await em.query(
      `SELECT e.key FROM effect e JOIN effect_lane l USING (participant_id)
        WHERE e.kind = ANY($1::text[]) AND ${itsTurn}
          AND (e.stops OR e.state = 'answered' OR NOT EXISTS (
            SELECT 1 FROM unnest($2::text[], $3::text[]) AS p(kind, binding) WHERE p.kind = e.kind AND p.binding = e.binding
          ))
        ORDER BY e.stops DESC, e.position LIMIT 1 FOR UPDATE OF l SKIP LOCKED`,
      [kinds, paused.map((pair) => pair.kind), paused.map((pair) => pair.binding)],
    );
    if (candidate === undefined) return null;
    await lease.assert(em);
    const claimed = (await em.query(
      `WITH before AS (
         SELECT e.key, e.unknown, e.attempts FROM effect e JOIN effect_lane l USING (participant_id)
          WHERE e.key = $1 AND ${itsTurn} FOR UPDATE OF e
       )
       UPDATE effect SET owner = $2, epoch = $3, attempted_at = clock_timestamp(), next_attempt_at = NULL,
              state = CASE WHEN state = 'answered' THEN state ELSE 'attempting' END,
              unknown = state <> 'answered',
              attempts = effect.attempts + CASE WHEN state = 'answered' THEN 0 ELSE 1 END
         FROM before WHERE effect.key = before.key
       RETURNING effect.*, before.unknown, before.attempts`,
      [candidate.key, lease.name, lease.epoch],
    )) as [(EffectRow & { unknown: boolean })[], number];
    return claimed[0][0] ?? null;
  });
}

/** Rows of effects that a process had in hand which no longer holds its lease are free again; returns how many. */
export async function freeAbandoned(
  dataSource: DataSource,
  mine: Lease,
  acquire: (name: string) => Promise<Lease | null>,
): Promise<number> {
  const owners: { owner: string }[] = await dataSource.query(
    'SELECT DISTINCT owner FROM effect WHERE owner IS NOT NULL AND NOT (owner = $1 AND epoch = $2)',
    [mine.name, mine.epoch],
  );
  let freed = 0;
  for (const { owner } of owners) {
    // Whoever gets the lease knows that its former holder is dead or frozen.
    const taken = owner === mine.name ? mine : await acquire(owner);
    if (taken === null) continue;
    const [, count] = (await dataSource.query('UPDATE effect SET owner = NULL WHERE owner = $1 AND epoch < $2', [
      owner,
      taken.epoch,
    ])) as [unknown[], number];
    freed += count;
    if (taken !== mine) await taken.release();
  }
  return freed;
}
