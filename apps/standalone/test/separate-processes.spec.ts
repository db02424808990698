import axios from 'axios';
import { Kafka, logLevel } from 'kafkajs';
import { randomUUID } from 'node:crypto';
import path from 'node:path';
import { sandboxToken } from '@studybridge/sandbox';
import { ismileCohort } from '@studybridge/studies';
import { kafkaAvailable, startBroker, testDatabase, type Broker } from '@studybridge/testing';
import { comparable, keptWorldState, worldState, type WorldState } from './support/comparable-state';
import { namesAndPhones, secretsIn } from './support/leaks';
import { lastJson, runStandalone, temporaryFolder, type Finished } from './support/processes';
import { playToTheEnd, startSeparateProcesses } from './support/separate-processes';

const cohort = ismileCohort({ pairs: 120 });
const needles = [...namesAndPhones(cohort), sandboxToken('ismile'), sandboxToken('agile-health')];

/** The way production runs: each service in processes of its own, two of each, over a real Kafka and PostgreSQL. */
(kafkaAvailable() ? describe : describe.skip)('the walking system in separate processes', () => {
  const temporary = temporaryFolder();
  let broker: Broker;
  let system: Awaited<ReturnType<typeof startSeparateProcesses>>;
  let alone: { finished: Finished; state: WorldState };
  let apart: WorldState;

  beforeAll(async () => {
    broker = await startBroker({ dir: path.join(temporary.folder, 'kafka') });
    const [gateway, agile] = [await testDatabase(), await testDatabase()];
    system = await startSeparateProcesses({
      folder: temporary.folder,
      databases: { 'redcap-gateway': gateway.url, 'agile-health': agile.url },
      brokers: broker.brokers,
      replicas: [
        { name: 'redcap-gateway', count: 2 },
        { name: 'agile-health', count: 2 },
      ],
    });
    await playToTheEnd(system.sandboxUrl, system.services, system.opsToken);
    apart = await worldState(system.sandboxUrl);

    const data = path.join(temporary.folder, 'alone');
    const finished = await runStandalone(['--once', '--json'], { STUDYBRIDGE_DATA: data });
    alone = { finished, state: await keptWorldState(cohort, path.join(data, 'world.json')) };
  }, 900_000);

  afterAll(async () => {
    await system?.stop();
    await broker?.stop();
    temporary.remove();
  });

  it('ends in the same state as one process, cell for cell', () => {
    expect(lastJson(alone.finished)).toMatchObject({ ok: true });
    expect(apart.members.length).toBeGreaterThan(100);
    expect(comparable(apart)).toEqual(comparable(alone.state));
  });

  it('gave the partner each family once', () => {
    expect(Object.values(apart.ledger).map((calls) => calls.posts)).toEqual(apart.members.map(() => 1));
  });

  it('tells nobody’s phone, name or token in logs, metrics, statuses and errors', async () => {
    for (const { url } of system.services) {
      for (const page of ['/metrics', '/status', '/idle', '/health/ready', '/no-such-page']) {
        const answer = await axios.get<unknown>(`${url}${page}`, { validateStatus: () => true });
        const text = typeof answer.data === 'string' ? answer.data : JSON.stringify(answer.data);
        expect({ page, secrets: secretsIn(text, needles) }).toEqual({ page, secrets: [] });
      }
    }
    const [sandbox, ...services] = system.processes;
    expect(sandbox).toBeDefined();
    for (const service of services) {
      expect(service.output()).toMatch(/started/);
      expect(secretsIn(service.output(), needles)).toEqual([]);
    }
  });

  it('puts nobody’s phone, name or token on Kafka, in headers, keys or payloads', async () => {
    const kafka = new Kafka({ clientId: 'scan', brokers: broker.brokers, logLevel: logLevel.NOTHING });
    const admin = kafka.admin();
    await admin.connect();
    const topics = (await admin.listTopics()).filter((topic) => !topic.startsWith('__'));
    const ends = await Promise.all(topics.map((topic) => admin.fetchTopicOffsets(topic)));
    await admin.disconnect();
    const there = ends.flat().reduce((sum, { offset, low }) => sum + Number(offset) - Number(low), 0);
    expect(there).toBeGreaterThan(500);

    const consumer = kafka.consumer({ groupId: `scan-${randomUUID()}` });
    await consumer.connect();
    await consumer.subscribe({ topics, fromBeginning: true });
    const found: string[] = [];
    let seen = 0;
    await new Promise<void>((resolve, reject) => {
      consumer
        .run({
          eachMessage: ({ topic, message }) => {
            const headers = Object.entries(message.headers ?? {}).map(([name, value]) => `${name}=${String(value)}`);
            const text = [String(message.key), ...headers, String(message.value)].join('\n');
            found.push(...secretsIn(text, needles).map((needle) => `${topic}: ${needle}`));
            seen += 1;
            if (seen >= there) resolve();
            return Promise.resolve();
          },
        })
        .catch(reject);
    });
    await consumer.disconnect();
    expect(seen).toBeGreaterThanOrEqual(there);
    expect(found).toEqual([]);
  }, 120_000);
});
