import { StudybridgeError, type ErrorClass } from '@studybridge/contracts';
import type { DataSource, EntityManager } from 'typeorm';
import type { DesignChange } from '../drift/design-change';
import type { TokenRights } from '../monitoring/token-rights';
import type { RedcapProject } from './redcap-project';

/** What hinders a whole project just now. */
interface Trouble {
  code: string;
  errorClass: ErrorClass;
  sentence: string;
  remedy: string;
  since: string;
}

/** What is kept of a project between polls. Instants are study time. */
export interface ProjectState {
  projectId: number | null;
  title: string | null;
  production: boolean | null;
  checkedAt: Date | null;
  version: string | null;
  rights: Record<string, boolean>;
  designHash: string | null;
  declaredHash: string | null;
  /** What drift changed, as sentences; the changes themselves. */
  drift: string[];
  changes: DesignChange[];
  /** Unique event names by REDCap's event id, so that a renamed event is known again. */
  eventIds: Record<string, string>;
  tokenRights: TokenRights | null;
  /** Newest line of the log on design or rights that was looked at. */
  designLine: string | null;
  /** Something that drift had stopped came back: everything is to be read once more. */
  reread: boolean;
  trouble: Trouble | null;
  baselineAt: Date | null;
  cursorAt: Date | null;
  /** Newest line of the log that was seen, the server's wall time. */
  logNewest: string | null;
  polledAt: Date | null;
  comparedAt: Date | null;
}

/** The state of a project; a row is made at first sight. */
export async function loadProject(db: DataSource | EntityManager, project: RedcapProject): Promise<ProjectState> {
  const where = [project.binding.id, project.role];
  const select = `SELECT project_id AS "projectId", title, production, checked_at AS "checkedAt", version, rights,
      design_hash AS "designHash", declared_hash AS "declaredHash", drift, changes, event_ids AS "eventIds",
      token_rights AS "tokenRights", design_line AS "designLine", reread, trouble, baseline_at AS "baselineAt",
      cursor_at AS "cursorAt", log_newest AS "logNewest", polled_at AS "polledAt", compared_at AS "comparedAt"
    FROM project WHERE binding = $1 AND role = $2`;
  const [known] = await db.query<ProjectState[]>(select, where);
  if (known) return known;
  await db.query('INSERT INTO project (binding, role) VALUES ($1, $2) ON CONFLICT DO NOTHING', where);
  return (await db.query<ProjectState[]>(select, where))[0]!;
}

/** Notes what hinders a project, or that nothing does. Whoever is not a StudybridgeError hinders one piece of work, not the project. */
export async function noteTrouble(db: DataSource, project: RedcapProject, error: unknown, now: Date): Promise<void> {
  const known = error instanceof StudybridgeError && error.retryable && error.code !== 'LEASE_LOST' ? error : null;
  if (error !== null && known === null) return;
  const trouble = known && {
    code: known.code,
    errorClass: known.errorClass,
    sentence: known.message,
    remedy: known.remedy,
    since: now.toISOString(),
  };
  await db.query(
    `UPDATE project SET trouble = CASE
        WHEN $3::jsonb IS NULL THEN NULL
        WHEN trouble->>'code' = $3::jsonb->>'code' THEN $3::jsonb || jsonb_build_object('since', trouble->>'since')
        ELSE $3::jsonb END
      WHERE binding = $1 AND role = $2 AND (trouble IS NOT NULL OR $3::jsonb IS NOT NULL)`,
    [project.binding.id, project.role, trouble === null ? null : JSON.stringify(trouble)],
  );
}

/** The next number in the order in which exports and write-backs begin. */
export async function nextReadMark(db: DataSource): Promise<number> {
  const rows = await db.query<{ mark: string }[]>(`SELECT nextval('read_mark') AS mark`);
  return Number(rows[0]!.mark);
}
