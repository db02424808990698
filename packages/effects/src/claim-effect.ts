import type { Lease } from '@studybridge/service-kit';
import type { DataSource, EntityManager } from 'typeorm';
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

/** An effect in hand; `unknown` as it was before. `startMs`: not to be called earlier than so many ms after the claim. */
export type ClaimedEffect = EffectRow & { unknown: boolean; startMs: number };

/** What the claim is bound to. */
export interface ClaimOptions {
  kinds: string[];
  /** The kinds and bindings whose partner may not be called. */
  paused: { kind: string; binding: string }[];
  /** The paces that are not free yet. */
  closed: string[];
  limit: number;
  /** Asked inside the transaction when there is something to take; while it says no, nothing is. */
  mayAct(em: EntityManager): Promise<boolean>;
  /** Asked inside the transaction, for those that would be called: when each may be; see `Executor.admit`. */
  admit(em: EntityManager, rows: EffectRow[]): Promise<Map<string, { startMs: number } | { notBeforeMs: number }>>;
}

/**
 * Takes the next effects in hand and commits that, before anything is called. The participants' lanes are locked first, and the
 * conditions are looked at again under the lock, so that two replicas never have one participant in hand. `putOff` are those
 * that were not admitted. Throws LEASE_LOST, and what `mayAct` throws.
 */
export async function claimEffects(
  dataSource: DataSource,
  lease: Lease,
  o: ClaimOptions,
): Promise<{ claimed: ClaimedEffect[]; putOff: { pace: string | null; ms: number }[] }> {
  return dataSource.transaction(async (em) => {
    const found: EffectRow[] = await em.query(
      `SELECT e.* FROM effect e JOIN effect_lane l USING (participant_id)
        WHERE e.kind = ANY($1::text[]) AND ${itsTurn}
          AND (e.stops OR e.state = 'answered' OR NOT EXISTS (
            SELECT 1 FROM unnest($2::text[], $3::text[]) AS p(kind, binding) WHERE p.kind = e.kind AND p.binding = e.binding
          ))
          AND (e.pace IS NULL OR e.state <> 'planned' OR e.pace <> ALL($4::text[]))
        ORDER BY e.stops DESC, e.position LIMIT $5 FOR UPDATE OF l SKIP LOCKED`,
      [o.kinds, o.paused.map((pair) => pair.kind), o.paused.map((pair) => pair.binding), o.closed, o.limit],
    );
    // What stops contact and what does not may both be next of one participant: one at a time.
    const lanes = new Set<string>();
    const candidates = found.filter(({ participant_id: lane }) => !lanes.has(lane) && lanes.add(lane));
    if (candidates.length === 0 || !(await o.mayAct(em))) return { claimed: [], putOff: [] };
    await lease.assert(em);
    const toCall = candidates.filter((row) => row.state === 'planned');
    const admitted = toCall.length === 0 ? new Map<string, never>() : await o.admit(em, toCall);
    const putOff: { pace: string | null; ms: number }[] = [];
    const taken = new Map<string, number>();
    for (const row of candidates) {
      const admission = admitted.get(row.key);
      if (admission && 'notBeforeMs' in admission) {
        putOff.push({ pace: row.pace, ms: admission.notBeforeMs });
        // Nobody else is held back by what has no pace: it waits alone.
        if (row.pace === null) {
          await em.query(
            `UPDATE effect SET next_attempt_at = clock_timestamp() + $2 * interval '1 millisecond' WHERE key = $1`,
            [row.key, admission.notBeforeMs],
          );
        }
      } else taken.set(row.key, admission?.startMs ?? 0);
    }
    if (taken.size === 0) return { claimed: [], putOff };
    const [rows] = (await em.query(
      `WITH before AS (
         SELECT e.key, e.unknown, e.attempts FROM effect e JOIN effect_lane l USING (participant_id)
          WHERE e.key = ANY($1::text[]) AND ${itsTurn} FOR UPDATE OF e
       )
       UPDATE effect SET owner = $2, epoch = $3, attempted_at = clock_timestamp(), next_attempt_at = NULL,
              state = CASE WHEN state = 'answered' THEN state ELSE 'attempting' END,
              unknown = state <> 'answered',
              attempts = effect.attempts + CASE WHEN state = 'answered' THEN 0 ELSE 1 END
         FROM before WHERE effect.key = before.key
       RETURNING effect.*, before.unknown, before.attempts`,
      [[...taken.keys()], lease.name, lease.epoch],
    )) as [(EffectRow & { unknown: boolean })[], number];
    const claimed = rows.map((row) => ({ ...row, startMs: taken.get(row.key) ?? 0 }));
    return { claimed: claimed.sort((a, b) => a.startMs - b.startMs), putOff };
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
