import type { DataSource, EntityManager } from 'typeorm';

/**
 * What is known of the database: `unchecked`: nobody has asked yet whether it is the newest; `restored`: it was put back, and
 * what was said since is being read back; `recovered`: that is done, and the service compares with its partners before
 * anything goes out; `clear`: all is as it should be.
 */
export type RestorePhase = 'unchecked' | 'restored' | 'recovered' | 'clear';

/** The database that a statement runs in. */
export const thisDatabase = '(SELECT oid::text FROM pg_database WHERE datname = current_database())';
/** The run of the server that a statement runs on: files that were put back need a new one. */
export const thisServer = 'extract(epoch FROM pg_postmaster_start_time())::text';
/** Rows that were loaded from a dump were written by another transaction than the one they name. */
export const writtenHere = 'r.xmin::text::bigint = r.written_by % 4294967296';

/** One column, `phase`; no row where nobody has ever asked. */
export const phaseNow = `
  SELECT CASE WHEN r.checked_database = ${thisDatabase} AND r.checked_server = ${thisServer} AND ${writtenHere}
              THEN r.state ELSE 'unchecked' END AS phase
    FROM bus_restore r`;

/** One statement, for whoever must know in its own transaction. */
export async function readPhase(db: DataSource | EntityManager): Promise<RestorePhase> {
  const [row]: { phase: RestorePhase }[] = await db.query(phaseNow);
  return row?.phase ?? 'unchecked';
}

/**
 * The same, in a transaction that goes on from it: as long as the two sides are being compared, that does not end before the
 * transaction has.
 */
export async function holdPhase(em: EntityManager): Promise<RestorePhase> {
  const phase = await readPhase(em);
  if (phase !== 'recovered') return phase;
  const [row]: { phase: RestorePhase }[] = await em.query(`${phaseNow} FOR SHARE OF r`);
  return row?.phase ?? 'unchecked';
}

/** Writes the row anew: this database, on this server, is in that state. Not inside a savepoint. */
export const writeState = `
  INSERT INTO bus_restore AS r (state, checked_database, checked_server, written_by, base_position, why, restored_at)
    VALUES ($1, ${thisDatabase}, ${thisServer}, pg_current_xact_id()::text::bigint,
            (SELECT coalesce(max(position), 0) FROM bus_outbox), $2, CASE WHEN $1 = 'restored' THEN clock_timestamp() END)
    ON CONFLICT (one) DO UPDATE SET state = excluded.state, checked_database = excluded.checked_database,
      checked_server = excluded.checked_server, written_by = excluded.written_by,
      base_position = CASE WHEN $1 = 'restored' THEN excluded.base_position ELSE r.base_position END,
      why = coalesce(excluded.why, r.why), restored_at = coalesce(excluded.restored_at, r.restored_at),
      recovered_at = CASE $1 WHEN 'restored' THEN NULL WHEN 'recovered' THEN clock_timestamp() ELSE r.recovered_at END,
      cleared_at = CASE $1 WHEN 'clear' THEN clock_timestamp() ELSE NULL END`;
