import { HttpModule, HttpService } from '@nestjs/axios';
import { Inject, Injectable, Module, type DynamicModule } from '@nestjs/common';
import { StudybridgeError, surveyLinkRequested, writeRequested } from '@studybridge/contracts';
import { createEventBus, type Carrier } from '@studybridge/event-bus';
import { currentProof, SERVICE_CONTEXT, type ServiceContext } from '@studybridge/service-kit';
import { Counter } from 'prom-client';
import type { GatewaySettings } from './app.config';
import { BudgetWarnings, exposeBudget } from './budget/watch-budget';
import type { Gateway, GatewayPoint } from './gateway';
import { noteFindings, type Finding } from './monitoring/findings';
import { pollProject } from './polling/poll-project';
import { ProjectChecks } from './projects/project-checks';
import { noteTrouble } from './projects/project.repository';
import { createProjects, type RedcapProject } from './projects/redcap-project';
import { restoreSteps } from './restore/restore-steps';
import { addCommands } from './status/add-commands';
import { countOpenWrites, gatewayProblems, gatewayStatus } from './status/gateway-status';
import { countOpenLinks, LinkFinder, linkProblems } from './survey-links/link-finder';
import { requestLink } from './survey-links/request-link';
import { requestCells } from './writes/request-cells';
import { Writer } from './writes/writer';

/** What redcap-gateway is started with beside its settings. */
export interface GatewayExtras {
  carrier: Carrier;
  /** For proofs: called at named points of the work; what it throws ends the work there. */
  at?: (point: GatewayPoint) => void | Promise<void>;
}

const stopPatienceMs = 8_000;

/** Injection token of {@link GatewayExtras}. */
const EXTRAS = Symbol('redcap-gateway extras');

/** Wires the features together: what is heard, what runs on schedules, what starts and stops. */
@Injectable()
class GatewayWiring {
  constructor(
    @Inject(SERVICE_CONTEXT) context: ServiceContext<GatewaySettings>,
    @Inject(EXTRAS) extras: GatewayExtras,
    @Inject(HttpService) http: HttpService,
  ) {
    const stopping = new AbortController();
    const calls = new Counter({
      name: 'redcap_calls_total',
      help: 'Calls to REDCap by content, action and status (0 = no answer).',
      labelNames: ['project', 'content', 'action', 'status'],
      registers: [context.registry],
    });
    const budgetWarnings = new BudgetWarnings(context);
    const projects = createProjects(
      context,
      http.axiosRef,
      {
        onCall: ({ content, action, status }, { name }) => calls.inc({ project: name, content, action, status }),
        onUnknownNames: (content, names, project) => {
          const findings = names.map((name) => unknownName(content, name));
          void noteFindings(context.dataSource, project, findings, context.clock.now()).catch((error: unknown) =>
            context.logger.warn({ err: error, project: project.name }, 'unknown names could not be noted'),
          );
        },
      },
      stopping.signal,
    );
    const gateway: Gateway = {
      context,
      bus: createEventBus(context, extras.carrier),
      checks: new ProjectChecks(context),
      at: async (point) => (extras.at ?? currentProof()?.at)?.(point),
      wakeWriter: () => {
        for (const work of works) work.wake(true);
      },
    };
    const writers = projects.map((project) => new Writer(gateway, project));
    const finders = projects.map((project) => new LinkFinder(gateway, project));
    const works = [...writers, ...finders];
    const indexOf = (binding: string, role: string): number => {
      const at = projects.findIndex((one) => one.binding.id === binding && one.role === role);
      if (at < 0) throw unknownProject(binding, role);
      return at;
    };

    gateway.bus.consumeTogether(writeRequested, async (em, envelopes) => {
      const byProject = new Map<number, typeof envelopes>();
      for (const envelope of envelopes) {
        const at = indexOf(envelope.binding, envelope.payload.project);
        byProject.set(at, [...(byProject.get(at) ?? []), envelope]);
      }
      for (const [at, own] of byProject) {
        await requestCells(em, gateway, projects[at]!, own);
        writers[at]!.expect();
      }
    });
    gateway.bus.consume(surveyLinkRequested, async (em, envelope) => {
      const at = indexOf(envelope.binding, envelope.payload.project);
      await requestLink(em, projects[at]!, envelope, context.clock.now());
      finders[at]!.expect();
    });
    gateway.bus.onRestored(restoreSteps(gateway, projects));
    exposeBudget(context, projects);
    defineJobs(gateway, projects, budgetWarnings);
    addCommands(gateway, projects);
    context.ops.addStatus('redcap-gateway', () => gatewayStatus(gateway, projects));
    context.idle.addWork('writes', () => countOpenWrites(gateway));
    context.idle.addWork('survey links', () => countOpenLinks(gateway));
    context.idle.addProblems(() => gatewayProblems(gateway));
    context.idle.addProblems(() => linkProblems(gateway));
    context.idle.addWaker(() => {
      for (const work of works) work.nudge();
    });

    context.onStart(async () => {
      for (const work of works) work.start();
      await Promise.resolve();
      for (const project of projects) void this.checkAtStart(gateway, project);
    });
    context.onStop(async () => {
      // A write in progress may end; one that takes too long is broken off and decided at the next start.
      const patience = setTimeout(() => stopping.abort(), stopPatienceMs);
      await Promise.all(works.map((work) => work.stop()));
      clearTimeout(patience);
      stopping.abort();
      await Promise.all([...new Set(projects.map((project) => project.governor))].map((one) => one.flush()));
      await Promise.all(projects.map((project) => project.ledger.flush()));
    });
  }

