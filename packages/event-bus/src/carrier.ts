/** One message on the wire. The headers hold nothing about a participant (law 9); the value is the envelope as JSON. */
export interface WireMessage {
  topic: string;
  key: string;
  /** `id`, `type`, `version`, `correlation`, `service` (who said it). */
  headers: Record<string, string>;
  value: string;
}

/**
 * What brings messages from one service to the others: at least once, and in order per (topic, key) as long as nothing
 * fails. Everything else (order after a failure, no duplicates, nothing lost) is done around it, in PostgreSQL.
 */
export interface Carrier {
  kind: 'in-process' | 'kafka';
  /** Makes sure that the topics exist. Throws a `setting` error when one exists with another number of partitions. */
  ensureTopics(topics: string[]): Promise<void>;
  /**
   * Resolves when every message is durably accepted. Throws `participant` (MESSAGE_REFUSED) when a message can never be
   * accepted, `dependency` or `setting` otherwise; some messages of the batch may have been accepted all the same.
   */
  publish(batch: WireMessage[]): Promise<void>;
  /**
   * Hands the group every message of the topics, in batches of one key order each. A batch counts as received once
   * `onBatch` has resolved; after a rejection it comes again. Returns how to stop (waits for the batch in hand).
   */
  subscribe(
    group: string,
    topics: string[],
    onBatch: (batch: WireMessage[]) => Promise<void>,
  ): Promise<() => Promise<void>>;
  /** Disconnects everything; publishing or subscribing afterwards connects anew. */
  close(): Promise<void>;
  /** How many messages each topic ever held, where that can be told. A smaller number than before: the carrier lost them. */
  held?(topics: string[]): Promise<Record<string, number>>;
  /** Has the group read the topics again from their start, where the carrier keeps what it delivered. */
  rereadFromStart?(group: string, topics: string[]): Promise<void>;
  /**
   * Hands over every message that the topics hold at this moment, apart from any group, and resolves when the last one was
   * taken. Only a carrier that keeps what it delivered has it; such a carrier also takes `marksTopic`.
   */
  readAll?(topics: string[], onBatch: (batch: WireMessage[]) => Promise<void>): Promise<void>;
  /** Sentences about what hinders the carrier; no participant data. */
  problems?(): string[];
}

/** Where each service notes, outside its database, the last thing it published; keyed by the service's name. */
export const marksTopic = 'studybridge.marks';

/** Kafka's own default limit, and the largest message that either carrier accepts. */
export const maxMessageBytes = 1_000_000;

/** The size that the limit is about. */
export function sizeOf(message: WireMessage): number {
  return Buffer.byteLength(message.value) + Buffer.byteLength(message.key) + 300;
}
