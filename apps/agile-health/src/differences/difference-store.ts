import type { DifferenceKind } from '@studybridge/contracts';
import type { DataSource, EntityManager } from 'typeorm';
import type { Difference } from './difference';

/** A difference as it was last found. */
export interface StoredDifference extends Difference {
  participantId: string;
  binding: string;
  /** Study time; when it was found first, and last. */
  since: Date;
  seenAt: Date;
}

const selectList = `participant_id AS "participantId", binding, kind, cause, fields, since, seen_at AS "seenAt"`;

/** Differences, oldest first; all of them, or those of a kind, a cause or a participant. */
export function listDifferences(
  db: DataSource | EntityManager,
  o: { binding?: string; kind?: DifferenceKind; cause?: string; participantId?: string; limit?: number } = {},
): Promise<StoredDifference[]> {
  return db.query(
    `SELECT ${selectList} FROM difference
      WHERE ($1::text IS NULL OR binding = $1) AND ($2::text IS NULL OR kind = $2) AND ($3::text IS NULL OR cause = $3)
        AND ($4::uuid IS NULL OR participant_id = $4)
      ORDER BY since, participant_id, kind LIMIT $5`,
    [o.binding ?? null, o.kind ?? null, o.cause ?? null, o.participantId ?? null, o.limit ?? 100_000],
  );
}

/** Replaces what is known of one participant; what was found before keeps its beginning. */
export async function saveDifferences(
  em: EntityManager,
  binding: string,
  participantId: string,
  differences: readonly Difference[],
  now: Date,
): Promise<void> {
  await em.query('DELETE FROM difference WHERE participant_id = $1 AND kind <> ALL($2::text[])', [
    participantId,
    differences.map((one) => one.kind),
  ]);
  for (const { kind, cause, fields } of differences) {
    await em.query(
      `INSERT INTO difference AS d (binding, participant_id, kind, cause, fields, since, seen_at)
       VALUES ($1, $2, $3, $4, $5, $6, $6)
       ON CONFLICT (participant_id, kind) DO UPDATE SET cause = excluded.cause, fields = excluded.fields,
         seen_at = excluded.seen_at`,
      [binding, participantId, kind, cause, fields, now],
    );
  }
}
