import { z } from 'zod';
import type { Gateway } from '../gateway';
import type { RedcapProject } from '../projects/redcap-project';
import { acknowledge, listFindings } from './findings';

/** The operator's commands about what changed at REDCap and what we ask of it. */
export function addMonitoringCommands(gateway: Gateway, projects: readonly RedcapProject[]): void {
  const { ops, dataSource, clock } = gateway.context;
  ops.add(
    'monitoring.list',
    z.object({ all: z.boolean().default(false) }),
    ({ all }) => listFindings(dataSource, { all }),
    'Lists what changed at REDCap: version, rights, shape of answers, unknown codes. all: also what was acknowledged.',
  );
  ops.add(
    'monitoring.acknowledge',
    z.object({ binding: z.string().optional(), code: z.string().optional(), what: z.string().optional() }),
    async (which) => ({ acknowledged: await acknowledge(dataSource, which, clock.now()) }),
    'Says that a person knows of findings: all of them, or those of a binding, a code, one thing.',
  );
  ops.add(
    'calls.list',
    z.object({
      binding: z.string().optional(),
      day: z
        .string()
        .regex(/^\d{4}-\d{2}-\d{2}$/)
        .optional(),
    }),
    async ({ binding, day }) =>
      Promise.all(
        projects
          .filter((project) => binding === undefined || project.binding.id === binding)
          .map(async ({ name, ledger }) => {
            const days = await ledger.days(31);
            return {
              project: name,
              budget: ledger.budget,
              days,
              byContent: await ledger.byContent(day ?? days[0]!.day),
            };
          }),
      ),
    'Calls to REDCap by day, and by what was asked on one day (YYYY-MM-DD, the server’s; default today).',
  );
}
