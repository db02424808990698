import { StudybridgeError } from '@studybridge/contracts';
import { Cleanup, eventually } from '@studybridge/testing';
import { createInProcessCarrier, type EventBus } from '../src';
import {
  askIdle,
  countedEvent,
  type CountedEvent,
  expectInOrder,
  meta,
  serviceName,
  startTestService,
} from './bus-harness';

const cleanup = new Cleanup();
afterEach(() => cleanup.run());

const keys = Array.from({ length: 40 }, (_, index) => `key-${String(index).padStart(2, '0')}`);

/** Notes what it is given in one statement; refuses all of it when it holds what it must not. */
function noteTogether(
  bus: EventBus,
  event: CountedEvent,
  sizes: number[],
  refused: (key: string, n: number) => boolean,
) {
  bus.consumeTogether(event, async (em, envelopes) => {
    sizes.push(envelopes.length);
    const rows = envelopes.map(({ key, seq, payload }) => ({ topic: event.topic, key, n: payload.n, seq }));
    await em.query(
      `INSERT INTO handled (topic, key, n, seq)
         SELECT topic, key, n, seq FROM json_to_recordset($1::json) AS t(topic text, key text, n int, seq int)`,
      [JSON.stringify(rows)],
    );
    if (envelopes.some(({ key, payload }) => refused(key, payload.n))) {
      throw new StudybridgeError('Not this one.', { code: 'REFUSED', errorClass: 'participant', remedy: 'None.' });
    }
  });
}

async function speakerAndListener(refused: (key: string, n: number) => boolean = () => false) {
  const event = countedEvent();
  const name = serviceName('listener');
  const carrier = createInProcessCarrier({ expects: { [event.topic]: [name] } });
  const sizes: number[] = [];
  const listener = cleanup.add(
    await startTestService({
      name,
      url: await cleanup.database('listener'),
      carrier,
      build: (bus) => noteTogether(bus, event, sizes, refused),
    }),
  );
  const speaker = cleanup.add(
    await startTestService({ name: serviceName('speaker'), url: await cleanup.database('speaker'), carrier }),
  );
  /** Three of each key in one transaction, made while they are said. */
  function* three() {
    for (const n of [1, 2, 3]) for (const participantId of keys) yield { payload: { participantId, n }, meta: meta() };
  }
  await speaker.context.dataSource.transaction((em) => speaker.bus.publishMany(em, event, three()));
  return { listener, sizes };
}

it('gives a handler the messages of many keys at once, each key’s in order', async () => {
  const { listener, sizes } = await speakerAndListener();
  await eventually(async () => (await listener.handled()).length === keys.length * 3);
  await eventually(async () => (await askIdle(listener)).idle);
  expectInOrder(await listener.handled(), keys, 3);
  expect(Math.max(...sizes)).toBeGreaterThan(1);
  expect(sizes.length).toBeLessThan(keys.length * 3);
});

it('takes all of them back when one is refused: its key is parked, the others are worked once each', async () => {
  const { listener } = await speakerAndListener((key, n) => key === 'key-07' && n === 2);
  const others = keys.filter((key) => key !== 'key-07');
  await eventually(async () => (await listener.handled()).length === others.length * 3 + 1);
  const rows = await listener.handled();
  expectInOrder(
    rows.filter((row) => row.key !== 'key-07'),
    others,
    3,
  );
  expect(rows.filter((row) => row.key === 'key-07').map((row) => row.n)).toEqual([1]);
  await eventually(async () => {
    const parked = await listener.context.ops.dispatch('parked.list', {});
    return Array.isArray(parked) && parked.length === 1;
  });
});
