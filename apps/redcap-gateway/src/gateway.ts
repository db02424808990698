import type { EventBus } from '@studybridge/event-bus';
import type { ServiceContext } from '@studybridge/service-kit';
import type { GatewaySettings } from './app.config';
import type { ProjectChecks } from './projects/project-checks';

/** Points in the middle of the work where a proof may stop a process. */
export type GatewayPoint = 'write:attempting' | 'write:imported' | 'write:read-back' | 'poll:staged' | 'poll:stored';

/** What every feature of this service works with. */
export interface Gateway {
  context: ServiceContext<GatewaySettings>;
  bus: EventBus;
  checks: ProjectChecks;
  /** For proofs: called at each point, may throw. */
  at(point: GatewayPoint): Promise<void>;
  /** After a commit that may have made work for the writer. */
  wakeWriter(): void;
}
