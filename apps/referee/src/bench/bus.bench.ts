import { randomUUID } from 'node:crypto';
import { defineEvent } from '@studybridge/contracts';
import { Kafka, logLevel, Partitioners } from 'kafkajs';
import { z } from 'zod';
import { layBenchGround, type BenchGround } from './bench-ground';
import { rounded, type Bench, type BenchPlace } from './bench';
import { startPart } from '../system/bus-part';
import { peakMemoryMb } from './peak-memory';

const messages = 50_000;
const keys = 1_000;
/** About what a participant's declared state weighs. */
const padding = 'x'.repeat(1_500);

const measured = defineEvent({
  type: 'bench.measured',
  version: 1,
  schema: z.object({ key: z.string().min(1), n: z.number().int(), padding: z.string() }),
  key: (payload) => payload.key,
  example: { key: 'k', n: 1, padding: '' },
});

/** Said in a transaction, relayed, heard and worked off, against the same messages produced and consumed with kafkajs alone. */
export const busBench: Bench = {
  name: 'bus',
  async run(place) {
    const ground = await layBenchGround(place);
    try {
      const count = Math.max(1_000, Math.round(messages * place.scale));
      const floorMs = await rawKafka(ground, count);
      place.log(`kafkajs alone: ${count} messages in ${Math.round(floorMs)} ms`);
      const oursMs = await throughTheBus(ground, place, count);
      return [
        {
          bench: 'bus',
          what: 'outbox → Kafka → inbox, worked, against kafkajs produce + consume',
          ratio: rounded(floorMs / oursMs),
          aim: 0.1,
          figures: {
            messages: count,
            floorMs: Math.round(floorMs),
            oursMs: Math.round(oursMs),
            perSecond: Math.round((count / oursMs) * 1_000),
            peakMemoryMb: peakMemoryMb() ?? 0,
          },
        },
      ];
    } finally {
      await ground.stop();
    }
  },
};

async function rawKafka(ground: BenchGround, count: number): Promise<number> {
  const kafka = new Kafka({ clientId: 'floor', brokers: ground.brokers, logLevel: logLevel.NOTHING });
  const topic = `floor-${randomUUID()}`;
  const admin = kafka.admin();
  await admin.connect();
  await admin.createTopics({ topics: [{ topic, numPartitions: 12 }], waitForLeaders: true });
  await admin.disconnect();
  const producer = kafka.producer({
    idempotent: true,
    maxInFlightRequests: 1,
    createPartitioner: Partitioners.DefaultPartitioner,
  });
  const consumer = kafka.consumer({ groupId: topic });
  await Promise.all([producer.connect(), consumer.connect()]);
  await consumer.subscribe({ topic, fromBeginning: true });
  let heard = 0;
  const joined = new Promise<void>((resolve) => consumer.on(consumer.events.GROUP_JOIN, () => resolve()));
  let finish: () => void = () => undefined;
  const all = new Promise<void>((resolve) => (finish = resolve));
  await consumer.run({
    eachBatch: ({ batch }) => {
      heard += batch.messages.length;
      if (heard >= count) finish();
      return Promise.resolve();
    },
  });
  await joined;
  const began = performance.now();
  for (let from = 0; from < count; from += 500) {
    await producer.send({
      topic,
      acks: -1,
      messages: Array.from({ length: Math.min(500, count - from) }, (_, index) => ({
        key: `k${(from + index) % keys}`,
        value: JSON.stringify({ key: `k${(from + index) % keys}`, n: from + index, padding }),
      })),
    });
  }
  await all;
  const ms = performance.now() - began;
  await Promise.all([producer.disconnect(), consumer.disconnect()]);
  return ms;
}

async function throughTheBus(ground: BenchGround, place: BenchPlace, count: number): Promise<number> {
  const speaker = await startPart(ground, 'bench-speaker', () => undefined);
  let worked = 0;
  let finish: () => void = () => undefined;
  const all = new Promise<void>((resolve) => (finish = resolve));
  const listener = await startPart(ground, 'bench-listener', (bus) => {
    bus.consume(measured, async (em, envelope) => {
      await em.query('SELECT $1::int', [envelope.payload.n]);
      worked += 1;
      if (worked >= count) finish();
    });
  });
  try {
    const began = performance.now();
    for (let from = 0; from < count; from += 500) {
      await speaker.context.dataSource.transaction((em) =>
        speaker.bus.publishMany(
          em,
          measured,
          Array.from({ length: Math.min(500, count - from) }, (_, index) => ({
            payload: { key: `k${(from + index) % keys}`, n: from + index, padding },
            meta: { binding: 'ismile.bench', study: 'ismile', cause: 'live' as const, correlationId: 'bench' },
          })),
        ),
      );
      speaker.bus.wake();
    }
    place.log(`all ${count} are in the outbox after ${Math.round(performance.now() - began)} ms`);
    await all;
    return performance.now() - began;
  } finally {
    await listener.stop();
    await speaker.stop();
  }
}
