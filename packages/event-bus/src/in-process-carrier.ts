import { CarrierUnavailableError, MessageRefusedError } from './bus-errors';
import { type Carrier, maxMessageBytes, sizeOf, type WireMessage } from './carrier';

interface Member {
  topics: ReadonlySet<string>;
  onBatch: (batch: WireMessage[]) => Promise<void>;
  /** Batches in hand, so that stopping can wait for them. */
  inHand: Set<Promise<void>>;
}

class InProcessCarrier implements Carrier {
  readonly kind = 'in-process';
  private readonly groups = new Map<string, Member[]>();
  private turn = 0;
  private waiting: { resolve: () => void; reject: (error: Error) => void }[] = [];

  constructor(private readonly expects: Record<string, string[]>) {}

  ensureTopics(): Promise<void> {
    return Promise.resolve();
  }

  async publish(batch: WireMessage[]): Promise<void> {
    if (batch.some((message) => sizeOf(message) > maxMessageBytes)) throw new MessageRefusedError('it is too large');
    const topics = new Set(batch.map((message) => message.topic));
    await this.everyoneThere(topics);
    const deliveries: Promise<void>[] = [];
    for (const members of this.groups.values()) {
      const member = members[this.turn++ % members.length];
      if (member === undefined) continue;
      const theirs = batch.filter((message) => member.topics.has(message.topic));
      if (theirs.length > 0) deliveries.push(hand(member, theirs));
    }
    const outcomes = await Promise.allSettled(deliveries);
    const failed = outcomes.find((outcome) => outcome.status === 'rejected');
    if (failed !== undefined)
      throw new CarrierUnavailableError('a service could not store its messages', failed.reason);
  }

  subscribe(group: string, topics: string[], onBatch: Member['onBatch']): Promise<() => Promise<void>> {
    const member: Member = { topics: new Set(topics), onBatch, inHand: new Set() };
    this.groups.set(group, [...(this.groups.get(group) ?? []), member]);
    for (const { resolve } of this.waiting.splice(0)) resolve();
    return Promise.resolve(async () => {
      const left = (this.groups.get(group) ?? []).filter((other) => other !== member);
      if (left.length > 0) this.groups.set(group, left);
      else this.groups.delete(group);
      await Promise.allSettled([...member.inHand]);
    });
  }

  close(): Promise<void> {
    this.groups.clear();
    for (const { reject } of this.waiting.splice(0)) reject(new CarrierUnavailableError('it is closed'));
    return Promise.resolve();
  }

  /** Waits until every group that these topics are meant for listens, so that nothing is published past it. */
  private async everyoneThere(topics: ReadonlySet<string>): Promise<void> {
    const missing = () =>
      [...topics].some((topic) =>
        (this.expects[topic] ?? []).some(
          (group) => !(this.groups.get(group) ?? []).some((member) => member.topics.has(topic)),
        ),
      );
    while (missing()) await new Promise<void>((resolve, reject) => this.waiting.push({ resolve, reject }));
  }
}

async function hand(member: Member, batch: WireMessage[]): Promise<void> {
  const delivery = member.onBatch(batch);
  member.inHand.add(delivery);
  try {
    await delivery;
  } finally {
    member.inHand.delete(delivery);
  }
}

/**
 * A carrier for services that share a process. `expects` names, per topic, the groups that must listen before anything of
 * that topic is published (services start one after the other). A batch is accepted once every group has stored it.
 */
export function createInProcessCarrier(o: { expects: Record<string, string[]> }): Carrier {
  return new InProcessCarrier(o.expects);
}