  /** Shows early what is wrong with a token or a project; it hinders nobody else, and every poll looks again. */
  private async checkAtStart(gateway: Gateway, project: RedcapProject): Promise<void> {
    const { context } = gateway;
    try {
      await gateway.checks.ensure(project);
    } catch (error) {
      context.logger.warn({ err: error, project: project.name }, 'the project could not be checked');
      await noteTrouble(context.dataSource, project, error, context.clock.now()).catch(() => undefined);
    }
  }
}

function unknownName(content: string, name: string): Finding {
  const sentence = `REDCap’s answer to ${content} holds ${name}, which we do not know.`;
  return { code: 'ANSWER_SHAPE', what: `${content}.${name}`, sentence };
}

function defineJobs(
  gateway: Gateway,
  projects: readonly RedcapProject[],
  budgetWarnings: Pick<BudgetWarnings, 'look'>,
): void {
  const bindings = new Map<string, RedcapProject[]>();
  for (const project of projects) {
    bindings.set(project.binding.id, [...(bindings.get(project.binding.id) ?? []), project]);
  }
  for (const [binding, own] of bindings) {
    const schedules = own[0]!.study.schedules;
    for (const [name, kind] of [
      ['redcap-poll', 'ids'],
      ['full-comparison', 'full'],
    ] as const) {
      gateway.context.jobs.define({
        name,
        binding,
        schedules: [...(schedules[name] ?? [])],
        overlap: 'skip',
        catchUp: 'one',
        quiet: 'redcap',
        settings: {
          overlapMinutes: gateway.context.config.REDCAP_OVERLAP_MINUTES,
          recordsPerExport: gateway.context.config.REDCAP_RECORDS_PER_EXPORT,
        },
        run: async (run) => {
          const total: Record<string, number> = {};
          for (const project of own) {
            for (const [what, n] of Object.entries(await pollProject(gateway, project, kind, run))) {
              total[what] = (total[what] ?? 0) + n;
            }
            await budgetWarnings.look(project);
          }
          return total;
        },
      });
    }
  }
}

function unknownProject(binding: string, role: string): StudybridgeError {
  return new StudybridgeError(`A request names the project ${role} of ${binding}, which is not here.`, {
    code: 'UNKNOWN_PROJECT',
    errorClass: 'setting',
    remedy: 'Add the binding to this service.',
  });
}

/** The gateway as a Nest module. */
@Module({})
export class RedcapGatewayModule {
  /** The service's features over what it is started with. */
  static with(extras: GatewayExtras): DynamicModule {
    return {
      module: RedcapGatewayModule,
      imports: [HttpModule],
      providers: [{ provide: EXTRAS, useValue: extras }, GatewayWiring],
    };
  }
}
