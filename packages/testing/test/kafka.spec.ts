import { Kafka, logLevel } from 'kafkajs';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { kafkaAvailable, startBroker, testKafkaBrokers } from '../src';
import { canMakeBroker } from '../src/kafka/kafka-source';

const name = () => `testing-${randomBytes(6).toString('hex')}`;
const client = (brokers: string[], retries = 5) =>
  new Kafka({ clientId: 'testing', brokers, logLevel: logLevel.NOTHING, retry: { retries } });

async function topics(brokers: string[]): Promise<string[]> {
  const admin = client(brokers, 0).admin();
  await admin.connect();
  try {
    return await admin.listTopics();
  } finally {
    await admin.disconnect();
  }
}

async function send(brokers: string[], topic: string, value: string): Promise<void> {
  const kafka = client(brokers);
  const admin = kafka.admin();
  const producer = kafka.producer({ idempotent: true, maxInFlightRequests: 1 });
  await Promise.all([admin.connect(), producer.connect()]);
  await admin.createTopics({ topics: [{ topic, numPartitions: 2 }], waitForLeaders: true });
  await producer.send({ topic, acks: -1, messages: [{ key: 'k', value }] });
  await Promise.all([admin.disconnect(), producer.disconnect()]);
}

async function firstMessage(brokers: string[], topic: string): Promise<string> {
  const consumer = client(brokers).consumer({ groupId: name() });
  await consumer.connect();
  await consumer.subscribe({ topic, fromBeginning: true });
  try {
    return await new Promise<string>((resolve, reject) => {
      consumer.run({ eachMessage: async ({ message }) => resolve(message.value?.toString() ?? '') }).catch(reject);
    });
  } finally {
    await consumer.disconnect();
  }
}

(kafkaAvailable() ? describe : describe.skip)('a shared Apache Kafka', () => {
  it('is one for all who ask at once, and carries messages', async () => {
    const [one, two] = await Promise.all([testKafkaBrokers(), testKafkaBrokers()]);
    expect(one).toEqual(two);
    const topic = name();
    await send(one, topic, 'hello');
    expect(await firstMessage(one, topic)).toBe('hello');
  });
});

const canStart = process.env['CI'] === 'true' || canMakeBroker() !== 'none';
(canStart ? describe : describe.skip)('a broker of its own', () => {
  const dir = mkdtempSync(path.join(tmpdir(), 'studybridge-kafka-'));

  afterAll(async () => {
    await (await startBroker({ dir })).wipe();
    rmSync(dir, { recursive: true, force: true });
  });

  it('keeps its address and data when killed, and loses its data when wiped', async () => {
    const topic = name();
    const first = await startBroker({ dir });
    await send(first.brokers, topic, 'kept');
    await first.kill();
    await expect(topics(first.brokers)).rejects.toThrow();

    const second = await startBroker({ dir });
    expect(second.brokers).toEqual(first.brokers);
    expect(await firstMessage(second.brokers, topic)).toBe('kept');
    await second.stop();
    await expect(topics(first.brokers)).rejects.toThrow();

    const third = await startBroker({ dir });
    expect(await topics(third.brokers)).toContain(topic);
    await third.wipe();
    const fourth = await startBroker({ dir });
    expect(fourth.brokers).toEqual(first.brokers);
    expect(await topics(fourth.brokers)).not.toContain(topic);
  });
});
