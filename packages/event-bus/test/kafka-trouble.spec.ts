import { mkdtempSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createLogger } from '@studybridge/service-kit';
import { Cleanup, type Broker, eventually, kafkaAvailable, startBroker, testKafkaBrokers } from '@studybridge/testing';
import { createKafkaCarrier } from '../src';
import {
  askIdle,
  countedEvent,
  expectInOrder,
  noteHandled,
  sayMany,
  serviceName,
  startTestService,
} from './bus-harness';

const cleanup = new Cleanup();
afterEach(() => cleanup.run());
const logger = createLogger({ service: 'test', level: process.env['TEST_LOG'] ?? 'silent' });
const carrierFor = (brokers: string[], partitions = 3) =>
  createKafkaCarrier({ brokers, clientId: 'test', partitions, namespace: 'trouble', logger });
const withKafka = kafkaAvailable() || process.env['CI'] === 'true';

(withKafka ? describe : describe.skip)('when Kafka is in trouble', () => {
  /** A broker that the test may kill and empty; its address is drawn before it runs. */
  async function ownBroker(): Promise<{ dir: string; broker: Broker }> {
    const dir = mkdtempSync(path.join(tmpdir(), 'studybridge-broker-'));
    const broker = await startBroker({ dir });
    cleanup.also(async () => {
      await broker.wipe();
      await rm(dir, { recursive: true, force: true });
    });
    return { dir, broker };
  }

  it('a service starts without it, says so, and heals when it comes; so it does when it is killed and comes back', async () => {
    const event = countedEvent();
    const { dir, broker } = await ownBroker();
    await broker.kill();
    const listener = cleanup.add(
      await startTestService({
        name: serviceName('listener'),
        url: await cleanup.database('listener'),
        carrier: carrierFor(broker.brokers),
        build: (bus) => noteHandled(bus, event),
      }),
    );
    const speaker = cleanup.add(
      await startTestService({
        name: serviceName('speaker'),
        url: await cleanup.database('speaker'),
        carrier: carrierFor(broker.brokers),
      }),
    );
    await sayMany(speaker, event, ['a', 'b'], 3);
    const ready = await eventually(async () => {
      const answer = await fetch(`${speaker.running.url}/health/ready`);
      const text = await answer.text();
      return answer.status !== 200 && text.includes('CARRIER_UNAVAILABLE') ? text : null;
    });
    expect(ready).not.toContain('password');
    const idle = await askIdle(speaker);
    expect(idle).toMatchObject({ idle: false, work: { outbox: 6 } });
    expect(idle.problems.join()).toMatch(/message carrier/);
    await startBroker({ dir });
    await eventually(async () => (await listener.handled()).length === 6, { timeoutMs: 40_000 });
    await eventually(async () => (await fetch(`${speaker.running.url}/health/ready`)).status === 200);

    await broker.kill();
    await sayMany(speaker, event, ['c'], 5);
    await eventually(async () => (await askIdle(speaker)).problems.length > 0);
    await startBroker({ dir });
    await eventually(async () => (await listener.handled()).length === 11, { timeoutMs: 60_000 });
    expect((await listener.handled()).filter((row) => row.key === 'c').map((row) => row.n)).toEqual([1, 2, 3, 4, 5]);
    await eventually(async () => (await askIdle(speaker)).problems.length === 0);
    await eventually(async () => (await askIdle(listener)).problems.length === 0, { timeoutMs: 40_000 });
  }, 180_000);

  it('losing its volume loses nothing: what nobody had heard yet is published again by itself', async () => {
    const event = countedEvent();
    const { dir, broker } = await ownBroker();
    const names = { listener: serviceName('listener'), speaker: serviceName('speaker') };
    const urls = { listener: await cleanup.database('listener'), speaker: await cleanup.database('speaker') };
    const listen = () =>
      startTestService({
        name: names.listener,
        url: urls.listener,
        carrier: carrierFor(broker.brokers),
        build: (bus) => noteHandled(bus, event),
      });
    const first = await listen();
    // Lives through the loss. It also hears the commands' topic, which nobody here ever publishes.
    const survivor = cleanup.add(
      await startTestService({
        name: serviceName('survivor'),
        url: await cleanup.database('survivor'),
        carrier: carrierFor(broker.brokers),
        build: (bus) => noteHandled(bus, event),
      }),
    );
    const speaker = cleanup.add(
      await startTestService({ name: names.speaker, url: urls.speaker, carrier: carrierFor(broker.brokers) }),
    );
    await sayMany(speaker, event, ['a', 'b'], 5);
    await eventually(async () => (await first.handled()).length === 10, { timeoutMs: 40_000 });
    await first.stop();
    await sayMany(speaker, event, ['a', 'c'], 5);
    await eventually(async () => (await askIdle(speaker)).idle, { what: 'everything accepted by the broker' });
    await broker.wipe();
    await startBroker({ dir });
    const listener = cleanup.add(await listen());
    await eventually(async () => (await listener.handled()).length >= 20, { timeoutMs: 60_000 });
    const rows = await listener.handled();
    expect(rows).toHaveLength(20);
    expectInOrder(
      rows.filter((row) => row.key === 'c'),
      ['c'],
      5,
    );
    expect(rows.filter((row) => row.key === 'a').map((row) => Number(row.seq))).toEqual([
      1, 2, 3, 4, 5, 6, 7, 8, 9, 10,
    ]);
    await sayMany(speaker, event, ['d'], 1);
    await eventually(async () => (await survivor.handled()).length === 21, { timeoutMs: 60_000 });
    await eventually(async () => (await askIdle(survivor)).problems.length === 0, { timeoutMs: 40_000 });
  }, 180_000);

  it('a topic with another number of partitions is a setting to correct, and says which', async () => {
    const brokers = await testKafkaBrokers();
    const event = countedEvent();
    const made = carrierFor(brokers, 3);
    cleanup.also(() => made.close());
    await made.ensureTopics([event.topic]);
    const other = carrierFor(brokers, 5);
    cleanup.also(() => other.close());
    await expect(other.ensureTopics([event.topic])).rejects.toMatchObject({
      code: 'CARRIER_SETTING',
      errorClass: 'setting',
      message: `The topic trouble.${event.topic} has 3 partitions, and 5 are stated.`,
    });
  });
});
