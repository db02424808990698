import { reasonCodes, type ReasonCode } from '@studybridge/contracts';
import type { Gateway } from '../gateway';
import { countFindings } from '../monitoring/findings';
import { loadProject } from '../projects/project.repository';
import type { RedcapProject } from '../projects/redcap-project';

const knownCodes = new Set<string>(reasonCodes);

/** What `GET /status` says: the state reached, from the database; `calls` since the process started. */
export async function gatewayStatus(gateway: Gateway, projects: readonly RedcapProject[]): Promise<object> {
  const { dataSource } = gateway.context;
  const cells = await dataSource.query<{ state: string; reason: ReasonCode | null; n: number }[]>(
    `SELECT state, reason, count(*)::int AS n FROM desired_cell GROUP BY state, reason`,
  );
  const refused: Record<string, number> = {};
  for (const row of cells) {
    if (row.state === 'refused' && row.reason !== null) refused[row.reason] = (refused[row.reason] ?? 0) + row.n;
  }
  const sum = (state: string) => cells.filter((row) => row.state === state).reduce((total, row) => total + row.n, 0);
  const attention: Record<string, number> = {};
  const attend = (code: string, n: number) => {
    if (n > 0) attention[code] = (attention[code] ?? 0) + n;
  };
  const [flags] = await dataSource.query<{ overwrote: number; doubt: number; capped: number }[]>(
    `SELECT (SELECT count(DISTINCT participant_id) FROM desired_cell WHERE overwrote_at IS NOT NULL)::int AS overwrote,
            (SELECT count(*) FROM participant WHERE presence = 'in-doubt')::int AS doubt,
            (SELECT count(DISTINCT participant_id) FROM desired_cell WHERE state = 'refused' AND reason = 'OVER_CAP')::int
              AS capped`,
  );
  attend('STAFF_OVERWROTE', flags?.overwrote ?? 0);
  attend('IDENTITY_IN_DOUBT', flags?.doubt ?? 0);
  attend('OVER_CAP', flags?.capped ?? 0);
  for (const { code, n } of await countFindings(dataSource)) attend(code, n);

  const calls = { redcapExports: 0, redcapImports: 0 };
  const callsToday: Record<string, number> = {};
  const shown: Record<string, object> = {};
  for (const project of projects) {
    calls.redcapExports += project.calls.redcapExports;
    calls.redcapImports += project.calls.redcapImports;
    callsToday[project.name] = await project.governor.callsToday();
    const state = await loadProject(dataSource, project);
    if (state.drift.length > 0 && state.trouble?.code !== 'DRIFT') attend('DRIFT', 1);
    const days = await project.ledger.days(8);
    if (project.ledger.judge(days[0]!) === 'over') attend('CALL_BUDGET', 1);
    if (state.trouble && knownCodes.has(state.trouble.code)) attend(state.trouble.code, 1);
    shown[project.name] = {
      projectId: state.projectId,
      title: state.title,
      production: state.production,
      version: state.version,
      rights: state.rights,
      drift: state.drift,
      changes: state.changes,
      callDays: days,
      callBudget: project.ledger.budget,
      trouble: state.trouble,
      baselineAt: state.baselineAt,
      polledAt: state.polledAt,
      comparedAt: state.comparedAt,
      checkedAt: state.checkedAt,
    };
  }
  return {
    writes: { applied: sum('applied'), refused, open: sum('wanted') + sum('attempting') },
    calls,
    attention,
    callsToday: Object.values(callsToday).reduce((total, n) => total + n, 0),
    project: shown,
  };
}

/** Cells that will still be written by themselves; those of a project that a setting holds up will not. */
export async function countOpenWrites(gateway: Gateway): Promise<number> {
  const rows = await gateway.context.dataSource.query<{ n: number }[]>(
    `SELECT count(*)::int AS n FROM desired_cell d WHERE state IN ('wanted', 'attempting')
        AND NOT EXISTS (SELECT 1 FROM project p WHERE p.binding = d.binding AND p.role = d.role
              AND p.trouble->>'errorClass' = 'setting')`,
  );
  return rows[0]?.n ?? 0;
}

/** What hinders whole projects, as sentences. */
export async function gatewayProblems(gateway: Gateway): Promise<string[]> {
  const rows = await gateway.context.dataSource.query<{ name: string; sentence: string; remedy: string }[]>(
    `SELECT binding || '/' || role AS name, trouble->>'sentence' AS sentence, trouble->>'remedy' AS remedy
       FROM project WHERE trouble IS NOT NULL ORDER BY 1`,
  );
  return rows.map((row) => `${row.name}: ${row.sentence} ${row.remedy}`);
}
