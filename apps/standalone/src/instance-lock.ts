import { Client } from 'pg';
import { StudybridgeError } from '@studybridge/contracts';

/** Any number will do, as long as nothing else of ours uses it: "sbst" in ASCII. */
const LOCK = 0x73627374;

/**
 * Takes the one seat of a standalone Studybridge on this PostgreSQL server. The lock goes with the connection, so a killed
 * process leaves none behind. Throws a `setting` error when another process sits there. Returns the way to give it back.
 */
export async function takeSeat(databaseUrl: string): Promise<() => Promise<void>> {
  const client = new Client({ connectionString: databaseUrl, application_name: 'studybridge-standalone' });
  // The server may go away before we do; the seat is lost with it and nothing else depends on this connection.
  client.on('error', () => undefined);
  await client.connect();
  const { rows } = await client.query<{ taken: boolean }>('select pg_try_advisory_lock($1) as taken', [LOCK]);
  if (!rows[0]?.taken) {
    await client.end();
    throw new StudybridgeError('Another Studybridge is running on this data folder.', {
      code: 'ALREADY_RUNNING',
      errorClass: 'setting',
      remedy: 'Stop it first, or give this one a data folder of its own with STUDYBRIDGE_DATA.',
    });
  }
  return () => client.end();
}
