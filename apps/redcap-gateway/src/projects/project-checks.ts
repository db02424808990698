import { parseChoices } from '@studybridge/field-mapping';
import { wallTime, type LogRow, type ProjectInfo } from '@studybridge/redcap-client';
import type { ServiceContext } from '@studybridge/service-kit';
import type { GatewaySettings } from '../app.config';
import { countHolders } from '../drift/count-holders';
import type { Drift } from '../drift/design-change';
import { readDesignHints } from '../drift/design-hints';
import { findDrift, removedCodes } from '../drift/find-drift';
import { differs, partsToLookAt } from '../drift/look-at-design';
import { noteRights, noteVersion } from '../monitoring/note-changes';
import { readTokenRights, shownRights, type TokenRights } from '../monitoring/token-rights';
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
  /** Codes that stand for a missing answer in every field. */
  missingCodes: ReadonlySet<string>;
}

const checkEveryMs = 24 * 3_600_000;

/**
 * Which project a token opens, what it is made of and what the token may do: at the start, daily in study time, after
 * REDCap refused a field, and when a poll's glance shows that something changed.
 */
export class ProjectChecks {
  private readonly known = new Map<string, Checked & { at: number }>();
  private readonly turns = new Map<string, number>();

  constructor(private readonly context: ServiceContext<GatewaySettings>) {}

  /**
   * The last check, or a new one where it is too old or another replica found another design. Throws WRONG_PROJECT or DRIFT
   * (setting), or what REDCap threw.
   */
  async ensure(project: RedcapProject): Promise<Checked> {
    const now = this.context.clock.now();
    const known = this.known.get(project.name);
    if (known && Math.abs(now.getTime() - known.at) < checkEveryMs && (await this.isCurrent(project, known))) {
      return known;
    }
    const checked = { ...(await this.check(project, now)), at: now.getTime() };
    this.known.set(project.name, checked);
    return checked;
  }

  /** Makes the next `ensure` look again. */
  expire(project: RedcapProject): void {
    this.known.delete(project.name);
  }

  /**
   * A poll's glance at the design, and at the rights as far as the log speaks of them (`lines`: null where it may not be
   * read). Where something differs from the last check, everything is checked anew. One call while all is quiet.
   */
  async glance(project: RedcapProject, checked: Checked, lines: readonly LogRow[] | null): Promise<Checked> {
    const { dataSource } = this.context;
    const { designLine } = await loadProject(dataSource, project);
    const hints = readDesignHints(lines ?? [], designLine);
    const turn = this.turns.get(project.name) ?? 0;
    this.turns.set(project.name, turn + 1);
    const lostLog = checked.mayReadLog && lines === null;
    const parts = partsToLookAt(turn, {
      hinted: hints.design,
      mayReadLog: lines !== null,
      longitudinal: project.definition.events.length > 0,
    });
    const changed = hints.rights || lostLog || (await differs(project, checked.design, parts));
    if (changed) this.expire(project);
    const current = changed ? await this.ensure(project) : checked;
    // Only now is what the log said dealt with.
    if (hints.mark !== designLine) {
      await dataSource.query('UPDATE project SET design_line = $3 WHERE binding = $1 AND role = $2', [
        project.binding.id,
        project.role,
        hints.mark,
      ]);
    }
    return current;
  }

  /** Whether no other replica has found another design since. */
  private async isCurrent(project: RedcapProject, known: Checked): Promise<boolean> {
    const [row] = await this.context.dataSource.query<{ hash: string | null }[]>(
      'SELECT design_hash AS hash FROM project WHERE binding = $1 AND role = $2',
      [project.binding.id, project.role],
    );
    return row?.hash === known.design.hash;
  }

  private async check(project: RedcapProject, now: Date): Promise<Checked> {
    const { dataSource } = this.context;
    const state = await loadProject(dataSource, project);
    const info = await project.client.project();
    refuseOtherProject(project, state, info);
    const version = await project.client.version();
    const design = await readLiveDesign(project.client);
    refuseOtherDesign(project, design);
    const holders = await countHolders(dataSource, project, removedCodes(project.definition, design));
    const drift = findDrift(project.definition, design, { holders, eventIds: state.eventIds });
    const found = await readTokenRights(project, now);
    const rights: TokenRights = { ...found, own: found.own ?? state.tokenRights?.own ?? null };
    await noteVersion(dataSource, project, { before: state.version, now: version, at: now });
    const today = wallTime(now, project.serverZone);
    await noteRights(dataSource, project, { before: state.tokenRights, now: found, today, at: now });
    this.logDrift(project, state, design, drift);
    await this.keep(project, { info, version, design, drift, rights, shown: shownRights(found), state, now });
    return {
      design,
      drift,
      mayReadLog: found.logging,
      missingCodes: new Set(
        parseChoices({ field_type: 'radio', select_choices_or_calculations: info.missing_data_codes }).keys(),
      ),
    };
  }

  private logDrift(project: RedcapProject, state: ProjectState, design: LiveDesign, drift: Drift): void {
    const { logger } = this.context;
    if (state.designHash !== null && state.designHash !== design.hash) {
      logger.warn({ project: project.name }, 'the dictionary or event map changed');
    }
    const before = new Set(state.drift);
    for (const sentence of drift.sentences) {
      if (!before.has(sentence)) logger.warn({ project: project.name, sentence }, 'drift');
    }
    if (before.size > 0 && drift.changes.length === 0) logger.info({ project: project.name }, 'the drift is healed');
  }

  /** Stores what was found; what drift no longer stops is read once more, and writes that it refused are wanted again. */
  private async keep(
    project: RedcapProject,
    o: {
      info: ProjectInfo;
      version: string;
      design: LiveDesign;
      drift: Drift;
      rights: TokenRights;
      shown: Record<string, boolean>;
      state: ProjectState;
      now: Date;
    },
  ): Promise<void> {
    const healed = o.drift.isHealedSince(o.state.changes);
    const eventIds = Object.fromEntries(
      o.design.events.flatMap((event) =>
        event.event_id === undefined ? [] : [[String(event.event_id), event.unique_event_name]],
      ),
    );
    await this.context.dataSource.transaction(async (em) => {
      await em.query(
        `UPDATE project SET project_id = $3, title = $4, production = $5, checked_at = $6, version = $7, rights = $8,
            design_hash = $9, drift = $10, changes = $11, event_ids = $12::jsonb || event_ids, token_rights = $13,
            reread = reread OR $14
          WHERE binding = $1 AND role = $2`,
        [
          project.binding.id,
          project.role,
          o.info.project_id,
          o.info.project_title,
          o.info.in_production,
          o.now,
          o.version,
          JSON.stringify(o.shown),
          o.design.hash,
          JSON.stringify(o.drift.sentences),
          JSON.stringify(o.drift.changes),
          JSON.stringify(eventIds),
          JSON.stringify(o.rights),
          healed,
        ],
      );
      if (!healed) return;
      await em.query(
        `UPDATE desired_cell SET state = 'wanted', reason = NULL WHERE binding = $1 AND role = $2
            AND state = 'refused' AND reason = 'DRIFT'`,
        [project.binding.id, project.role],
      );
    });
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
