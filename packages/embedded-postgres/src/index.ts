export { DatabaseServerError } from './errors';
export { withFileLock } from './file-lock';
export { commandLine, isAlive } from './processes';
export { serverRuns } from './postmaster';
export { startPostgres, type PostgresOptions, type RunningPostgres } from './start-postgres';
