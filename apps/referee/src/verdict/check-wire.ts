import { randomUUID } from 'node:crypto';
import { type Admin, Kafka, KafkaJSError, logLevel } from 'kafkajs';
import { readFileSync } from 'node:fs';
import type { Struck } from '../faults/striker';
import type { System } from '../system/start-system';
import type { Difference } from './verdict';

interface OnWire {
  topic: string;
  key: string;
  id: string;
  seq: number;
  /** When the broker took it first, epoch milliseconds. */
  firstAt: number;
  copies: number;
}

/** What was struck may publish late: a process frozen that long, a broker that starts anew. */
const strikeLastsMs = 20_000;
/** A failed try is logged after the broker took what it did. */
const clockGraceMs = 1_000;
/** So long after a strike at the broker a relay may notice that a topic was lost. */
const noticedWithinMs = 60_000;

/**
 * The wire itself: a message stands on it once, and once more for each time its publisher may have died, frozen or lost broker
 * or database before it could note the first. More than that is two relays at work.
 */
export async function checkWire(system: System, struck: readonly Struck[]): Promise<Difference[]> {
  const wire = await readWire(system.ground.brokers);
  const differences: Difference[] = [];
  for (const service of system.services) {
    const rows = await system.ground.ask<{ id: string }>(system.databaseOf(service), 'SELECT id FROM bus_outbox');
    const own = new Set(rows.map((row) => row.id));
    const struckAt = interruptionsOf(service, struck);
    const loggedAt = repetitionsLogged(system, service, struck);
    const surplus = wire.filter((message) => {
      if (!own.has(message.id) || message.copies === 1) return false;
      const explained =
        struckAt.filter((at) => at >= message.firstAt - strikeLastsMs).length +
        loggedAt.filter((at) => at >= message.firstAt - clockGraceMs).length;
      return message.copies - 1 > explained;
    });
    if (surplus.length === 0) continue;
    const [one] = surplus;
    differences.push({
      kind: 'publishedTwice',
      record: null,
      sentence: `${service} published ${surplus.length} messages more often than anything explains, as ${one?.topic} ${one?.key} #${one?.seq}: ${one?.copies} times`,
    });
  }
  return differences;
}

function interruptionsOf(service: string, struck: readonly Struck[]): number[] {
  return struck
    .filter(({ what, who }) => what !== 'hold' && (!['kill', 'freeze'].includes(what) || who.startsWith(`${service}-`)))
    .map(({ realAt }) => realAt);
}

/**
 * A relay that could not publish says so in its log, and when it can again; whether the broker took what it tried is unknown then.
 * A topic that it found lost it publishes again; nothing is lost but by a strike at the broker before: else two relays count in
 * each other's way.
 */
function repetitionsLogged(system: System, service: string, struck: readonly Struck[]): number[] {
  const brokerStruckAt = struck
    .filter(({ what }) => what === 'kill-broker' || what === 'lose-volume')
    .map(({ realAt }) => realAt);
  const explains = (line: string, at: number): boolean =>
    line.includes('the outbox could not be published') ||
    line.includes('the outbox is published again') ||
    (line.includes('the topic was lost') &&
      brokerStruckAt.some((strike) => strike <= at && at - strike <= noticedWithinMs));
  return system.of(service).flatMap((replica) =>
    readFileSync(replica.logFile, 'utf8')
      .split('\n')
      .flatMap((line) => {
        const at = Date.parse(/"time":"([^"]+)/.exec(line)?.[1] ?? '');
        return explains(line, at) ? [at] : [];
      }),
  );
}

/** Everything that stands on the broker's topics. */
async function readWire(brokers: string[]): Promise<OnWire[]> {
  const kafka = new Kafka({ clientId: 'referee', brokers, logLevel: logLevel.NOTHING });
  const admin = kafka.admin();
  await admin.connect();
  const topics = (await admin.listTopics()).filter((topic) => !topic.startsWith('__'));
  const ends = new Map<string, number>();
  for (const topic of topics) {
    for (const { partition, high, low } of await endsOf(admin, topic)) {
      if (Number(high) > Number(low)) ends.set(`${topic} ${partition}`, Number(high));
    }
  }
  const found = new Map<string, OnWire>();
  if (ends.size > 0) {
    const consumer = kafka.consumer({ groupId: `referee-${randomUUID()}` });
    await consumer.connect();
    await consumer.subscribe({ topics, fromBeginning: true });
    await new Promise<void>((resolve, reject) => {
      consumer
        .run({
          autoCommit: false,
          eachBatch: ({ batch }) => {
            for (const message of batch.messages) note(found, batch.topic, message);
            const name = `${batch.topic} ${batch.partition}`;
            if (Number(batch.lastOffset()) + 1 >= (ends.get(name) ?? 0)) ends.delete(name);
            if (ends.size === 0) resolve();
            return Promise.resolve();
          },
        })
        .catch(reject);
    });
    await consumer.disconnect();
    const { groups } = await admin.listGroups();
    const mine = groups.map((group) => group.groupId).filter((id) => id.startsWith('referee-'));
    await admin.deleteGroups(mine).catch(() => undefined);
  }
  await admin.disconnect();
  return [...found.values()];
}

/** A topic that was made just now has no leader yet. Throws what the broker says when that lasts. */
async function endsOf(admin: Admin, topic: string): ReturnType<Admin['fetchTopicOffsets']> {
  for (const deadline = Date.now() + 30_000; ;) {
    try {
      return await admin.fetchTopicOffsets(topic);
    } catch (error) {
      if (!(error instanceof KafkaJSError && error.retriable) || Date.now() > deadline) throw error;
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
  }
}

function note(
  found: Map<string, OnWire>,
  topic: string,
  message: { key: Buffer | null; value: Buffer | null; timestamp: string },
): void {
  const envelope = JSON.parse(message.value?.toString() ?? '{}') as { id?: string; seq?: number };
  // Not an event: the bus's own marks.
  if (envelope.id === undefined || envelope.seq === undefined) return;
  const known = found.get(envelope.id);
  const at = Number(message.timestamp);
  if (known) {
    known.copies += 1;
    known.firstAt = Math.min(known.firstAt, at);
    return;
  }
  const key = message.key?.toString() ?? '';
  found.set(envelope.id, { topic, key, id: envelope.id, seq: envelope.seq, firstAt: at, copies: 1 });
}
