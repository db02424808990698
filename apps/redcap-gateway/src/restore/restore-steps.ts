import { type Envelope, projectPolled } from '@studybridge/contracts';
import type { RestoreSteps } from '@studybridge/event-bus';
import { StudybridgeError } from '@studybridge/contracts';
import type { EntityManager } from 'typeorm';
import type { Gateway } from '../gateway';
import type { RedcapProject } from '../projects/redcap-project';
import { desiredColumns, settleCells, type DesiredCell } from '../writes/desired-cells';
import { rebuildParticipants } from './rebuild-participants';

/** Stands as the message of cells that were wanted in the copy, until they are asked for again or settled. */
const putBack = 'The database was put back to an earlier copy; the service that asked decides anew.';

/**
 * What this service does when its database was put back (law 1): participants as they were last told; what was wanted in the
 * copy is not written, since REDCap went on; every project is read anew as `restore`, beginning where it was last said to be
 * polled. The writer stands still meanwhile.
 */
export function restoreSteps(gateway: Gateway, projects: readonly RedcapProject[]): RestoreSteps {
  const { context } = gateway;
  return {
    async prepare(em, { basePosition }) {
      const rebuilt = await rebuildParticipants(em, gateway, projects, basePosition);
      for (const project of projects) await moveCursor(em, gateway, project, basePosition);
      await em.query(
        `UPDATE desired_cell SET state = 'refused', reason = 'VALUE_CHANGED', message = $1
          WHERE state IN ('wanted', 'attempting')`,
        [putBack],
      );
      await em.query(`UPDATE write_batch SET state = 'settled', cells = '[]' WHERE state = 'attempting'`);
      context.logger.warn({ participants: rebuilt }, 'participants are again as they were last told');
    },
    async reconcile() {
      for (const project of projects) await sayPutBack(gateway, project);
      for (const binding of new Set(projects.map((one) => one.binding.id))) {
        const id = await context.jobs.run('redcap-poll', { binding, wait: true });
        const run = (await context.jobs.runs('redcap-poll')).find((one) => one.id === id);
        if (run?.state !== 'done') throw notReadAnew(binding);
      }
    },
  };
}

/** The next look begins where the last one was said to have ended, and takes the log before that for known. */
async function moveCursor(
  em: EntityManager,
  gateway: Gateway,
  project: RedcapProject,
  basePosition: number,
): Promise<void> {
  const polled: { envelope: string }[] = await em.query(
    `SELECT envelope FROM bus_outbox WHERE position > $1 AND topic = $2 AND key = $3 ORDER BY seq DESC LIMIT 1`,
    [basePosition, projectPolled.topic, `${project.binding.id}/${project.role}`],
  );
  const last = polled[0] && projectPolled.schema.parse((JSON.parse(polled[0].envelope) as Envelope).payload).asOf;
  await em.query(
    `UPDATE project SET restored_at = $3, copy_cursor_at = cursor_at, cursor_at = greatest(cursor_at, $4),
        baseline_at = coalesce(baseline_at, $4), declared_hash = coalesce(declared_hash, $5)
      WHERE binding = $1 AND role = $2`,
    [project.binding.id, project.role, gateway.context.clock.now(), last ?? null, project.declaredHash],
  );
}

/** Cells that nobody asked for again are given back to who wanted them. */
async function sayPutBack(gateway: Gateway, project: RedcapProject): Promise<void> {
  await gateway.context.dataSource.transaction(async (em) => {
    const cells = await em.query<DesiredCell[]>(
      `SELECT ${desiredColumns} FROM desired_cell WHERE binding = $1 AND role = $2 AND state = 'refused' AND message = $3
        FOR UPDATE`,
      [project.binding.id, project.role, putBack],
    );
    await settleCells(
      em,
      gateway,
      project,
      cells.map((cell) => ({ cell, outcome: 'refused', current: null, reason: 'VALUE_CHANGED' })),
    );
  });
}

function notReadAnew(binding: string): StudybridgeError {
  return new StudybridgeError(`REDCap could not be read anew for ${binding}.`, {
    code: 'RESTORE_POLL_FAILED',
    errorClass: 'dependency',
    remedy: 'See `ops jobs runs`; it is tried again.',
  });
}
