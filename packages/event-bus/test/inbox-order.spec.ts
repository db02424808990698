import { createHash, randomUUID } from 'node:crypto';
import { Cleanup, eventually } from '@studybridge/testing';
import fc from 'fast-check';
import type { Carrier, WireMessage } from '../src';
import {
  askIdle,
  countedEvent,
  type CountedEvent,
  expectInOrder,
  noteHandled,
  serviceName,
  startTestService,
} from './bus-harness';

const cleanup = new Cleanup();
afterEach(() => cleanup.run());

/** A carrier that brings what the test gives it, as carelessly as the test wishes. */
class CarelessCarrier implements Carrier {
  readonly kind = 'in-process';
  deliver: (batch: WireMessage[]) => Promise<void> = () => Promise.reject(new Error('nobody listens'));
  ensureTopics = () => Promise.resolve();
  publish = () => Promise.resolve();
  close = () => Promise.resolve();
  subscribe: Carrier['subscribe'] = (_group, _topics, onBatch) => {
    this.deliver = onBatch;
    return Promise.resolve(() => Promise.resolve());
  };
}

function message(event: CountedEvent, key: string, seq: number): WireMessage {
  const digest = createHash('sha256').update(`${key}/${seq}`).digest('hex').slice(0, 12);
  const id = `00000000-0000-4000-8000-${digest}`;
  const value = {
    id,
    type: event.type,
    version: 2,
    key,
    seq,
    binding: 'ismile.test',
    study: 'ismile',
    occurredAt: '2018-09-04T17:00:00Z',
    correlationId: 'c',
    cause: 'live',
    payload: { participantId: key, n: seq },
  };
  return { topic: event.topic, key, headers: {}, value: JSON.stringify(value) };
}

async function listener(faults: Parameters<typeof startTestService>[0]['faults'] = {}) {
  const carrier = new CarelessCarrier();
  const event = countedEvent();
  const service = cleanup.add(
    await startTestService({
      name: serviceName('listener'),
      url: await cleanup.database('listener'),
      carrier,
      build: (bus) => noteHandled(bus, event),
      faults,
    }),
  );
  return { carrier, event, service };
}

it('works each key in order, once, however the carrier shuffles, repeats and cuts what it brings', async () => {
  const { carrier, event, service } = await listener();
  let round = 0;
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.integer({ min: 1, max: 8 }), { minLength: 1, maxLength: 5 }),
      fc.infiniteStream(fc.double({ min: 0, max: 1, noNaN: true })),
      fc.integer({ min: 1, max: 7 }),
      async (lengths, dice, cut) => {
        round += 1;
        const keys = lengths.map((_, index) => `${round}-${index}`);
        const all = lengths.flatMap((length, index) =>
          Array.from({ length }, (_, n) => message(event, keys[index] ?? '', n + 1)),
        );
        const throwDie = (): number => dice.next().value as number;
        const twice = [...all, ...all.filter(() => throwDie() < 0.4)];
        const shuffled = twice
          .map((one) => ({ one, at: throwDie() }))
          .sort((a, b) => a.at - b.at)
          .map(({ one }) => one);
        for (let from = 0; from < shuffled.length; from += cut) await carrier.deliver(shuffled.slice(from, from + cut));
        await eventually(async () => (await askIdle(service)).work['inbox'] === 0);
        const rows = (await service.handled()).filter((row) => row.key.startsWith(`${round}-`));
        for (const [index, key] of keys.entries()) {
          expectInOrder(
            rows.filter((row) => row.key === key),
            [key],
            lengths[index] ?? 0,
          );
        }
        const heard = (await askIdle(service)).topics.heard[event.topic];
        expect(heard).toBe((await service.handled()).length);
      },
    ),
    { numRuns: 40 },
  );
});

it('waits on a gap without losing what came after it, and says so', async () => {
  const { carrier, event, service } = await listener();
  await carrier.deliver([1, 2, 4, 5].map((seq) => message(event, 'a', seq)));
  await carrier.deliver([1, 2, 3].map((seq) => message(event, 'b', seq)));
  await eventually(async () => (await service.handled()).length === 5);
  const idle = await askIdle(service);
  expect(idle).toMatchObject({ idle: false, work: { inbox: 2 } });
  expect(idle.topics.heard[event.topic]).toBe(7);
  await carrier.deliver([message(event, 'a', 3)]);
  await eventually(async () => (await askIdle(service)).idle);
  expectInOrder(
    (await service.handled()).filter((row) => row.key === 'a'),
    ['a'],
    5,
  );
});

it('notices another message at a place of the order that is taken, and puts it aside', async () => {
  const { carrier, event, service } = await listener();
  await carrier.deliver([message(event, 'a', 1)]);
  const other = message(event, 'a', 1);
  await carrier.deliver([{ ...other, value: JSON.stringify({ ...JSON.parse(other.value), id: randomUUID() }) }]);
  expect(await service.context.ops.dispatch('bus.dead-letters', {})).toMatchObject([
    { reason: 'SEQ_CONFLICT', key: 'a', seq: '1' },
  ]);
  expect((await service.handled()).length).toBeLessThanOrEqual(1);
});

it('with the drop switched off, a repetition is worked twice (the proof bites)', async () => {
  const { carrier, event, service } = await listener({ inboxDropOff: true });
  await carrier.deliver([message(event, 'a', 1)]);
  await eventually(async () => (await service.handled()).length === 1);
  await carrier.deliver([message(event, 'a', 1)]);
  await eventually(async () => (await service.handled()).length === 2);
  expect((await service.handled()).map((row) => row.n)).toEqual([1, 1]);
});
