import type { ServiceContext } from '@studybridge/service-kit';
import { Gauge } from 'prom-client';
import type { DayOfCalls } from './call-ledger';
import type { RedcapProject } from '../projects/redcap-project';

/** Shows every project's calls of today and its budget as metrics. */
export function exposeBudget(context: Pick<ServiceContext, 'registry'>, projects: readonly RedcapProject[]): void {
  const common = { labelNames: ['project'] as const, registers: [context.registry] };
  const budget = new Gauge({
    ...common,
    name: 'redcap_calls_budget',
    help: 'Calls to REDCap planned for a day; 0 = no budget.',
  });
  for (const { name, ledger } of projects) budget.set({ project: name }, ledger.budget.calls);
  const today = (count: (day: DayOfCalls) => number) =>
    async function collect(this: Gauge<'project'>): Promise<void> {
      for (const { name, ledger } of projects) this.set({ project: name }, count((await ledger.days(1))[0]!));
    };
  new Gauge({
    ...common,
    name: 'redcap_calls_today',
    help: 'Calls to REDCap on the server’s present day, all replicas together.',
    collect: today((day) => day.calls),
  });
  new Gauge({
    ...common,
    name: 'redcap_log_lines_today',
    help: 'Lines that today’s calls left in REDCap’s log, at most.',
    collect: today((day) => day.logLines),
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
