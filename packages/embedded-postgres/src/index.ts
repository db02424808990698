export { DatabaseServerError } from './errors';
export { withFileLock } from './file-lock';
export { commandLine, isAlive } from './processes';
export { startPostgres, type PostgresOptions, type RunningPostgres } from './start-postgres';
