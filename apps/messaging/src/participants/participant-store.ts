import type { Cause, Row, Sealed } from '@studybridge/contracts';
import type { EntityManager } from 'typeorm';

/** One participant as this service keeps it. Instants are study time. */
export interface Participant {
  participantId: string;
  binding: string;
  study: string;
  recordId: string;
  incarnation: number;
  presence: 'present' | 'deleted' | 'in-doubt';
  cause: Cause;
  correlationId: string;
  asOf: Date;
  /** Values that do not identify; the others are in `sealed`. */
  rows: Row[];
  sealed: Sealed;
  /** Keyed fingerprints (purposes `mobile` and `email`) of where the participant is reached. */
  mobilePrint: string | null;
  emailPrint: string | null;
}

const selectList = `participant_id AS "participantId", binding, study, record_id AS "recordId", incarnation, presence, cause,
  correlation_id AS "correlationId", as_of AS "asOf", rows, sealed, mobile_print AS "mobilePrint", email_print AS "emailPrint"`;

/**
 * Serialises everything that concerns one participant until the transaction ends. Taken before any row of the participant
 * is touched, also for one that is not there yet.
 */
export async function lockParticipant(em: EntityManager, participantId: string): Promise<void> {
  await em.query('SELECT pg_advisory_xact_lock(hashtextextended($1, 20180905))', [participantId]);
}

/** The participant, or null when we never heard of it. */
export async function readParticipant(em: EntityManager, participantId: string): Promise<Participant | null> {
  const found: Participant[] = await em.query(`SELECT ${selectList} FROM participant WHERE participant_id = $1`, [
    participantId,
  ]);
  return found[0] ?? null;
}

/** The participants of a binding, in the order of their ids, those after `afterId`. */
export async function readParticipants(
  em: EntityManager,
  binding: string,
  o: { afterId?: string; limit: number },
): Promise<Participant[]> {
  return em.query(
    `SELECT ${selectList} FROM participant WHERE binding = $1 AND ($2::uuid IS NULL OR participant_id > $2)
      ORDER BY participant_id LIMIT $3`,
    [binding, o.afterId ?? null, o.limit],
  );
}

/** Inserts or replaces. */
export async function saveParticipant(em: EntityManager, p: Participant): Promise<void> {
  await em.query(
    `INSERT INTO participant (participant_id, binding, study, record_id, incarnation, presence, cause, correlation_id, as_of,
                              rows, sealed, mobile_print, email_print)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
     ON CONFLICT (participant_id) DO UPDATE SET
       binding = excluded.binding, study = excluded.study, record_id = excluded.record_id, incarnation = excluded.incarnation,
       presence = excluded.presence, cause = excluded.cause, correlation_id = excluded.correlation_id, as_of = excluded.as_of,
       rows = excluded.rows, sealed = excluded.sealed, mobile_print = excluded.mobile_print, email_print = excluded.email_print`,
    [
      p.participantId,
      p.binding,
      p.study,
      p.recordId,
      p.incarnation,
      p.presence,
      p.cause,
      p.correlationId,
      p.asOf,
      JSON.stringify(p.rows),
      JSON.stringify(p.sealed),
      p.mobilePrint,
      p.emailPrint,
    ],
  );
}
