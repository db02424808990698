import { Cleanup, eventually } from '@studybridge/testing';
import { DataSource } from 'typeorm';
import { createInProcessCarrier } from '../src';
import { askIdle, countedEvent, expectInOrder, meta, noteHandled, serviceName, startTestService } from './bus-harness';

const cleanup = new Cleanup();
afterEach(() => cleanup.run());

/** Ends every connection to a database but the one that does so. */
const cut = (admin: DataSource): Promise<unknown> =>
  admin.query(
    'SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()',
  );

it('loses nothing and does nothing twice when all connections to both databases are cut again and again', async () => {
  const urls = { speaker: await cleanup.database('speaker'), listener: await cleanup.database('listener') };
  const event = countedEvent();
  const carrier = createInProcessCarrier({ expects: {} });
  const listener = cleanup.add(
    await startTestService({
      name: serviceName('listener'),
      url: urls.listener,
      carrier,
      build: (bus) => noteHandled(bus, event),
    }),
  );
  const name = serviceName('speaker');
  const speaker = cleanup.add(await startTestService({ name, url: urls.speaker, carrier }));
  cleanup.add(await startTestService({ name, url: urls.speaker, carrier }));
  const admins = await Promise.all(
    [urls.speaker, urls.listener].map((url) => new DataSource({ type: 'postgres', url }).initialize()),
  );
  for (const admin of admins) cleanup.also(() => admin.destroy());
  const keys = ['a', 'b', 'c', 'd'];
  const speakerDb = admins[0] as DataSource;
  for (let n = 1; n <= 20; n += 1) {
    // A commit whose answer was cut off may have happened; the outbox itself tells.
    await eventually(async () => {
      const [row] = await speakerDb.query<{ n: number }[]>('SELECT count(*)::int AS n FROM bus_outbox');
      if (row?.n === n * keys.length) return true;
      await speaker.context.dataSource.transaction((em) =>
        speaker.bus.publishMany(
          em,
          event,
          keys.map((participantId) => ({ payload: { participantId, n }, meta: meta() })),
        ),
      );
      return false;
    });
    if (n % 5 === 0) await Promise.all(admins.map(cut));
  }
  await eventually(async () => (await listener.handled()).length >= 80, { timeoutMs: 40_000 });
  await eventually(async () => (await askIdle(listener)).idle && (await askIdle(speaker)).idle);
  expectInOrder(await listener.handled(), keys, 20);
  expect((await askIdle(speaker)).problems).toEqual([]);
}, 90_000);

it('without the relay’s lock both replicas publish (the proof bites), and with it one does', async () => {
  for (const relayLockOff of [true, false]) {
    const url = await cleanup.database('speaker');
    const event = countedEvent();
    const carrier = createInProcessCarrier({ expects: {} });
    const published: string[] = [];
    const slow = {
      ...carrier,
      kind: carrier.kind,
      ensureTopics: () => Promise.resolve(),
      subscribe: carrier.subscribe.bind(carrier),
      close: () => Promise.resolve(),
      publish: async (batch: { key: string }[]) => {
        published.push(...batch.map((message) => message.key));
        await new Promise((resolve) => setTimeout(resolve, 300));
      },
    };
    const name = serviceName('speaker');
    const one = cleanup.add(await startTestService({ name, url, carrier: slow, faults: { relayLockOff } }));
    const other = cleanup.add(await startTestService({ name, url, carrier: slow, faults: { relayLockOff } }));
    await one.context.dataSource.transaction((em) => one.bus.publish(em, event, { participantId: 'a', n: 1 }, meta()));
    other.bus.wake();
    await eventually(async () => (await askIdle(one)).idle);
    expect(published).toHaveLength(relayLockOff ? 2 : 1);
  }
});

it('without the outbox’s transaction an event of a rolled-back transaction is said (the proof bites)', async () => {
  for (const outboxTransactionOff of [true, false]) {
    const event = countedEvent();
    const carrier = createInProcessCarrier({ expects: {} });
    const service = cleanup.add(
      await startTestService({
        name: serviceName('speaker'),
        url: await cleanup.database('speaker'),
        carrier,
        faults: { outboxTransactionOff },
        build: (bus) => noteHandled(bus, event),
      }),
    );
    const said = service.context.dataSource.transaction(async (em) => {
      await service.bus.publish(em, event, { participantId: 'a', n: 1 }, meta());
      throw new Error('no');
    });
    await expect(said).rejects.toThrow('no');
    await service.context.dataSource.transaction((em) =>
      service.bus.publish(em, event, { participantId: 'b', n: 1 }, meta()),
    );
    await eventually(async () => (await service.handled()).some((row) => row.key === 'b'));
    await eventually(async () => (await askIdle(service)).idle);
    expect((await service.handled()).map((row) => row.key).sort()).toEqual(outboxTransactionOff ? ['a', 'b'] : ['b']);
  }
});
