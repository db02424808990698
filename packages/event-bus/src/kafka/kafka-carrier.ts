import type { Logger } from '@studybridge/service-kit';
import { type Admin, Kafka, type KafkaConfig, Partitioners, type Producer } from 'kafkajs';
import { CarrierSettingError, MessageRefusedError } from '../bus-errors';
import { type Carrier, marksTopic, maxMessageBytes, sizeOf, type WireMessage } from '../carrier';
import { kafkaError } from './kafka-error';
import { kafkaLog } from './kafka-log';
import { KafkaSubscription } from './kafka-subscription';
import { readTopics } from './read-topics';

/** How to reach Kafka. `partitions` is fixed for the life of a topic, since the order of a key hangs on it. */
export interface KafkaCarrierOptions {
  brokers: string[];
  clientId: string;
  /** Default 12. */
  partitions?: number;
  /** Stands before every topic and group, so that several installations (or test runs) can share a broker. */
  namespace?: string;
  logger: Logger;
  ssl?: KafkaConfig['ssl'];
  sasl?: KafkaConfig['sasl'];
}

/** Waiting for the broker longer than this helps nobody: kafkajs' own 30 s were the longest stall when a broker was killed. */
const requestTimeoutMs = 6_000;

/** What a database that was put back is brought up to date from; the outbox itself is kept for ever. */
const kept = [{ name: 'retention.ms', value: String(35 * 24 * 3_600_000) }];
/** Of marks only the last one of each service counts. */
const compacted = [
  { name: 'cleanup.policy', value: 'compact' },
  { name: 'segment.bytes', value: '1048576' },
  { name: 'min.cleanable.dirty.ratio', value: '0.1' },
];

class KafkaCarrier implements Carrier {
  readonly kind = 'kafka';
  private readonly kafka: Kafka;
  private readonly partitions: number;
  private readonly prefix: string;
  private readonly logger: Logger;
  private producer: Promise<Producer> | null = null;
  private admin: Promise<Admin> | null = null;
  private readonly subscriptions = new Map<string, Set<KafkaSubscription>>();

  constructor(o: KafkaCarrierOptions) {
    this.partitions = o.partitions ?? 12;
    this.prefix = o.namespace === undefined ? '' : `${o.namespace}.`;
    this.logger = o.logger;
    this.kafka = new Kafka({
      clientId: o.clientId,
      brokers: o.brokers,
      ssl: o.ssl,
      sasl: o.sasl,
      connectionTimeout: 3_000,
      authenticationTimeout: 5_000,
      requestTimeout: requestTimeoutMs,
      retry: { initialRetryTime: 150, maxRetryTime: 2_000, retries: 4 },
      logCreator: kafkaLog(o.logger),
    });
  }

  async ensureTopics(names: string[]): Promise<void> {
    if (names.length === 0) return;
    const topics = names.map((name) => this.prefix + name);
    await this.withAdmin(async (admin) => {
      const known = new Set(await admin.listTopics());
      const missing = topics.filter((topic) => !known.has(topic));
      if (missing.length > 0) {
        // False when another service was faster: the count below tells whether it made them as we would.
        await admin.createTopics({
          topics: missing.map((topic) => ({
            topic,
            numPartitions: this.partitions,
            configEntries: topic === this.prefix + marksTopic ? compacted : kept,
          })),
          waitForLeaders: true,
          timeout: 5_000,
        });
      }
      const { topics: found } = await admin.fetchTopicMetadata({ topics });
      const other = found.find(({ partitions }) => partitions.length !== this.partitions);
      if (other !== undefined) {
        throw new CarrierSettingError(
          `The topic ${other.name} has ${other.partitions.length} partitions, and ${this.partitions} are stated.`,
          'State the number that the topic has, or remove the topic and run `ops bus.rebuild`; a topic’s number never changes.',
        );
      }
    });
  }

  async publish(batch: WireMessage[]): Promise<void> {
    if (batch.some((message) => sizeOf(message) > maxMessageBytes)) throw new MessageRefusedError('it is too large');
    const topics = new Map<string, WireMessage[]>();
    for (const message of batch) {
      const topic = this.prefix + message.topic;
      const messages = topics.get(topic);
      if (messages === undefined) topics.set(topic, [message]);
      else messages.push(message);
    }
    try {
      const producer = await this.connectedProducer();
      await producer.sendBatch({
        acks: -1,
        timeout: requestTimeoutMs - 1_000,
        topicMessages: [...topics].map(([topic, messages]) => ({
          topic,
          messages: messages.map(({ key, value, headers }) => ({ key, value, headers })),
        })),
      });
    } catch (error) {
      // What became of the batch is unknown. A fresh producer, since the numbers of the old one might make the broker
      // take another batch for a repetition of this one.
      await this.dropProducer();
      throw kafkaError(error);
    }
  }

