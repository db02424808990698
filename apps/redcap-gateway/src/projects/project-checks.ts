import { RedcapAccessError, wallTime, type ProjectInfo } from '@studybridge/redcap-client';
import type { ServiceContext } from '@studybridge/service-kit';
import type { GatewaySettings } from '../app.config';
import { findDrift, type Drift } from './find-drift';
import { DoesNotFitError, WrongProjectError } from './gateway-errors';
import { readLiveDesign, type LiveDesign } from './live-design';
import { loadProject, type ProjectState } from './project.repository';
import type { RedcapProject } from './redcap-project';

/** What a project was found to be at its last check. */
export interface Checked {
  design: LiveDesign;
  drift: Drift;
  /** Whether the token may read the log. */
  mayReadLog: boolean;
}

const checkEveryMs = 24 * 3_600_000;

/**
 * Which project a token opens, what it is made of and what the token may do: at the start, daily in study time, and after
 * REDCap refused a field. In between nothing is asked, so a quiet poll costs three calls.
 */
export class ProjectChecks {
  private readonly known = new Map<string, Checked & { at: number }>();

  constructor(private readonly context: ServiceContext<GatewaySettings>) {}

  /** The last check, or a new one where it is too old. Throws WRONG_PROJECT or DRIFT (setting), or what REDCap threw. */
  async ensure(project: RedcapProject): Promise<Checked> {
    const now = this.context.clock.now();
    const known = this.known.get(project.name);
    if (known && Math.abs(now.getTime() - known.at) < checkEveryMs) return known;
    const checked = { ...(await this.check(project, now)), at: now.getTime() };
    this.known.set(project.name, checked);
    return checked;
  }

  /** Makes the next `ensure` look again. */
  expire(project: RedcapProject): void {
    this.known.delete(project.name);
  }

  private async check(project: RedcapProject, now: Date): Promise<Checked> {
    const { dataSource, logger } = this.context;
    const state = await loadProject(dataSource, project);
    const info = await project.client.project();
    refuseOtherProject(project, state, info);
    const version = await project.client.version();
    const design = await readLiveDesign(project.client);
    refuseOtherDesign(project, design);
    const drift = findDrift(project.definition, design);
    const rights = await this.findRights(project, now);
    if (state.designHash !== null && state.designHash !== design.hash) {
      logger.warn({ project: project.name }, 'the dictionary or event map changed');
    }
    for (const sentence of drift.sentences) logger.warn({ project: project.name, sentence }, 'drift');
    await dataSource.query(
      `UPDATE project SET project_id = $3, title = $4, production = $5, checked_at = $6, version = $7, rights = $8,
          design_hash = $9, drift = $10 WHERE binding = $1 AND role = $2`,
      [
        project.binding.id,
        project.role,
        info.project_id,
        info.project_title,
        info.in_production,
        now,
        version,
        JSON.stringify(rights),
        design.hash,
        JSON.stringify(drift.sentences),
      ],
    );
    return { design, drift, mayReadLog: rights.logging ?? false };
  }

  /** The rights behind the token, as far as it lets itself be asked: its own name is told only by the log. */
  private async findRights(project: RedcapProject, now: Date): Promise<Record<string, boolean>> {
    const rights: Record<string, boolean> = { export: true };
    const users = await orNull(() => project.client.users());
    const beginTime = wallTime(new Date(now.getTime() - 5 * 60_000), project.serverZone).slice(0, 16);
    const log = await orNull(() => project.client.log({ beginTime }));
    rights.logging = log !== null;
    rights.users = users !== null;
    const me = log?.find((line) => line.details.startsWith('Export ') && line.details.includes('(API)'))?.username;
    const own = users?.find((user) => user.username === me) ?? (users?.length === 1 ? users[0] : undefined);
    if (own) {
      rights.import = (own.rights.api_import ?? 0) > 0;
      rights.createRecords = (own.rights.record_create ?? 0) > 0;
    }
    return rights;
  }
}

function refuseOtherProject(project: RedcapProject, pinned: ProjectState, info: ProjectInfo): void {
  const { expected } = project;
  const id = expected.projectId ?? pinned.projectId;
  const title = expected.title ?? pinned.title;
  const production = expected.production ?? pinned.production;
  if (id !== null && id !== info.project_id) {
    throw new WrongProjectError(project.name, `project ${info.project_id} instead of ${id}`);
  }
  if (title !== null && title !== info.project_title) throw new WrongProjectError(project.name, 'its title differs');
  if (production !== null && production !== info.in_production) {
    throw new WrongProjectError(project.name, info.in_production ? 'it is in production' : 'it is not in production');
  }
}

function refuseOtherDesign(project: RedcapProject, design: LiveDesign): void {
  const { definition } = project;
  if (design.recordIdField !== definition.recordIdField) {
    throw new DoesNotFitError(
      project.name,
      `its record id field is ${design.recordIdField || 'missing'}, not ${definition.recordIdField}`,
    );
  }
  const known = definition.declaredFields.filter((field) => design.instrumentOfColumn(field) !== null);
  if (known.length * 2 < definition.declaredFields.length) {
    throw new DoesNotFitError(
      project.name,
      `${definition.declaredFields.length - known.length} of its ${definition.declaredFields.length} declared fields are gone`,
    );
  }
  const lost = definition.events.filter((event) => !design.hasEvent(event.uniqueName));
  if (lost.length * 2 > definition.events.length) {
    throw new DoesNotFitError(project.name, `${lost.length} of its ${definition.events.length} events are gone`);
  }
}

async function orNull<T>(ask: () => Promise<T>): Promise<T | null> {
  try {
    return await ask();
  } catch (error) {
    if (error instanceof RedcapAccessError) return null;
    throw error;
  }
}
