import axios from 'axios';
import { Kafka, logLevel } from 'kafkajs';
import { randomUUID } from 'node:crypto';
import path from 'node:path';
import { sandboxToken } from '@studybridge/sandbox';
import { ismileCohort, oracle } from '@studybridge/studies';
import { eventually, kafkaAvailable, startBroker, testDatabase, type Broker } from '@studybridge/testing';
import type { Summary } from '../src/summary';
import { comparable, keptWorldState, worldState, type WorldState } from './support/comparable-state';
import { namesAndPhones, secretsIn } from './support/leaks';
import { lastJson, runStandalone, startNode, temporaryFolder } from './support/processes';
import { seen, told } from './support/record-end';
import { playToTheEnd, startSeparateProcesses } from './support/separate-processes';

/** Few, since the study is played four times; `test:deploy` plays the whole cohort in containers. */
const pairs = 24;
const args = ['--once', '--json', '--pairs', String(pairs)];
const cohort = ismileCohort({ pairs });
const needles = [...namesAndPhones(cohort), sandboxToken('ismile'), sandboxToken('agile-health')];

const temporary = temporaryFolder();
let summary: Summary;
let world: WorldState;

beforeAll(async () => {
  const undisturbed = path.join(temporary.folder, 'undisturbed');
  summary = lastJson<Summary>(await runStandalone(args, { STUDYBRIDGE_DATA: undisturbed }));
  world = await keptWorldState(cohort, path.join(undisturbed, 'world.json'));
}, 600_000);

afterAll(() => temporary.remove());

describe('the walking system in one process', () => {
  it('ends in the same state, killed in the middle and started again', async () => {
    const killed = path.join(temporary.folder, 'killed');
    const env = { STUDYBRIDGE_DATA: killed };
    for (const date of ['2018-09-0', '2018-10-0']) {
      const running = startNode('apps/standalone/dist/main.js', args, env);
      await eventually(() => running.output().includes(`study time ${date}`), { timeoutMs: 300_000, what: date });
      running.child.kill('SIGKILL');
      await running.finished;
    }
    const finished = await runStandalone(args, env);
    expect(lastJson<Summary>(finished)).toMatchObject({ ok: true, studies: summary.studies });
    const after = await keptWorldState(cohort, path.join(killed, 'world.json'));
    expect(comparable(after)).toEqual(comparable(world));
    for (const record of oracle(cohort).records) expect(seen(after, record.record)).toEqual(told(record));
    expect(Object.values(after.ledger).map((calls) => calls.posts)).toEqual(world.members.map(() => 1));
  }, 900_000);
});

/** The way production runs: each service in processes of its own, two of each, over a real Kafka and PostgreSQL. */
(kafkaAvailable() ? describe : describe.skip)('the walking system in separate processes', () => {
  let broker: Broker;
  let system: Awaited<ReturnType<typeof startSeparateProcesses>>;
  let apart: WorldState;

  beforeAll(async () => {
    broker = await startBroker({ dir: path.join(temporary.folder, 'kafka') });
    const [gateway, agile, texts] = [await testDatabase(), await testDatabase(), await testDatabase()];
    system = await startSeparateProcesses({
      folder: temporary.folder,
      pairs,
      databases: { 'redcap-gateway': gateway.url, 'agile-health': agile.url, messaging: texts.url },
      brokers: broker.brokers,
      replicas: [
        { name: 'redcap-gateway', count: 2 },
        { name: 'agile-health', count: 2 },
        { name: 'messaging', count: 2 },
      ],
    });
    await playToTheEnd(system.sandboxUrl, system.services, system.opsToken);
    apart = await worldState(system.sandboxUrl);
  }, 900_000);

  afterAll(async () => {
    await system?.stop();
    await broker?.stop();
  });

  it('ends in the same state as one process, cell for cell', () => {
    expect(apart.members.length).toBeGreaterThan(pairs / 2);
    expect(comparable(apart)).toEqual(comparable(world));
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
