import { spawn } from 'node:child_process';
import { closeSync, existsSync, mkdirSync, openSync, readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { findBinaries, type Binaries } from './binaries';
import { initialise, isInitialised, readPassword, serverEnvironment } from './data-directory';
import { DatabaseServerError } from './errors';
import { withFileLock } from './file-lock';
import { chooseIdentity, giveTo, type Identity } from './identity';
import { answers, clearForeignPidFile, findPostmaster, stopPostmaster } from './postmaster';

/** Where the server keeps its data, and how it runs. */
export interface PostgresOptions {
  /** Made when missing. Password, log and lock lie beside it, as `<dataDir>.password`, `.log`, `.lock`. */
  dataDir: string;
  /** The port wished for; another one is taken when it is in use. Default: any free one. */
  port?: number;
  /** Settings of the server (`-c name=value`); they only matter to a server that this call starts. */
  settings?: Record<string, string>;
  /** Hears one sentence per step. */
  log?: (line: string) => void;
}

/** A server that answers. */
export interface RunningPostgres {
  /** Superuser's address of the database `postgres`; holds the password, so never log it. */
  url: string;
  port: number;
  /** Stops the server, also one that an earlier process left behind. Calling it twice is harmless. */
  stop(): Promise<void>;
}

/** How long a start may take, crash recovery included. */
const START_TIMEOUT_MS = 60_000;

const defaultSettings: Record<string, string> = {
  listen_addresses: '127.0.0.1',
  unix_socket_directories: '',
  shared_buffers: '32MB',
  max_connections: '200',
  log_checkpoints: 'off',
  // Statements, details and error texts hold values of participants; the log keeps only the server's own life.
  log_min_messages: 'log',
  log_min_error_statement: 'panic',
  log_error_verbosity: 'terse',
};

/**
 * Starts a real PostgreSQL 18 on `dataDir`, or takes over the one that already runs there. The server outlives a killed
 * parent process, and the next call finds it again. Loopback only, random password. Throws `DatabaseServerError`.
 */
export async function startPostgres(options: PostgresOptions): Promise<RunningPostgres> {
  const dataDir = path.resolve(options.dataDir);
  const log = options.log ?? (() => undefined);
  mkdirSync(path.dirname(dataDir), { recursive: true });
  const port = await withFileLock(`${dataDir}.lock`, async () => {
    const running = existsSync(dataDir) && isInitialised(dataDir) ? await reuse(dataDir) : null;
    if (running) {
      log(`PostgreSQL already runs on port ${running}.`);
      return running;
    }
    return start(dataDir, options, log);
  });
  return { url: urlOf(dataDir, port), port, stop: () => stopPostmaster(dataDir) };
}

/** The port of the healthy server on the directory. One that lives but does not answer in time is stopped. */
async function reuse(dataDir: string): Promise<number | null> {
  const deadline = Date.now() + 15_000;
  while (Date.now() < deadline) {
    const server = findPostmaster(dataDir);
    if (!server) return null;
    if (server.port > 0 && (await answers(urlOf(dataDir, server.port), dataDir))) return server.port;
    await sleep(100);
  }
  await stopPostmaster(dataDir);
  return null;
}

async function start(dataDir: string, options: PostgresOptions, log: (line: string) => void): Promise<number> {
  const binaries = findBinaries();
  const identity = await chooseIdentity(dataDir, binaries.postgres);
  if (!existsSync(dataDir)) {
    log('Making a new PostgreSQL database.');
    await initialise(dataDir, binaries, identity);
  }
  giveTo(identity, dataDir);
  clearForeignPidFile(dataDir);
  const deadline = Date.now() + START_TIMEOUT_MS;
  let wished = options.port;
  for (;;) {
    const port = await freePort(wished);
    const ended = await launch({ dataDir, binaries, identity, port, settings: options.settings ?? {}, deadline });
    if (!ended) {
      log(`PostgreSQL runs on port ${port} as ${identity.name}.`);
      return port;
    }
    // Just after a crash the old server's last traces (a zombie, its workers' shared memory) may still be there.
    const passing = /lock file "postmaster.pid" already exists|pre-existing shared memory block/.test(ended);
    const portLost = /could not bind|address already in use|could not create any TCP\/IP sockets/i.test(ended);
    if ((!passing && !portLost) || Date.now() > deadline) {
      throw new DatabaseServerError(
        `PostgreSQL did not start: ${ended || 'it said nothing.'}`,
        `Its log is ${dataDir}.log.`,
      );
    }
    if (portLost) wished = undefined;
    await sleep(200);
  }
}

/** Starts the server and waits until it answers: null; or what it said before it ended. */
async function launch(o: {
  dataDir: string;
  binaries: Binaries;
  identity: Identity;
  port: number;
  settings: Record<string, string>;
  deadline: number;
}): Promise<string | null> {
  const settings = { ...defaultSettings, ...o.settings, port: String(o.port) };
  const wrapped = o.identity.wrap(o.binaries.postgres, [
    '-D',
    o.dataDir,
    ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]),
  ]);
  const logFile = `${o.dataDir}.log`;
  const output = openSync(logFile, 'w', 0o600);
  // Its own session: the terminal's Ctrl-C reaches us, and we stop it when its clients are done.
  const child = spawn(wrapped.command, wrapped.args, {
    cwd: '/',
    uid: wrapped.uid,
    gid: wrapped.gid,
    env: serverEnvironment,
    detached: true,
    stdio: ['ignore', output, output],
  });
  closeSync(output);
  let failure: string | null = null;
  child.once('error', (error) => (failure = error.message));
  let ended = false;
  child.once('exit', () => (ended = true));
  child.unref();
  const url = urlOf(o.dataDir, o.port);
  while (failure === null && !ended) {
    if (await answers(url, o.dataDir)) return null;
    if (Date.now() > o.deadline) {
      child.kill('SIGQUIT');
      return `no answer within ${START_TIMEOUT_MS / 1000} s.`;
    }
    await sleep(20);
  }
  return failure ?? tail(logFile);
}

function urlOf(dataDir: string, port: number): string {
  return `postgres://postgres:${readPassword(dataDir)}@127.0.0.1:${port}/postgres`;
}

function tail(file: string): string {
  return readFileSync(file, 'utf8').trim().split('\n').slice(-5).join(' ');
}

/** `wished` when it is free, else a free port of the system's choice. */
async function freePort(wished = 0): Promise<number> {
  const server = createServer();
  try {
    return await new Promise<number>((resolve, reject) => {
      server.once('error', reject);
      server.listen(wished, '127.0.0.1', () => resolve((server.address() as { port: number }).port));
    });
  } catch {
    return freePort();
  } finally {
    server.close();
  }
}
