import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from '@studybridge/service-kit';
import type { Consumer, EachBatchPayload, Kafka } from 'kafkajs';
import type { WireMessage } from '../carrier';
import { kafkaError } from './kafka-error';

/** Kafka’s smallest; a killed process’s share of the topics waits for so long. */
const sessionTimeoutMs = 6_000;
const heartbeatMs = 1_000;

/**
 * One member of a consumer group that stays one: kafkajs restarts itself after most failures, and where it gives up we
 * begin anew. Offsets are committed after `onBatch` has resolved, never before.
 */
export class KafkaSubscription {
  private consumer: Consumer | null = null;
  private stopped = false;
  private restarting: Promise<void> | null = null;
  private trouble: string | null = null;

  constructor(
    private readonly kafka: Kafka,
    private readonly o: { group: string; topics: string[]; prefix: string },
    private readonly onBatch: (batch: WireMessage[]) => Promise<void>,
    /** Makes topics that are missing: a broker that lost its volume lost those, too, that nobody publishes at the time. */
    private readonly ensureTopics: (topics: string[]) => Promise<void>,
    private readonly logger: Logger,
  ) {}

  /** Joins the group. Throws when Kafka is away at that moment. */
  async start(): Promise<void> {
    const consumer = this.kafka.consumer({
      groupId: this.o.prefix + this.o.group,
      sessionTimeout: sessionTimeoutMs,
      rebalanceTimeout: 15_000,
      heartbeatInterval: heartbeatMs,
      maxWaitTimeInMs: 500,
      allowAutoTopicCreation: false,
      retry: {
        initialRetryTime: 150,
        maxRetryTime: 2_000,
        retries: 4,
        restartOnFailure: async () => {
          if (!this.stopped) await this.ensureTopics(this.o.topics).catch(() => undefined);
          return !this.stopped;
        },
      },
    });
    this.consumer = consumer;
    consumer.on(consumer.events.CRASH, ({ payload }) => {
      this.trouble = kafkaError(payload.error).message;
      if (!payload.restart) this.beginAnew(consumer);
    });
    consumer.on(consumer.events.GROUP_JOIN, () => (this.trouble = null));
    await consumer.connect();
    await consumer.subscribe({ topics: this.o.topics.map((topic) => this.o.prefix + topic), fromBeginning: true });
    await consumer.run({
      autoCommit: false,
      eachBatchAutoResolve: false,
      partitionsConsumedConcurrently: 4,
      eachBatch: (payload) => this.take(payload),
    });
  }

  /** Finishes the batch in hand and leaves the group, so that the others take over at once. */
  async stop(): Promise<void> {
    this.stopped = true;
    await this.restarting;
    const { consumer } = this;
    this.consumer = null;
    await consumer?.disconnect().catch(() => undefined);
  }

  problems(): string[] {
    return this.trouble === null ? [] : [this.trouble];
  }

  seek(starts: { topic: string; partition: number; offset: string }[]): void {
    const mine = new Set(this.o.topics.map((topic) => this.o.prefix + topic));
    for (const start of starts) if (mine.has(start.topic)) this.consumer?.seek(start);
  }

  private async take(payload: EachBatchPayload): Promise<void> {
    const { batch, heartbeat, isRunning, isStale, resolveOffset, commitOffsetsIfNecessary } = payload;
    const messages = batch.messages.map((message): WireMessage => ({
      topic: batch.topic.slice(this.o.prefix.length),
      key: message.key?.toString() ?? '',
      headers: {},
      value: message.value?.toString() ?? '',
    }));
    for (let failures = 0; ; failures += 1) {
      if (!isRunning() || isStale()) return;
      try {
        await beating(this.onBatch(messages), heartbeat);
        break;
      } catch (error) {
        // Our database is away, or the group has moved on; the batch stays in hand as long as the partition is ours.
        if (isKafkaError(error)) throw error;
        this.trouble = 'Messages cannot be stored in the inbox.';
        this.logger[failures === 0 ? 'warn' : 'debug']({ err: error }, 'messages cannot be stored; trying again');
        await sleep(Math.min(5_000, 100 * 2 ** Math.min(failures, 6)));
        await heartbeat();
      }
    }
    this.trouble = null;
    const last = batch.lastOffset();
    const next = (BigInt(last) + 1n).toString();
    await commitOffsetsIfNecessary({
      topics: [{ topic: batch.topic, partitions: [{ partition: batch.partition, offset: next }] }],
    });
    resolveOffset(last);
    await heartbeat();
  }

  /** kafkajs gave up: a new consumer, as often as it takes. */
  private beginAnew(crashed: Consumer): void {
    if (this.stopped || this.consumer !== crashed) return;
    this.restarting = (async () => {
      await crashed.disconnect().catch(() => undefined);
      for (let failures = 0; !this.stopped; failures += 1) {
        await sleep(Math.min(5_000, 250 * 2 ** Math.min(failures, 5)));
        try {
          await this.ensureTopics(this.o.topics);
          await this.start();
          return;
        } catch (error) {
          this.trouble = kafkaError(error).message;
          await this.consumer?.disconnect().catch(() => undefined);
        }
      }
    })();
  }
}

/** Awaits work while telling the group that we are alive; a heartbeat that fails (we were evicted) ends the wait. */
async function beating(work: Promise<void>, heartbeat: () => Promise<void>): Promise<void> {
  let done = false;
  const finished = work.finally(() => (done = true));
  finished.catch(() => undefined);
  while (!done) {
    let timer: NodeJS.Timeout | undefined;
    const tick = new Promise<void>((resolve) => (timer = setTimeout(resolve, heartbeatMs)));
    await Promise.race([finished, tick]).finally(() => clearTimeout(timer));
    if (!done) await heartbeat();
  }
  await finished;
}

function isKafkaError(error: unknown): boolean {
  return error instanceof Error && error.name.startsWith('KafkaJS');
}
