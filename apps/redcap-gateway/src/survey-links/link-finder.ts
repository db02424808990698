import {
  errorClassOf,
  StudybridgeError,
  surveyLinkFound,
  type Cause,
  type ReasonCode,
  type Row,
} from '@studybridge/contracts';
import { RedcapRefusedError } from '@studybridge/redcap-client';
import { LeaseLostError, runCorrelated, type Lease } from '@studybridge/service-kit';
import { BackgroundWork } from '../background-work';
import type { Gateway } from '../gateway';
import { findById, loadSnapshots } from '../participants/participant.repository';
import type { RedcapProject } from '../projects/redcap-project';
import { refuseParticipant, refusePlace } from '../writes/guard';

const leaseMs = 30_000;
/** After so many failures that are nobody else's fault the asker is told that there is no link. */
const bugAttempts = 5;

interface WantedLink {
  requestId: string;
  participantId: string;
  event: string;
  instrument: string;
  instance: number;
  cause: Cause;
  correlationId: string;
  version: number;
  attempts: number;
}

/**
 * Asks REDCap for the survey links of one project, one after the other, under the governor. A lost answer is asked for again,
 * since asking changes nothing; the lease only keeps replicas from asking twice. Times of backoff are real time.
 */
export class LinkFinder extends BackgroundWork {
  constructor(
    private readonly gateway: Gateway,
    private readonly project: RedcapProject,
  ) {
    super();
  }

  protected async work(): Promise<void> {
    const { clock, logger } = this.gateway.context;
    let link: WantedLink | null = null;
    try {
      if ((await this.next()) === null) return;
      await clock.refresh();
      const lease = await this.gateway.context.leases.acquire(`redcap-links:${this.project.name}`, leaseMs);
      if (lease === null) return;
      const renewing = setInterval(() => void lease.renew().catch(() => false), leaseMs / 4);
      renewing.unref();
      try {
        for (link = await this.next(); link !== null && !this.stopped; link = await this.next()) {
          const asked = link;
          await runCorrelated(asked.correlationId, () => this.answer(lease, asked));
        }
      } finally {
        clearInterval(renewing);
        await lease.release().catch(() => undefined);
      }
      this.succeeded();
    } catch (error) {
      if (error instanceof LeaseLostError) return;
      const level = this.failed(error);
      logger[level]({ err: error, project: this.project.name }, 'survey links wait and will be asked for again');
      if (link !== null) await this.noteTrouble(link, error).catch(() => undefined);
    }
  }

  private async next(): Promise<WantedLink | null> {
    const rows = await this.gateway.context.dataSource.query<WantedLink[]>(
      `SELECT request_id AS "requestId", participant_id AS "participantId", event, instrument, instance, cause,
          correlation_id AS "correlationId", version, attempts
         FROM survey_link WHERE binding = $1 AND role = $2 AND state = 'wanted' ORDER BY requested_at, request_id LIMIT 1`,
      [this.project.binding.id, this.project.role],
    );
    return rows[0] ?? null;
  }

  private async answer(lease: Lease, link: WantedLink): Promise<void> {
    const found = await this.find(link);
    const { gateway, project } = this;
    const { dataSource, sealer, clock } = gateway.context;
    const reason = 'reason' in found ? found.reason : null;
    await dataSource.transaction(async (em) => {
      await lease.assert(em);
      const [, updated] = await em.query<[unknown[], number]>(
        `UPDATE survey_link SET state = 'answered', reason = $3, trouble = NULL, answered_at = $4
          WHERE request_id = $1 AND version = $2 AND state = 'wanted'`,
        [link.requestId, link.version, reason, clock.now()],
      );
      // Asked anew meanwhile: that question gets its own answer.
      if (updated === 0) return;
      const payload = {
        requestId: link.requestId,
        participantId: link.participantId,
        link: 'url' in found ? sealer.seal(project.study.id, `survey-link:${link.requestId}`, found.url) : null,
        reason,
      };
      const { cause, correlationId } = link;
      const meta = { binding: project.binding.id, study: project.study.id, cause, correlationId };
      await gateway.bus.publish(em, surveyLinkFound, payload, meta);
    });
  }

  /** Throws what hinders the asking; what speaks against this one link is its answer. */
  private async find(link: WantedLink): Promise<{ url: string } | { reason: ReasonCode }> {
    const { gateway, project } = this;
    const { dataSource } = gateway.context;
    const [participant] = await findById(dataSource, [link.participantId]);
    const unknown = refuseParticipant(participant);
    if (unknown !== null || participant === undefined) return { reason: unknown ?? 'UNKNOWN_RECORD' };
    const checked = await gateway.checks.ensure(project);
    const snapshots = await loadSnapshots(dataSource, [participant.id]);
    const rows = (snapshots.get(participant.id) ?? []).map(({ event, instrument, instance, clear }): Row => ({
      event,
      instrument,
      instance,
      values: clear,
    }));
    const misplaced = refusePlace(project, checked, rows, link);
    if (misplaced !== null) return { reason: misplaced };
    try {
      const { event, instrument, instance } = link;
      return { url: await project.client.surveyLink({ record: participant.recordId, event, instrument, instance }) };
    } catch (error) {
      // REDCap says that there is none: not a survey in that event, or the record has just gone.
      if (error instanceof RedcapRefusedError) return { reason: 'SURVEY_LINK_MISSING' };
      if (errorClassOf(error) === 'bug' && link.attempts + 1 >= bugAttempts) return { reason: 'SURVEY_LINK_MISSING' };
      throw error;
    }
  }

  private async noteTrouble(link: WantedLink, error: unknown): Promise<void> {
    const known = error instanceof StudybridgeError ? error : null;
    const trouble = {
      code: known?.code ?? 'BUG',
      errorClass: errorClassOf(error),
      sentence: known?.message ?? 'A survey link could not be asked for.',
      remedy: known?.remedy ?? 'Report it.',
    };
    await this.gateway.context.dataSource.query(
      'UPDATE survey_link SET trouble = $3, attempts = attempts + 1 WHERE request_id = $1 AND version = $2',
      [link.requestId, link.version, JSON.stringify(trouble)],
    );
  }
}

/** Links that will still be asked for by themselves; those that a setting holds up will not. */
export async function countOpenLinks(gateway: Gateway): Promise<number> {
  const rows = await gateway.context.dataSource.query<{ n: number }[]>(
    `SELECT count(*)::int AS n FROM survey_link l WHERE state = 'wanted' AND NOT EXISTS (
        SELECT 1 FROM survey_link t WHERE t.binding = l.binding AND t.role = l.role AND t.state = 'wanted'
          AND t.trouble->>'errorClass' = 'setting')`,
  );
  return rows[0]?.n ?? 0;
}

/** What hinders the asking, as sentences. */
export async function linkProblems(gateway: Gateway): Promise<string[]> {
  const rows = await gateway.context.dataSource.query<{ name: string; sentence: string; remedy: string }[]>(
    `SELECT DISTINCT binding || '/' || role AS name, trouble->>'sentence' AS sentence, trouble->>'remedy' AS remedy
       FROM survey_link WHERE state = 'wanted' AND trouble IS NOT NULL ORDER BY 1`,
  );
  return rows.map((row) => `${row.name}: survey links wait. ${row.sentence} ${row.remedy}`);
}
