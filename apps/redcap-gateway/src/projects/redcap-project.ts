import { createHash } from 'node:crypto';
import { createRedcapClient, type CallReport, type RedcapClient, type RedcapHttp } from '@studybridge/redcap-client';
import type { Binding, ServiceContext } from '@studybridge/service-kit';
import { studyById, type ProjectDefinition, type StudyDefinition } from '@studybridge/studies';
import type { GatewaySettings } from '../app.config';
import { CallLedger } from '../budget/call-ledger';
import { UnknownStudyError } from './gateway-errors';
import { Governor } from './governor';

/** The coordinating centre's server tells Pacific time (studies.md §1.4); a binding may say otherwise. */
const defaultServerZone = 'America/Los_Angeles';

/** Who hears of every call. */
export interface ProjectWatch {
  onCall(report: CallReport, project: RedcapProject): void;
  /** REDCap's answers hold names that the client does not know. */
  onUnknownNames(content: string, names: readonly string[], project: RedcapProject): void;
}

/** Without a limit a minute the other side is a stand-in, and a played study asks in minutes what a real one does in months. */
function budgetOf(config: GatewaySettings): { calls: number; logLines: number } {
  const standIn = config.REDCAP_CALLS_PER_MINUTE === 0;
  return {
    calls: config.REDCAP_CALLS_PER_DAY ?? (standIn ? 0 : 2_000),
    logLines: config.REDCAP_LOG_LINES_PER_DAY ?? (standIn ? 0 : 3_000),
  };
}

/** One REDCap project of one binding: what the study says of it, and the only client that holds its token (law 5). */
export class RedcapProject {
  readonly calls = { redcapExports: 0, redcapImports: 0 };
  /** Calls by day, all replicas together. */
  readonly ledger: CallLedger;
  readonly client: RedcapClient;
  readonly definition: ProjectDefinition;
  /** IANA zone of the server's wall time. */
  readonly serverZone: string;
  /** Changes when the study declares other fields, so that everything is read anew. */
  readonly declaredHash: string;
  /** The server's clock minus ours at its last answer, in milliseconds; null where they have nothing to do with each other. */
  skewMs: number | null = null;

  constructor(
    context: ServiceContext<GatewaySettings>,
    readonly binding: Binding,
    readonly role: string,
    readonly study: StudyDefinition,
    readonly governor: Governor,
    http: RedcapHttp,
    watch: ProjectWatch,
    signal: AbortSignal,
  ) {
    const target = binding.projects[role]!;
    this.definition = study.projects[role as keyof StudyDefinition['projects']];
    this.serverZone = target.serverZone ?? defaultServerZone;
    this.declaredHash = createHash('sha256').update(JSON.stringify(this.definition.declaredFields)).digest('hex');
    this.ledger = new CallLedger(
      context.dataSource,
      { binding: binding.id, role, serverZone: this.serverZone },
      budgetOf(context.config),
    );
    this.client = createRedcapClient({
      url: target.url,
      token: target.token,
      http,
      timeoutMs: context.config.REDCAP_TIMEOUT_SECONDS * 1000,
      signal,
      beforeCall: () => governor.take(signal),
      afterCall: (report) => {
        governor.report(report.status);
        this.calls[report.action === 'import' ? 'redcapImports' : 'redcapExports'] += 1;
        this.skewMs = usableSkew(report.serverDate, context.clock.now());
        this.ledger.note(report);
        watch.onCall(report, this);
      },
      onUnknownNames: (content, names) => watch.onUnknownNames(content, names, this),
    });
  }

  /** Names the project in logs, leases and messages, e.g. `ismile.production/main`. */
  get name(): string {
    return `${this.binding.id}/${this.role}`;
  }

  get expected(): { projectId?: number; title?: string; production?: boolean } {
    return this.binding.projects[this.role]?.expect ?? {};
  }
}

/** Every project of every binding. Throws `UnknownStudyError` for a study or role that is not known here. */
export function createProjects(
  context: ServiceContext<GatewaySettings>,
  http: RedcapHttp,
  watch: ProjectWatch,
  signal: AbortSignal,
): RedcapProject[] {
  const governors = new Map<string, Governor>();
  return context.bindings.flatMap((binding) => {
    const study = studyById(binding.study);
    return Object.entries(binding.projects).map(([role, target]) => {
      if (!(role in study.projects)) throw new UnknownStudyError(binding.id, `the project role ${role}`);
      const { host, pathname } = new URL(target.url);
      const address = `${host}${pathname}`;
      const governor =
        governors.get(address) ?? new Governor(context.dataSource, address, context.config.REDCAP_CALLS_PER_MINUTE);
      governors.set(address, governor);
      return new RedcapProject(context, binding, role, study, governor, http, watch, signal);
    });
  });
}

/** A clock more than a day off is another world's (a sandbox plays months in a minute), not a skewed one. */
function usableSkew(serverDate: Date | null, now: Date): number | null {
  if (serverDate === null) return null;
  const skew = serverDate.getTime() - now.getTime();
  return Math.abs(skew) <= 24 * 3_600_000 ? skew : null;
}
