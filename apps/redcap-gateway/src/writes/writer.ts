import { LeaseLostError, type Lease } from '@studybridge/service-kit';
import { BackgroundWork } from '../background-work';
import type { Gateway } from '../gateway';
import { noteTrouble } from '../projects/project.repository';
import type { RedcapProject } from '../projects/redcap-project';
import { desiredColumns, settleCells, type DesiredCell } from './desired-cells';
import { resumeBatches, writeBatch } from './write-batch';

/** How long a dead writer keeps the others from its project. */
const leaseMs = 12_000;
/** No import begins in the last part of the term: the next writer may be at work by the time it arrives. */
const marginMs = 2_000;

/**
 * The writer of one project: one per project at a time (a lease), woken when cells are wanted, several participants' cells a
 * call. Times of backoff are real time.
 */
export class Writer extends BackgroundWork {
  constructor(
    private readonly gateway: Gateway,
    private readonly project: RedcapProject,
  ) {
    super();
  }

  protected async work(): Promise<void> {
    const { dataSource, clock, logger } = this.gateway.context;
    try {
      if (!(await this.hasWork())) return;
      // What is wanted in a database that was put back may have been written, and changed again, long ago.
      if (!(await this.gateway.bus.mayAct(dataSource))) return this.rest(1_000);
      await clock.refresh();
      if (await this.drain()) await noteTrouble(dataSource, this.project, null, clock.now());
      this.succeeded();
    } catch (error) {
      if (error instanceof LeaseLostError) return;
      const level = this.failed(error);
      logger[level]({ err: error, project: this.project.name }, 'writing is paused and will be tried again');
      await noteTrouble(dataSource, this.project, error, clock.now()).catch(() => undefined);
    }
  }

  private async hasWork(): Promise<boolean> {
    const rows = await this.gateway.context.dataSource.query<unknown[]>(
      `SELECT 1 FROM desired_cell WHERE binding = $1 AND role = $2 AND state IN ('wanted', 'attempting')
       UNION ALL SELECT 1 FROM write_batch WHERE binding = $1 AND role = $2 AND state = 'attempting' LIMIT 1`,
      [this.project.binding.id, this.project.role],
    );
    return rows.length > 0;
  }

  /** Writes until nothing is wanted. False when another process has the project. */
  private async drain(): Promise<boolean> {
    const { gateway, project } = this;
    const lease = await gateway.context.leases.acquire(`redcap-writer:${project.name}`, leaseMs);
    if (lease === null) return false;
    // This process's own clock, which goes on while it is frozen: only it can know that before the next import.
    let renewedAt = performance.now();
    const renewing = setInterval(() => {
      const askedAt = performance.now();
      lease.renew().then(
        (held) => (renewedAt = held ? askedAt : -Infinity),
        () => undefined,
      );
    }, leaseMs / 4);
    const surelyMine = (): boolean => performance.now() - renewedAt < leaseMs - marginMs;
    renewing.unref();
    try {
      const checked = await gateway.checks.ensure(project);
      await resumeBatches({ gateway, project, checked, lease, surelyMine });
      const participants = new Set<string>();
      while (!this.stopped) {
        const cells = await this.nextWanted(lease, participants);
        if (cells.length === 0) break;
        await writeBatch({ gateway, project, checked: await gateway.checks.ensure(project), lease, surelyMine }, cells);
      }
      return true;
    } finally {
      clearInterval(renewing);
      await lease.release().catch(() => undefined);
    }
  }

  /**
   * The next batch, or none. One drain touches at most `recordsPerRun` participants (law 3): when more are wanted, none of
   * them is written, and they wait for a person.
   */
  private async nextWanted(lease: Lease, drained: Set<string>): Promise<DesiredCell[]> {
    const { gateway, project } = this;
    const { dataSource } = gateway.context;
    const { config } = gateway.context;
    const { writeCaps } = project.study;
    const recordsPerBatch = Math.min(writeCaps.recordsPerBatch, config.REDCAP_RECORDS_PER_BATCH ?? Infinity);
    const recordsPerRun = Math.min(writeCaps.recordsPerRun, config.REDCAP_RECORDS_PER_RUN ?? Infinity);
    for (;;) {
      const wanted = await dataSource.query<{ id: string; waived: boolean }[]>(
        `SELECT participant_id AS id, bool_and(cap_waived) AS waived FROM desired_cell
          WHERE binding = $1 AND role = $2 AND state = 'wanted' GROUP BY participant_id ORDER BY min(requested_at), 1`,
        [project.binding.id, project.role],
      );
      const capped = wanted.filter((one) => !one.waived);
      for (const one of capped) drained.add(one.id);
      if (drained.size > recordsPerRun) {
        await this.refuseOverCap(
          lease,
          capped.map((one) => one.id),
        );
        for (const one of capped) drained.delete(one.id);
        continue;
      }
      if (wanted.length === 0) return [];
      return dataSource.query<DesiredCell[]>(
        `SELECT ${desiredColumns} FROM desired_cell
          WHERE participant_id = ANY($1::uuid[]) AND binding = $2 AND role = $3 AND state = 'wanted'
          ORDER BY requested_at, participant_id, event, instrument, instance, field`,
        [wanted.slice(0, recordsPerBatch).map((one) => one.id), project.binding.id, project.role],
      );
    }
  }

  private async refuseOverCap(lease: Lease, ids: readonly string[]): Promise<void> {
    const { gateway, project } = this;
    gateway.context.logger.error(
      { project: project.name, participants: ids.length },
      'a write over the cap was refused; release it with `ops writes release` once its cause is known',
    );
    await gateway.context.dataSource.transaction(async (em) => {
      await lease.assert(em);
      const cells = await em.query<DesiredCell[]>(
        `SELECT ${desiredColumns} FROM desired_cell WHERE participant_id = ANY($1::uuid[]) AND binding = $2 AND role = $3
           AND state = 'wanted' AND NOT cap_waived FOR UPDATE`,
        [ids, project.binding.id, project.role],
      );
      await settleCells(
        em,
        gateway,
        project,
        cells.map((cell) => ({ cell, outcome: 'refused', current: null, reason: 'OVER_CAP' })),
      );
    });
  }
}
