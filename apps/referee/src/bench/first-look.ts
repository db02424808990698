import { once } from 'node:events';
import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { sandboxToken } from '@studybridge/sandbox';
import type { BenchPlace } from './bench';
import { layBenchGround, startProgram, stopProgram, type BenchGround } from './bench-ground';
import { runJob } from './job-run';
import { peakMemoryMb } from './peak-memory';

/** Ground on which a recorded REDCap answers at an address with so many records. */
export async function withRecordedRedcap<T>(
  place: BenchPlace,
  records: number,
  work: (ground: BenchGround, address: string) => Promise<T>,
): Promise<T> {
  mkdirSync(place.folder, { recursive: true });
  const script = path.join(__dirname, 'recorded-redcap.js');
  const redcap = startProgram(script, path.join(place.folder, 'redcap.log'), {}, [String(records)]);
  const [said] = (await once(redcap, 'message')) as [{ port: number }];
  const ground = await layBenchGround(place);
  try {
    return await work(ground, `http://127.0.0.1:${said.port}`);
  } finally {
    await ground.stop();
    await stopProgram(redcap);
  }
}

/** The gateway's first look at all records, into snapshots and outbox, while its relay publishes. Memory where the system tells it. */
export async function firstLook(
  ground: BenchGround,
  address: string,
  records: number,
  env: Record<string, string> = {},
): Promise<{ ms: number; peakMb: number | null }> {
  const gateway = await ground.start('redcap-gateway', {
    REDCAP_URL: `${address}/redcap/api/`,
    REDCAP_TOKEN_ISMILE: sandboxToken('ismile'),
    REDCAP_CALLS_PER_MINUTE: '0',
    REDCAP_RECORDS_PER_EXPORT: '500',
    STUDY_CLOCK_URL: `${address}/__sandbox/clock`,
    ...env,
  });
  const run = await runJob(gateway.url, ground.opsToken, 'redcap-poll');
  if (run.counts['records'] !== records) {
    throw new Error(`The poll read ${run.counts['records']} of ${records} records.`);
  }
  return { ms: run.durationMs, peakMb: peakMemoryMb(gateway.pid) };
}