  async subscribe(
    group: string,
    topics: string[],
    onBatch: (batch: WireMessage[]) => Promise<void>,
  ): Promise<() => Promise<void>> {
    const subscription = new KafkaSubscription(
      this.kafka,
      { group, topics, prefix: this.prefix },
      onBatch,
      (missing) => this.ensureTopics(missing),
      this.logger,
    );
    const members = this.subscriptions.get(group) ?? new Set();
    this.subscriptions.set(group, members.add(subscription));
    try {
      await subscription.start();
    } catch (error) {
      members.delete(subscription);
      await subscription.stop();
      throw kafkaError(error);
    }
    return async () => {
      members.delete(subscription);
      await subscription.stop();
    };
  }

  async held(topics: string[]): Promise<Record<string, number>> {
    return this.withAdmin(async (admin) => {
      const held: Record<string, number> = {};
      for (const topic of topics) {
        const offsets = await admin.fetchTopicOffsets(this.prefix + topic);
        held[topic] = offsets.reduce((sum, partition) => sum + Number(partition.high), 0);
      }
      return held;
    });
  }

  async rereadFromStart(group: string, topics: string[]): Promise<void> {
    const starts = await this.withAdmin(async (admin) => {
      const found: { topic: string; partition: number; offset: string }[] = [];
      for (const topic of topics) {
        const offsets = await admin.fetchTopicOffsets(this.prefix + topic);
        for (const { partition, low } of offsets) found.push({ topic: this.prefix + topic, partition, offset: low });
      }
      return found;
    });
    for (const subscription of this.subscriptions.get(group) ?? []) subscription.seek(starts);
  }

  async readAll(topics: string[], onBatch: (batch: WireMessage[]) => Promise<void>): Promise<void> {
    await this.ensureTopics(topics);
    const ends = await this.withAdmin((admin) =>
      Promise.all(
        topics.map(async (topic) => ({ topic, partitions: await admin.fetchTopicOffsets(this.prefix + topic) })),
      ),
    );
    const { group, read } = readTopics(this.kafka, { prefix: this.prefix, ends, onBatch });
    try {
      await read;
    } catch (error) {
      throw kafkaError(error);
    } finally {
      if (group !== null) await this.withAdmin((admin) => admin.deleteGroups([group])).catch(() => undefined);
    }
  }

  problems(): string[] {
    return [...this.subscriptions.values()].flatMap((members) => [...members].flatMap((member) => member.problems()));
  }

  async close(): Promise<void> {
    const members = [...this.subscriptions.values()].flatMap((some) => [...some]);
    this.subscriptions.clear();
    await Promise.all(members.map((member) => member.stop()));
    await this.dropProducer();
    await this.dropAdmin();
  }

  private connectedProducer(): Promise<Producer> {
    this.producer ??= (async () => {
      const producer = this.kafka.producer({
        idempotent: true,
        maxInFlightRequests: 1,
        allowAutoTopicCreation: false,
        createPartitioner: Partitioners.DefaultPartitioner,
        retry: { initialRetryTime: 150, maxRetryTime: 2_000, retries: 4 },
      });
      await producer.connect();
      return producer;
    })();
    return this.producer;
  }

  private async dropProducer(): Promise<void> {
    const { producer } = this;
    this.producer = null;
    await producer?.then((one) => one.disconnect()).catch(() => undefined);
  }

  private async withAdmin<T>(use: (admin: Admin) => Promise<T>): Promise<T> {
    try {
      this.admin ??= (async () => {
        const admin = this.kafka.admin();
        await admin.connect();
        return admin;
      })();
      return await use(await this.admin);
    } catch (error) {
      await this.dropAdmin();
      throw kafkaError(error);
    }
  }

  private async dropAdmin(): Promise<void> {
    const { admin } = this;
    this.admin = null;
    await admin?.then((one) => one.disconnect()).catch(() => undefined);
  }
}

/** A carrier over Apache Kafka. Connects when first used; a broker that is away makes it throw, never hang. */
export function createKafkaCarrier(o: KafkaCarrierOptions): Carrier {
  return new KafkaCarrier(o);
}
