import { startPostgres, type RunningPostgres } from '@studybridge/embedded-postgres';
import path from 'node:path';
import { cacheFolder } from '../cache-folder';
import { registerUser } from '../users';

let shared: Promise<RunningPostgres> | undefined;

/** Where the shared server keeps its data. */
export function sharedDataDir(): string {
  return path.join(cacheFolder('test-postgres-18'), 'data');
}

/** The address of a server on which tests may make databases: `TEST_DATABASE_URL`, else the shared embedded one. */
export async function testServerUrl(): Promise<string> {
  const given = process.env['TEST_DATABASE_URL'];
  if (given) return given;
  registerUser();
  shared ??= startPostgres({
    dataDir: sharedDataDir(),
    // Test data may be lost in a power cut; a killed process still loses nothing.
    settings: { fsync: 'off', full_page_writes: 'off', max_connections: '500', shared_buffers: '64MB' },
  });
  return (await shared).url;
}
