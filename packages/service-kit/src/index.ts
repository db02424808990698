export type { Binding, Need, ProjectBinding, Schedule } from './bindings/binding';
export { readBindings } from './bindings/read-bindings';
export { ManualClock } from './clocks/manual-clock';
export { RealClock } from './clocks/real-clock';
export { WorldClock } from './clocks/world-clock';
export { copyRows } from './database/copy-rows';
export { classOf, isPassingDatabaseError } from './database/database-error';
export { openDatabase, type MigrationClass } from './database/open-database';
export type { HealthRegistry } from './http/health-registry';
export { IdleRegistry, type TopicCounts } from './idle/idle-registry';
export type {
  EndedRun,
  JobDefinition,
  JobRun,
  Jobs,
  JobView,
  RunKind,
  RunRequest,
  RunState,
  RunView,
} from './jobs/job';
export { LeaseLostError, type Lease, type Leases } from './leases/lease';
export { runCorrelated } from './logging/correlation';
export { createLogger, type Logger } from './logging/create-logger';
export { OpsRegistry } from './ops/ops-registry';
export { currentProof, putUnderProof, type Proof } from './proof/proof';
export { openCellValue, sealCellValue } from './sealing/cell-value';
export { openPerson, sealPerson } from './sealing/person';
export { createSealer, type Sealer } from './sealing/sealer';
export { generateStudyKeys } from './sealing/study-keys';
export { runService } from './service/run-service';
export type { RunningService, ServiceContext, ServiceDefinition } from './service/service-context';
export { startService } from './service/start-service';
export { CLOCK, DATA_SOURCE, LOGGER, SERVICE_CONTEXT } from './service/tokens';
export { kitSettings, type KitSettings } from './settings/kit-settings';
export { readSettings } from './settings/read-settings';
export { SettingsError, type Complaint } from './settings/settings-error';
export { backoffMs, Loop } from './work/loop';
export type { Registry } from 'prom-client';
