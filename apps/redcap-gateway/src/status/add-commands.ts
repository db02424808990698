import { StudybridgeError } from '@studybridge/contracts';
import { z } from 'zod';
import type { Gateway } from '../gateway';
import { addMonitoringCommands } from '../monitoring/add-monitoring-commands';
import { listDoubts, settleDoubt } from '../participants/settle-doubt';
import type { RedcapProject } from '../projects/redcap-project';

/** The operator's commands of this service. */
export function addCommands(gateway: Gateway, projects: readonly RedcapProject[]): void {
  const { ops, jobs, dataSource } = gateway.context;
  addMonitoringCommands(gateway, projects);
  ops.add(
    'poll.now',
    z.object({ binding: z.string().optional() }),
    async ({ binding }) => {
      const bindings = [...new Set(projects.map((project) => project.binding.id))];
      const wanted = binding === undefined ? bindings : bindings.filter((id) => id === binding);
      const runs = await Promise.all(wanted.map((id) => jobs.run('redcap-poll', { binding: id })));
      return { runs };
    },
    'Looks at REDCap now: the same as jobs.run redcap-poll.',
  );
  ops.add('identity.list', z.object({}), () => listDoubts(gateway), 'Lists whose identity is in doubt, and why.');
  ops.add(
    'identity.settle',
    z.object({
      participantId: z.uuid(),
      as: z.enum(['same', 'deleted', 'renamed', 'new']),
      record: z.string().optional(),
    }),
    async (args) => {
      const project = await settleDoubt(gateway, projects, args);
      return { run: await jobs.run('full-comparison', { binding: project.binding.id }) };
    },
    'Settles a doubt: same, deleted, renamed (with record), or new for somebody who appeared.',
  );
  ops.add(
    'writes.list',
    z.object({ reason: z.string().optional() }),
    ({ reason }) =>
      dataSource.query<unknown[]>(
        `SELECT participant_id AS "participantId", binding, role, owner, event, instrument, instance, field, reason, message,
            settled_at AS at FROM desired_cell WHERE state = 'refused' AND ($1::text IS NULL OR reason = $1)
          ORDER BY settled_at DESC LIMIT 500`,
        [reason ?? null],
      ),
    'Lists refused cells, newest first, by reason where one is given.',
  );
  ops.add(
    'writes.release',
    z.object({ binding: z.string().optional() }),
    async ({ binding }) => {
      const [, released] = await dataSource.query<[unknown[], number]>(
        `UPDATE desired_cell SET state = 'wanted', reason = NULL, cap_waived = true
          WHERE state = 'refused' AND reason = 'OVER_CAP' AND ($1::text IS NULL OR binding = $1)`,
        [binding ?? null],
      );
      gateway.wakeWriter();
      return { released };
    },
    'Lets writes go that were refused for being over the cap.',
  );
  ops.add(
    'project.pin',
    z.object({ binding: z.string(), role: z.string().default('main') }),
    async ({ binding, role }) => {
      const project = projects.find((one) => one.binding.id === binding && one.role === role);
      if (!project) {
        throw new StudybridgeError('There is no such project.', {
          code: 'UNKNOWN_PROJECT',
          errorClass: 'participant',
          remedy: 'GET /status lists the projects.',
        });
      }
      await dataSource.query(
        'UPDATE project SET project_id = NULL, title = NULL, production = NULL WHERE binding = $1 AND role = $2',
        [binding, role],
      );
      gateway.checks.expire(project);
      const { design } = await gateway.checks.ensure(project);
      return { design: design.hash.slice(0, 12) };
    },
    'Takes the project that the token opens now as the right one, after it moved to production or was given another title.',
  );
}
