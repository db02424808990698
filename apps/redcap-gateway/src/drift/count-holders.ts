import type { DataSource } from 'typeorm';
import type { RedcapProject } from '../projects/redcap-project';

/**
 * How many participants hold each code, by what we last saw. A value that is sealed cannot be compared: whoever has any
 * value there counts.
 */
export async function countHolders(
  db: DataSource,
  project: RedcapProject,
  codes: readonly { field: string; code: string }[],
): Promise<(field: string, code: string) => number> {
  const key = (field: string, code: string): string => `${field}=${code}`;
  if (codes.length === 0) return () => 0;
  const rows = await db.query<{ field: string; code: string; n: number }[]>(
    `SELECT i.field, i.code, count(DISTINCT s.participant_id)::int AS n
       FROM jsonb_to_recordset($3::jsonb) AS i(field text, code text)
       JOIN participant p ON p.binding = $1 AND p.role = $2 AND p.presence <> 'deleted'
       JOIN snapshot s ON s.participant_id = p.id AND (s.clear->>i.field = i.code OR s.prints ? i.field)
      GROUP BY i.field, i.code`,
    [project.binding.id, project.role, JSON.stringify(codes)],
  );
  const counts = new Map(rows.map((row) => [key(row.field, row.code), row.n]));
  return (field, code) => counts.get(key(field, code)) ?? 0;
}
