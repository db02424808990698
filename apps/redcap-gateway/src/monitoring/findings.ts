import { reasons, type ReasonCode } from '@studybridge/contracts';
import type { DataSource, EntityManager } from 'typeorm';
import type { RedcapProject } from '../projects/redcap-project';

/** Something that changed on the other side and that a person should know of. */
export interface Finding {
  code: Extract<ReasonCode, 'VERSION_CHANGED' | 'RIGHTS_CHANGED' | 'ANSWER_SHAPE' | 'UNKNOWN_CODE'>;
  /** Names only, e.g. a field; the same thing found again is the same finding. */
  what: string;
  /** For staff and operators; no participant data. */
  sentence: string;
}

/** Notes findings. One that a person has acknowledged stays acknowledged until it went away. */
export async function noteFindings(
  db: DataSource | EntityManager,
  project: RedcapProject,
  findings: readonly Finding[],
  now: Date,
): Promise<void> {
  if (findings.length === 0) return;
  const distinct = new Map(findings.map((finding) => [`${finding.code}/${finding.what}`, finding]));
  await db.query(
    `INSERT INTO finding AS f (binding, role, code, what, sentence, first_at, last_at)
     SELECT $1, $2, code, what, sentence, $4, $4
       FROM jsonb_to_recordset($3::jsonb) AS i(code text, what text, sentence text)
     ON CONFLICT (binding, role, code, what) DO UPDATE
       SET times = f.times + 1, last_at = excluded.last_at, sentence = excluded.sentence`,
    [project.binding.id, project.role, JSON.stringify([...distinct.values()]), now],
  );
}

/** Takes away findings of a kind that were not seen again since an instant: they are no longer so. */
export async function clearFindings(
  db: DataSource | EntityManager,
  project: RedcapProject,
  code: Finding['code'],
  before: Date,
): Promise<void> {
  await db.query('DELETE FROM finding WHERE binding = $1 AND role = $2 AND code = $3 AND last_at < $4', [
    project.binding.id,
    project.role,
    code,
    before,
  ]);
}

/** How many findings wait for a person, by reason. */
export async function countFindings(
  db: DataSource,
): Promise<{ code: Finding['code']; binding: string; role: string; n: number }[]> {
  return db.query(
    `SELECT code, binding, role, count(*)::int AS n FROM finding WHERE acknowledged_at IS NULL GROUP BY code, binding, role`,
  );
}

/** Findings for the operator, newest first; acknowledged ones only when asked for. */
export async function listFindings(db: DataSource, o: { all: boolean }): Promise<object[]> {
  const rows = await db.query<{ code: Finding['code'] }[]>(
    `SELECT binding, role, code, what, sentence, times, first_at AS "firstAt", last_at AS "lastAt",
        acknowledged_at AS "acknowledgedAt"
       FROM finding WHERE $1 OR acknowledged_at IS NULL ORDER BY last_at DESC, binding, role, code, what LIMIT 500`,
    [o.all],
  );
  return rows.map((row) => ({ ...row, todo: reasons[row.code].todo }));
}

/** A person knows: it no longer asks for attention. Answers how many. */
export async function acknowledge(
  db: DataSource,
  o: { binding?: string; code?: string; what?: string },
  now: Date,
): Promise<number> {
  const [, done] = await db.query<[unknown[], number]>(
    `UPDATE finding SET acknowledged_at = $4 WHERE acknowledged_at IS NULL AND ($1::text IS NULL OR binding = $1)
        AND ($2::text IS NULL OR code = $2) AND ($3::text IS NULL OR what = $3)`,
    [o.binding ?? null, o.code ?? null, o.what ?? null, now],
  );
  return done;
}
