import { commandLine, isAlive } from '@studybridge/embedded-postgres';
import { execFile, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { closeSync, existsSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { addressOf, brokerSettings, type BrokerPlace, type BrokerRunner } from './broker';
import { brokerAnswers } from './broker-answers';
import { kafkaJars } from './kafka-jars';
import { javaCommand } from './kafka-source';

const run = promisify(execFile);
const START_TIMEOUT_MS = 60_000;

/** The broker as a Java process on loopback. */
export function javaBroker(place: BrokerPlace): BrokerRunner {
  const data = path.join(place.dir, 'data');
  return {
    start: async () => {
      if (findProcess(place.dir) && (await brokerAnswers(addressOf(place)))) return;
      await end(place.dir, 'SIGKILL');
      await launch(place, data);
    },
    stop: () => end(place.dir, 'SIGTERM'),
    kill: () => end(place.dir, 'SIGKILL'),
    wipe: async () => {
      await end(place.dir, 'SIGKILL');
      rmSync(data, { recursive: true, force: true });
    },
  };
}

async function launch(place: BrokerPlace, data: string): Promise<void> {
  const address = addressOf(place);
  const classPath = path.join(await kafkaJars(), '*');
  const properties = path.join(place.dir, 'server.properties');
  writeFileSync(properties, propertiesOf(place, data));
  if (!existsSync(path.join(data, 'meta.properties'))) {
    // One that began with a dash would be taken for an option.
    const id = randomBytes(16).toString('base64url').replace(/^-/, 'A');
    const format = ['-XX:TieredStopAtLevel=1', '-cp', classPath, 'kafka.tools.StorageTool', 'format', '-t', id];
    await run(javaCommand(), [...format, '-c', properties], { timeout: 60_000 });
  }
  const logFile = path.join(place.dir, 'broker.log');
  const output = openSync(logFile, 'w');
  const heap = ['-Xms64m', '-Xmx512m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1'];
  const child = spawn(javaCommand(), [...heap, '-cp', classPath, 'kafka.Kafka', properties], {
    cwd: place.dir,
    detached: true,
    stdio: ['ignore', output, output],
  });
  closeSync(output);
  let ended = false;
  child.once('error', () => (ended = true));
  child.once('exit', () => (ended = true));
  child.unref();
  writeFileSync(pidFile(place.dir), String(child.pid ?? 0));
  const deadline = Date.now() + START_TIMEOUT_MS;
  while (!(await brokerAnswers(address))) {
    if (ended || Date.now() > deadline) {
      await end(place.dir, 'SIGKILL');
      const said = readFileSync(logFile, 'utf8').trim().slice(-800);
      throw new Error(`Apache Kafka did not start on ${address}: ${said || 'it said nothing.'}`);
    }
    await sleep(50);
  }
}

/** The living broker of this folder; a process number alone could be somebody else's. */
function findProcess(dir: string): number | null {
  try {
    const pid = Number(readFileSync(pidFile(dir), 'utf8'));
    return pid > 0 && isAlive(pid) && commandLine(pid).includes(path.join(dir, 'server.properties')) ? pid : null;
  } catch {
    return null;
  }
}

async function end(dir: string, signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
  const pid = findProcess(dir);
  if (!pid) return;
  process.kill(pid, signal);
  const deadline = Date.now() + 30_000;
  while (isAlive(pid)) {
    if (Date.now() > deadline) process.kill(pid, 'SIGKILL');
    await sleep(20);
  }
  rmSync(pidFile(dir), { force: true });
}

function propertiesOf(place: BrokerPlace, data: string): string {
  const { port, controllerPort } = place;
  const all = {
    ...brokerSettings,
    listeners: `PLAINTEXT://127.0.0.1:${port},CONTROLLER://127.0.0.1:${controllerPort}`,
    'advertised.listeners': `PLAINTEXT://127.0.0.1:${port}`,
    'controller.quorum.voters': `1@127.0.0.1:${controllerPort}`,
    'log.dirs': data,
  };
  return Object.entries(all)
    .map(([name, value]) => `${name}=${value}\n`)
    .join('');
}

function pidFile(dir: string): string {
  return path.join(dir, 'broker.pid');
}
