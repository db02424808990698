import type { ServiceContext } from '@studybridge/service-kit';
import { Gauge } from 'prom-client';
import type { RedcapProject } from '../projects/redcap-project';

/** Shows every project's calls of today and its budget as metrics. */
export function exposeBudget(context: Pick<ServiceContext, 'registry'>, projects: readonly RedcapProject[]): void {
  const labelNames = ['project'] as const;
  const registers = [context.registry];
  const budget = new Gauge({
    name: 'redcap_calls_budget',
    help: 'Calls to REDCap planned for a day; 0 = no budget.',
    labelNames,
    registers,
  });
  const lines = new Gauge({
    name: 'redcap_log_lines_today',
    help: 'Lines that today’s calls left in REDCap’s log, at most.',
    labelNames,
    registers,
  });
  new Gauge({
    name: 'redcap_calls_today',
    help: 'Calls to REDCap on the server’s present day, all replicas together.',
    labelNames,
    registers,
    async collect() {
      for (const { name, ledger } of projects) {
        const [today] = await ledger.days(1);
        this.set({ project: name }, today!.calls);
        lines.set({ project: name }, today!.logLines);
        budget.set({ project: name }, ledger.budget.calls);
      }
    },
  });
}

/** Says once a day and state that a project comes near its budget, or is over it. */
export class BudgetWarnings {
  private readonly said = new Map<string, string>();

  constructor(private readonly context: Pick<ServiceContext, 'logger'>) {}

  async look(project: RedcapProject): Promise<void> {
    const [today] = await project.ledger.days(1);
    const state = project.ledger.judge(today!);
    const key = `${today!.day} ${state}`;
    if (state === 'within' || this.said.get(project.name) === key) return;
    this.said.set(project.name, key);
    this.context.logger.warn(
      { project: project.name, calls: today!.calls, logLines: today!.logLines, budget: project.ledger.budget },
      state === 'over' ? 'the budget of calls to REDCap is used up for today' : 'the budget of calls is nearly used up',
    );
  }
}
