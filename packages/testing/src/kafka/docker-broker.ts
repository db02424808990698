import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { addressOf, brokerSettings, type BrokerPlace, type BrokerRunner } from './broker';
import { brokerAnswers } from './broker-answers';
import { KAFKA_VERSION } from './kafka-version';

const run = promisify(execFile);
const START_TIMEOUT_MS = 90_000;

/** The broker as a container named after the folder. */
export function dockerBroker(place: BrokerPlace): BrokerRunner {
  const address = addressOf(place);
  const name = `studybridge-test-kafka-${createHash('sha256').update(place.dir).digest('hex').slice(0, 12)}`;
  const remove = async () => void (await docker('rm', '--force', '--volumes', name).catch(() => ''));
  return {
    start: async () => {
      if (await brokerAnswers(address)) return;
      const state = await docker('inspect', '--format', '{{.State.Status}}', name).catch(() => 'none');
      if (state === 'exited' || state === 'created') {
        await docker('start', name);
      } else {
        await remove();
        await docker(...runCommand(name, place));
      }
      await untilItAnswers(address, name);
    },
    stop: async () => void (await docker('stop', '--time', '30', name).catch(() => '')),
    kill: async () => void (await docker('kill', name).catch(() => '')),
    wipe: remove,
  };
}

function runCommand(name: string, { port, controllerPort }: BrokerPlace): string[] {
  const settings = {
    ...brokerSettings,
    listeners: `PLAINTEXT://0.0.0.0:${port},CONTROLLER://127.0.0.1:${controllerPort}`,
    'advertised.listeners': `PLAINTEXT://127.0.0.1:${port}`,
    'controller.quorum.voters': `1@127.0.0.1:${controllerPort}`,
  };
  const environment = Object.entries(settings).flatMap(([setting, value]) => [
    '--env',
    `KAFKA_${setting.replaceAll('.', '_').toUpperCase()}=${value}`,
  ]);
  const publish = ['--publish', `127.0.0.1:${port}:${port}`];
  return ['run', '--detach', '--name', name, ...publish, ...environment, `apache/kafka:${KAFKA_VERSION}`];
}

async function untilItAnswers(address: string, name: string): Promise<void> {
  const deadline = Date.now() + START_TIMEOUT_MS;
  while (!(await brokerAnswers(address))) {
    if (Date.now() > deadline) {
      const said = await docker('logs', '--tail', '20', name).catch(() => '');
      throw new Error(`Apache Kafka in Docker does not answer on ${address}. ${said.slice(-800)}`);
    }
    await sleep(100);
  }
}

async function docker(...args: string[]): Promise<string> {
  const { stdout } = await run('docker', args, { timeout: 600_000 });
  return stdout.trim();
}
