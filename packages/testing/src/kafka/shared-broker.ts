import { withFileLock } from '@studybridge/embedded-postgres';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { cacheFolder } from '../cache-folder';
import { registerUser } from '../users';
import { brokerAnswers } from './broker-answers';
import { kafkaSource } from './kafka-source';
import { noKafka, removeBroker, startBroker } from './start-broker';

let shared: Promise<string[]> | undefined;

/**
 * Whether tests against Kafka can run here. With `CI=true` always yes: there its absence must fail the tests, which
 * `testKafkaBrokers()` then does.
 */
export function kafkaAvailable(): boolean {
  return process.env['CI'] === 'true' || kafkaSource() !== 'none';
}

/**
 * The brokers of a real Apache Kafka that all tests share: `KAFKA_BROKERS`, else one in Docker or Java, started at the
 * first call and kept for the next run. Choose topic and group names of your own. Throws where none can be had.
 */
export async function testKafkaBrokers(): Promise<string[]> {
  shared ??= findOrStart();
  return shared;
}

/** Whether the shared broker of an earlier run still serves. */
export async function sharedBrokerRuns(): Promise<boolean> {
  const address = keptAddress();
  return address !== null && (await brokerAnswers(address));
}

/** Stops the shared broker and forgets its topics; nothing happens when none runs. */
export async function stopSharedBroker(): Promise<void> {
  await removeBroker(sharedFolder());
}

async function findOrStart(): Promise<string[]> {
  const source = kafkaSource();
  if (source === 'given') return (process.env['KAFKA_BROKERS'] ?? '').split(',').map((address) => address.trim());
  if (source === 'none') throw new Error(noKafka);
  registerUser();
  return withFileLock(path.join(cacheFolder('kafka'), 'shared.lock'), async () => {
    const address = keptAddress();
    if (address && (await brokerAnswers(address))) return [address];
    // A broken one is replaced, with new ports and without the topics of earlier runs.
    await removeBroker(sharedFolder());
    return (await startBroker({ dir: sharedFolder() })).brokers;
  });
}

function sharedFolder(): string {
  return cacheFolder('kafka', 'shared');
}

function keptAddress(): string | null {
  try {
    const { port } = JSON.parse(readFileSync(path.join(sharedFolder(), 'ports.json'), 'utf8')) as { port: number };
    return `127.0.0.1:${port}`;
  } catch {
    return null;
  }
}
