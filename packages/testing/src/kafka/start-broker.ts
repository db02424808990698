import { withFileLock } from '@studybridge/embedded-postgres';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { freePorts } from '../free-ports';
import { addressOf, type Broker, type BrokerPlace, type BrokerRunner } from './broker';
import { dockerBroker } from './docker-broker';
import { javaBroker } from './java-broker';
import { canMakeBroker } from './kafka-source';

/** What to do where no Kafka can be had. */
export const noKafka =
  'There is no Apache Kafka to test against: set KAFKA_BROKERS, or start Docker, or install Java (17 or newer) and Maven.';

/**
 * Starts a broker of its own on `dir`, for tests that kill it or lose its volume; also while `KAFKA_BROKERS` names
 * another. A second call on the same folder brings the same broker back, under the same address. Throws where neither
 * Docker nor Java with Maven is there.
 */
export async function startBroker(o: { dir: string; port?: number }): Promise<Broker> {
  const dir = path.resolve(o.dir);
  mkdirSync(dir, { recursive: true });
  return withFileLock(path.join(dir, 'broker.lock'), async () => {
    const place = await placeOf(dir, o.port);
    const runner = runnerFor(place);
    await runner.start();
    return { brokers: [addressOf(place)], stop: runner.stop, kill: runner.kill, wipe: runner.wipe };
  });
}

/** Ends the broker of a folder, if there is one, and removes all it kept. */
export async function removeBroker(dir: string): Promise<void> {
  if (existsSync(path.join(dir, 'ports.json'))) await runnerFor(await placeOf(dir)).wipe();
  rmSync(dir, { recursive: true, force: true });
}

function runnerFor(place: BrokerPlace): BrokerRunner {
  const way = canMakeBroker();
  if (way === 'none') throw new Error(noKafka);
  return way === 'docker' ? dockerBroker(place) : javaBroker(place);
}

/** The ports are drawn once per folder: clients know the broker by them, also after a restart. */
async function placeOf(dir: string, wished?: number): Promise<BrokerPlace> {
  const file = path.join(dir, 'ports.json');
  let kept: { port: number; controllerPort: number } | null = null;
  try {
    kept = JSON.parse(readFileSync(file, 'utf8')) as { port: number; controllerPort: number };
  } catch {
    // The first start on this folder.
  }
  const [first = 0, second = 0] = kept ? [kept.port, kept.controllerPort] : await freePorts(2);
  const place = { port: wished ?? first, controllerPort: second };
  writeFileSync(file, JSON.stringify(place));
  return { dir, ...place };
}
