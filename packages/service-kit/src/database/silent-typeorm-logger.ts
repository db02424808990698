import type { Logger } from 'typeorm';

/** Says nothing: what matters of a failed statement reaches our log as an error, without its values. */
export class SilentTypeormLogger implements Logger {
  logQuery(): void {}
  logQueryError(): void {}
  logQuerySlow(): void {}
  logSchemaBuild(): void {}
  logMigration(): void {}
  log(): void {}
}
