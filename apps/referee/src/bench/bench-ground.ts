import { spawn, type ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createWriteStream, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { startPostgres } from '@studybridge/embedded-postgres';
import { generateStudyKeys } from '@studybridge/service-kit';
import { freePort, startBroker } from '@studybridge/testing';
import { databaseOn } from '../system/ground';
import type { BenchPlace } from './bench';

/** The top of the checkout. */
const top = path.resolve(__dirname, '../../../..');

/** A program of ours, as production starts it. */
interface Program {
  url: string;
  pid: number;
  stop(): Promise<void>;
}

/** Kafka and PostgreSQL with the settings of production, and programs on top of them. */
export interface BenchGround {
  brokers: string[];
  /** Address of a database; made by whoever opens it first. */
  databaseUrl(name: string): string;
  /** File with the study keys. */
  keysFile: string;
  opsToken: string;
  /** Starts `apps/<name>/dist/main.js` and waits until it is ready. */
  start(name: string, env: Record<string, string>): Promise<Program>;
  stop(): Promise<void>;
}

/** Unlike the chaos run's ground, the database waits for the disk. */
export async function layBenchGround(place: BenchPlace): Promise<BenchGround> {
  mkdirSync(place.folder, { recursive: true });
  const [postgres, broker] = await Promise.all([
    startPostgres({
      dataDir: path.join(place.folder, 'postgres', 'data'),
      settings: { shared_buffers: '256MB', max_wal_size: '2GB' },
    }),
    startBroker({ dir: path.join(place.folder, 'kafka') }),
  ]);
  const keysFile = path.join(place.folder, 'study-keys');
  writeFileSync(keysFile, generateStudyKeys(['ismile']), { mode: 0o600 });
  const opsToken = randomBytes(16).toString('hex');
  const programs: Program[] = [];
  const databaseUrl = (name: string): string => databaseOn(postgres, name);
  return {
    brokers: broker.brokers,
    databaseUrl,
    keysFile,
    opsToken,
    async start(name, env) {
      const port = await freePort();
      const logFile = path.join(place.folder, `${name}.log`);
      const program = startProgram(path.join(top, `apps/${name}/dist/main.js`), logFile, {
        PORT: String(port),
        [`DATABASE_URL_${name.toUpperCase().replaceAll('-', '_')}`]: databaseUrl(`bench_${name.replaceAll('-', '_')}`),
        KAFKA_BROKERS: broker.brokers.join(','),
        STUDY_KEYS_FILE: keysFile,
        STUDYBRIDGE_ENVIRONMENT: 'sandbox',
        OPS_TOKEN: opsToken,
        LOG_LEVEL: 'warn',
        ...env,
      });
      const running = { url: `http://127.0.0.1:${port}`, pid: program.pid ?? 0, stop: () => stopProgram(program) };
      programs.push(running);
      await ready(`${running.url}/health/ready`, program, logFile);
      return running;
    },
    async stop() {
      await Promise.all(programs.map((program) => program.stop()));
      await Promise.all([postgres.stop(), broker.stop()]);
    },
  };
}

/** Starts a script of ours with nothing of the surrounding shell's settings. */
export function startProgram(
  script: string,
  logFile: string,
  env: Record<string, string>,
  args: string[] = [],
): ChildProcess {
  const child = spawn(process.execPath, [script, ...args], {
    cwd: top,
    env,
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  });
  const end = (): void => void child.kill('SIGKILL');
  process.once('exit', end);
  child.once('exit', () => process.off('exit', end));
  const log = createWriteStream(logFile, { flags: 'a' });
  child.stdout?.pipe(log);
  child.stderr?.pipe(log);
  return child;
}

/** SIGTERM, and its end. */
export async function stopProgram(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, 'exit');
  child.kill('SIGTERM');
  await gone;
}

async function ready(url: string, child: ChildProcess, logFile: string): Promise<void> {
  for (;;) {
    if (child.exitCode !== null) throw new Error(`The program ended: ${readFileSync(logFile, 'utf8').slice(-2_000)}`);
    const answer = await fetch(url).catch(() => null);
    if (answer?.ok === true) return;
    await sleep(100);
  }
}
