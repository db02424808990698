import { randomUUID } from 'node:crypto';
import type { Kafka } from 'kafkajs';
import type { WireMessage } from '../carrier';
import { CarrierUnavailableError } from '../bus-errors';

const patienceMs = 30_000;

/**
 * Reads topics from their start to where they end now, with a consumer group of its own that is nobody's. Rejects when
 * nothing came for half a minute. `group` is to be removed afterwards; null when there was nothing to read.
 */
export function readTopics(
  kafka: Kafka,
  o: {
    prefix: string;
    /** Of each topic: where each partition begins and ends. */
    ends: { topic: string; partitions: { partition: number; low: string; high: string }[] }[];
    onBatch: (batch: WireMessage[]) => Promise<void>;
  },
): { group: string | null; read: Promise<void> } {
  const left = new Map<string, bigint>();
  for (const { topic, partitions } of o.ends) {
    for (const { partition, low, high } of partitions) {
      if (BigInt(low) < BigInt(high)) left.set(`${o.prefix}${topic}/${partition}`, BigInt(high));
    }
  }
  if (left.size === 0) return { group: null, read: Promise.resolve() };
  const group = `${o.prefix}reread-${randomUUID()}`;
  return { group, read: readUntil(kafka, group, left, o) };
}

async function readUntil(
  kafka: Kafka,
  group: string,
  left: Map<string, bigint>,
  o: Parameters<typeof readTopics>[1],
): Promise<void> {
  const consumer = kafka.consumer({
    groupId: group,
    sessionTimeout: 30_000,
    maxWaitTimeInMs: 200,
    allowAutoTopicCreation: false,
    retry: { initialRetryTime: 150, maxRetryTime: 2_000, retries: 4 },
  });
  let timer: NodeJS.Timeout | undefined;
  try {
    await consumer.connect();
    await consumer.subscribe({ topics: o.ends.map(({ topic }) => o.prefix + topic), fromBeginning: true });
    await new Promise<void>((resolve, reject) => {
      const hurry = () => {
        clearTimeout(timer);
        timer = setTimeout(() => reject(new CarrierUnavailableError('its topics could not be read')), patienceMs);
      };
      hurry();
      consumer.on(consumer.events.CRASH, ({ payload }) => reject(payload.error));
      consumer
        .run({
          autoCommit: false,
          eachBatchAutoResolve: true,
          eachBatch: async ({ batch, heartbeat }) => {
            hurry();
            const messages = batch.messages.map((message): WireMessage => ({
              topic: batch.topic.slice(o.prefix.length),
              key: message.key?.toString() ?? '',
              headers: Object.fromEntries(
                Object.entries(message.headers ?? {}).map(([name, value]) => [name, String(value)]),
              ),
              value: message.value?.toString() ?? '',
            }));
            await o.onBatch(messages).catch((error: unknown) => {
              reject(error instanceof Error ? error : new Error('a batch could not be taken'));
              throw error;
            });
            const place = `${batch.topic}/${batch.partition}`;
            const end = left.get(place);
            if (end !== undefined && BigInt(batch.lastOffset()) + 1n >= end) left.delete(place);
            if (left.size === 0) resolve();
            await heartbeat();
          },
        })
        .catch(reject);
    });
  } finally {
    clearTimeout(timer);
    await consumer.disconnect().catch(() => undefined);
  }
}
