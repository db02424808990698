import { randomUUID } from 'node:crypto';
import { commandGiven, type Envelope, StudybridgeError } from '@studybridge/contracts';
import { createLogger } from '@studybridge/service-kit';
import { Cleanup, eventually, kafkaAvailable, testKafkaBrokers } from '@studybridge/testing';
import { z } from 'zod';
import { type Carrier, createInProcessCarrier, createKafkaCarrier } from '../src';
import {
  askIdle,
  type Counted,
  countedEvent,
  expectInOrder,
  meta,
  noteHandled,
  sayMany,
  serviceName,
  startTestService,
} from './bus-harness';

interface Kind {
  kind: string;
  /** Carriers for the services of one test; Kafka gives each process its own. */
  make(): Promise<() => Carrier>;
}

const kinds: Kind[] = [
  {
    kind: 'in-process',
    make: () => {
      const shared = createInProcessCarrier({ expects: {} });
      return Promise.resolve(() => shared);
    },
  },
  {
    kind: 'kafka',
    make: async () => {
      const brokers = await testKafkaBrokers();
      const logger = createLogger({ service: 'test', level: process.env['TEST_LOG'] ?? 'silent' });
      const namespace = `contract-${randomUUID().slice(0, 8)}`;
      return () => createKafkaCarrier({ brokers, clientId: 'test', partitions: 4, namespace, logger });
    },
  },
];

const withKafka = kafkaAvailable();

describe.each(withKafka || process.env['CI'] === 'true' ? kinds : kinds.slice(0, 1))(
  'over the carrier $kind',
  ({ make }) => {
    const cleanup = new Cleanup();
    afterEach(() => cleanup.run());

    /** A speaker and a listener on databases of their own. */
    async function pair(event = countedEvent()) {
      const carrier = await make();
      const names = { speaker: serviceName('speaker'), listener: serviceName('listener') };
      const listenerUrl = await cleanup.database('listener');
      const speakerUrl = await cleanup.database('speaker');
      return { carrier, event, names, listenerUrl, speakerUrl };
    }

    it('brings every committed message once and in order, with cause and correlation, and is idle afterwards', async () => {
      const { carrier, event, names, listenerUrl, speakerUrl } = await pair();
      const seen: Envelope<Counted>[] = [];
      const listener = cleanup.add(
        await startTestService({
          name: names.listener,
          url: listenerUrl,
          carrier: carrier(),
          build: (bus) =>
            bus.consume(event, async (em, envelope) => {
              seen.push(envelope);
              await em.query('INSERT INTO handled (topic, key, n, seq) VALUES ($1, $2, $3, $4)', [
                event.topic,
                envelope.key,
                envelope.payload.n,
                envelope.seq,
              ]);
            }),
        }),
      );
      const speaker = cleanup.add(await startTestService({ name: names.speaker, url: speakerUrl, carrier: carrier() }));
      const keys = Array.from({ length: 20 }, (_, index) => `p${index}`);
      await sayMany(speaker, event, keys, 12);
      const rolledBack = speaker.context.dataSource.transaction(async (em) => {
        await speaker.bus.publish(em, event, { participantId: 'p0', n: 99 }, meta());
        throw new Error('no');
      });
      await expect(rolledBack).rejects.toThrow('no');
      await speaker.context.dataSource.transaction((em) =>
        speaker.bus.publish(
          em,
          event,
          { participantId: 'last', n: 1 },
          { ...meta({ cause: 'reconcile', correlationId: 'corr-1' }), occurredAt: new Date('2018-09-04T17:00:00Z') },
        ),
      );
      await eventually(async () => (await listener.handled()).length >= 241, { what: 'all messages' });
      const rows = await listener.handled();
      expectInOrder(
        rows.filter((row) => row.key !== 'last'),
        keys,
        12,
      );
      expect(seen.find((envelope) => envelope.key === 'last')).toMatchObject({
        seq: 1,
        cause: 'reconcile',
        correlationId: 'corr-1',
        binding: 'ismile.test',
        study: 'ismile',
        occurredAt: '2018-09-04T17:00:00.000Z',
        version: 2,
      });
      const idle = await eventually(async () => {
        const answers = await Promise.all([askIdle(speaker), askIdle(listener)]);
        return answers.every((answer) => answer.idle) ? answers : null;
      });
      expect(idle[0].topics.said[event.topic]).toBe(241);
      expect(idle[1].topics.heard[event.topic]).toBe(241);
      expect(idle.flatMap((answer) => answer.problems)).toEqual([]);
    });

    it('drops what it knows when everything is published again', async () => {
      const { carrier, event, names, listenerUrl, speakerUrl } = await pair();
      const listener = cleanup.add(
        await startTestService({
          name: names.listener,
          url: listenerUrl,
          carrier: carrier(),
          build: (bus) => noteHandled(bus, event),
        }),
      );
      const speaker = cleanup.add(await startTestService({ name: names.speaker, url: speakerUrl, carrier: carrier() }));
      await sayMany(speaker, event, ['a', 'b'], 5);
      await eventually(async () => (await listener.handled()).length === 10);
      expect(await speaker.context.ops.dispatch('bus.rebuild', {})).toMatchObject({ messages: 10 });
      await sayMany(speaker, event, ['c'], 1);
      await eventually(async () => (await listener.handled()).length === 11);
      await eventually(async () => (await askIdle(speaker)).idle && (await askIdle(listener)).idle);
      expect(await listener.handled()).toHaveLength(11);
      expect((await askIdle(listener)).topics.heard[event.topic]).toBe(11);

      type Trace = {
        said: { seq: string; messageId: string; cause: string }[];
        heard: { seq: string; messageId: string }[];
      };
      const said = ((await speaker.context.ops.dispatch('bus.trace', { key: 'a' })) as Trace).said;
      const heard = ((await listener.context.ops.dispatch('bus.trace', { key: 'a' })) as Trace).heard;
      expect(said.map((line) => Number(line.seq))).toEqual([1, 2, 3, 4, 5]);
      expect(heard.map((line) => [line.seq, line.messageId])).toEqual(said.map((line) => [line.seq, line.messageId]));
      expect(Object.keys(said[0] ?? {})).not.toContain('envelope');
    });

    it('a new listener catches up by a rebuild, though everything was published before it came', async () => {
      const { carrier, event, names, listenerUrl, speakerUrl } = await pair();
      const speaker = cleanup.add(await startTestService({ name: names.speaker, url: speakerUrl, carrier: carrier() }));
      await sayMany(speaker, event, ['a', 'b'], 3);
      await eventually(async () => (await askIdle(speaker)).idle);
      const listener = cleanup.add(
        await startTestService({
          name: names.listener,
          url: listenerUrl,
          carrier: carrier(),
          build: (bus) => noteHandled(bus, event),
        }),
      );
      await speaker.context.ops.dispatch('bus.rebuild', { topic: event.topic });
      await eventually(async () => (await listener.handled()).length === 6);
      expectInOrder(await listener.handled(), ['a', 'b'], 3);
    });

    it('parks the key of a participant’s error; others flow; a release goes on where it stopped', async () => {
      const { carrier, event, names, listenerUrl, speakerUrl } = await pair();
      let refuse = true;
      const listener = cleanup.add(
        await startTestService({
          name: names.listener,
          url: listenerUrl,
          carrier: carrier(),
          build: (bus) =>
            bus.consume(event, async (em, { key, payload, seq }) => {
              await em.query('INSERT INTO handled (topic, key, n, seq) VALUES ($1, $2, $3, $4)', [
                '',
                key,
                payload.n,
                seq,
              ]);
              if (refuse && key === 'bad' && payload.n === 2) {
                throw new StudybridgeError('No.', {
                  code: 'UNKNOWN_CODE',
                  errorClass: 'participant',
                  remedy: 'Correct it.',
                });
              }
            }),
        }),
      );
      const speaker = cleanup.add(await startTestService({ name: names.speaker, url: speakerUrl, carrier: carrier() }));
      await sayMany(speaker, event, ['good', 'bad'], 4);
      await eventually(async () => (await listener.handled()).length === 5);
      await eventually(async () => (await askIdle(listener)).idle, { what: 'idle with a parked key' });
      const parked = await listener.context.ops.dispatch('parked.list', {});
      expect(parked).toMatchObject([{ key: 'bad', code: 'UNKNOWN_CODE', class: 'participant', seq: '2', waiting: 3 }]);
      expect((await listener.context.ops.status())['attention']).toEqual({ UNKNOWN_CODE: 1 });
      refuse = false;
      expect(await listener.context.ops.dispatch('parked.release', { key: 'bad' })).toEqual({ released: 1 });
      await eventually(async () => (await listener.handled()).length === 8);
      expectInOrder(await listener.handled(), ['good', 'bad'], 4);
    });

    it('tries again while a dependency is away, five times when it is our bug; rows of a failed attempt never stay', async () => {
      const { carrier, event, names, listenerUrl, speakerUrl } = await pair();
      const attempts: Record<string, number> = {};
      const reply = countedEvent('reply');
      const listener = cleanup.add(
        await startTestService({
          name: names.listener,
          url: listenerUrl,
          carrier: carrier(),
          build: (bus) =>
            bus.consume(event, async (em, { key, payload, seq }) => {
              attempts[key] = (attempts[key] ?? 0) + 1;
              await em.query('INSERT INTO handled (topic, key, n, seq) VALUES ($1, $2, $3, $4)', [
                '',
                key,
                payload.n,
                seq,
              ]);
              await bus.publish(em, reply, { participantId: key, n: payload.n }, meta());
              if (key === 'buggy') throw new TypeError('oops');
              if (key === 'patient' && attempts[key] < 7) {
                throw new StudybridgeError('Away.', { code: 'AWAY', errorClass: 'dependency', remedy: 'Wait.' });
              }
            }),
        }),
      );
      const speaker = cleanup.add(await startTestService({ name: names.speaker, url: speakerUrl, carrier: carrier() }));
      await sayMany(speaker, event, ['patient', 'buggy', 'plain'], 1);
      const keep = setInterval(
        () =>
          void listener.context.dataSource
            .query('UPDATE bus_inbox_key SET next_attempt_at = now() WHERE next_attempt_at > now()')
            .then(() => listener.bus.wake()),
        50,
      );
      try {
        await eventually(
          async () => ((await listener.context.ops.dispatch('parked.list', {})) as unknown[]).length === 1,
        );
        await eventually(async () => (await listener.handled()).length === 2);
      } finally {
        clearInterval(keep);
      }
      await eventually(async () => (await askIdle(listener)).idle);
      expect(await listener.context.ops.dispatch('parked.list', {})).toMatchObject([
        { key: 'buggy', code: 'HANDLER_FAILED', class: 'bug' },
      ]);
      expect(attempts).toMatchObject({ buggy: 5, patient: 7 });
      const replies = await listener.context.dataSource.query('SELECT key, seq FROM bus_outbox WHERE topic = $1', [
        reply.topic,
      ]);
      expect(replies).toHaveLength(2);
    });

    it('puts aside what it cannot understand, lifts older versions, and lets others flow', async () => {
      const { carrier, event, names, listenerUrl, speakerUrl } = await pair();
      const listener = cleanup.add(
        await startTestService({
          name: names.listener,
          url: listenerUrl,
          carrier: carrier(),
          build: (bus) => noteHandled(bus, event),
        }),
      );
      const speaker = cleanup.add(await startTestService({ name: names.speaker, url: speakerUrl, carrier: carrier() }));
      const stranger = carrier();
      if (stranger.kind === 'kafka') cleanup.also(() => stranger.close());
      await stranger.ensureTopics([event.topic]);
      const envelope = (key: string, more: object) =>
        JSON.stringify({
          id: randomUUID(),
          type: event.type,
          version: 2,
          key,
          seq: 1,
          binding: 'ismile.test',
          study: 'ismile',
          occurredAt: '2018-09-04T17:00:00Z',
          correlationId: 'c',
          cause: 'live',
          payload: { participantId: key, n: 1 },
          ...more,
        });
      const headers = {};
      const { topic } = event;
      await stranger.publish([
        { topic, key: 'x', headers, value: 'not json' },
        { topic, key: 'x', headers, value: '' },
        { topic, key: 'x', headers, value: '{"hello":"world"}' },
        { topic, key: 'x', headers, value: envelope('another', {}) },
        { topic, key: 'newer', headers, value: envelope('newer', { version: 3 }) },
        { topic, key: 'odd', headers, value: envelope('odd', { payload: { participantId: 'odd', n: 'one' } }) },
        {
          topic,
          key: 'older',
          headers,
          value: envelope('older', { version: 1, payload: { participantId: 'older', count: 7 } }),
        },
      ]);
      await sayMany(speaker, event, ['a'], 2);
      await eventually(async () => (await listener.handled()).length === 3);
      const rows = await listener.handled();
      expect(rows.find((row) => row.key === 'older')?.n).toBe(7);
      const dead = (await listener.context.ops.dispatch('bus.dead-letters', {})) as { reason: string }[];
      expect(dead.map((letter) => letter.reason).sort()).toEqual([
        'FOREIGN',
        'FOREIGN',
        'INVALID_PAYLOAD',
        'UNKNOWN_VERSION',
        'UNREADABLE',
        'UNREADABLE',
      ]);
      expect(JSON.stringify(dead)).not.toContain('hello');
      await eventually(async () => (await askIdle(listener)).idle);
      expect((await askIdle(listener)).topics.heard[topic]).toBe(3);
      await listener.stop();
      // The newer version is understood once the service is upgraded.
      const upgraded = { ...event, version: 3, upcast: { 1: event.upcast?.[1] as never, 2: (same: unknown) => same } };
      const again = cleanup.add(
        await startTestService({
          name: names.listener,
          url: listenerUrl,
          carrier: carrier(),
          build: (bus) => noteHandled(bus, upgraded),
        }),
      );
      await eventually(async () => (await again.handled()).some((row) => row.key === 'newer'));
    });

    it('holds a message that cannot be published; its key waits, others flow', async () => {
      const { carrier, event, names, listenerUrl, speakerUrl } = await pair();
      const listener = cleanup.add(
        await startTestService({
          name: names.listener,
          url: listenerUrl,
          carrier: carrier(),
          build: (bus) => noteHandled(bus, event),
        }),
      );
      const speaker = cleanup.add(await startTestService({ name: names.speaker, url: speakerUrl, carrier: carrier() }));
      await speaker.context.dataSource.transaction(async (em) => {
        await speaker.bus.publish(em, event, { participantId: 'huge', n: 1 }, meta());
        await speaker.bus.publish(em, event, { participantId: 'huge', n: 2, padding: 'x'.repeat(1_100_000) }, meta());
        await speaker.bus.publish(em, event, { participantId: 'huge', n: 3 }, meta());
        for (let n = 1; n <= 20; n += 1)
          await speaker.bus.publish(em, event, { participantId: `p${n % 4}`, n }, meta());
      });
      await eventually(async () => (await listener.handled()).length === 21);
      await eventually(async () => (await askIdle(speaker)).idle, { what: 'idle with a held key' });
      expect((await listener.handled()).filter((row) => row.key === 'huge').map((row) => row.n)).toEqual([1]);
      expect(await speaker.context.ops.dispatch('bus.held', {})).toMatchObject([
        { key: 'huge', seq: '2', code: 'MESSAGE_REFUSED' },
      ]);
      expect((await askIdle(speaker)).topics.said[event.topic]).toBe(21);
      expect((await speaker.context.ops.status())['attention']).toEqual({ MESSAGE_REFUSED: 1 });
      // Put right by hand, it goes on.
      await speaker.context.dataSource.query(
        `UPDATE bus_outbox SET envelope = jsonb_set(envelope::jsonb, '{payload,padding}', '""')::text WHERE held_code IS NOT NULL`,
      );
      expect(await speaker.context.ops.dispatch('bus.release', { topic: event.topic, key: 'huge' })).toEqual({
        released: 1,
      });
      await eventually(async () => (await listener.handled()).length === 23);
    });

    it('several replicas on either side: once each, in order; the other speaker takes over when one stops', async () => {
      const { carrier, event, names, listenerUrl, speakerUrl } = await pair();
      const listen = () =>
        startTestService({
          name: names.listener,
          url: listenerUrl,
          carrier: carrier(),
          build: (bus) => noteHandled(bus, event),
        });
      const speak = () => startTestService({ name: names.speaker, url: speakerUrl, carrier: carrier() });
      const listener = cleanup.add(await listen());
      cleanup.add(await listen());
      const speaker = cleanup.add(await speak());
      const other = cleanup.add(await speak());
      const keys = Array.from({ length: 15 }, (_, index) => `p${index}`);
      await Promise.all([sayMany(speaker, event, keys.slice(0, 8), 10), sayMany(other, event, keys.slice(8), 10)]);
      await eventually(async () => (await listener.handled()).length === 150, { timeoutMs: 40_000 });
      await speaker.stop();
      await sayMany(other, event, ['late'], 10);
      await eventually(async () => (await listener.handled()).length === 160, { timeoutMs: 40_000 });
      expectInOrder(await listener.handled(), [...keys, 'late'], 10);
    });

    it('carries out commands that are meant for the service', async () => {
      const { carrier, names, listenerUrl, speakerUrl } = await pair();
      const given: unknown[] = [];
      const listener = cleanup.add(
        await startTestService({
          name: names.listener,
          url: listenerUrl,
          carrier: carrier(),
          build: (_bus, context) =>
            context.ops.add(
              'test.note',
              z.object({ word: z.string() }),
              (args) => Promise.resolve(given.push(args)),
              'Notes.',
            ),
        }),
      );
      const speaker = cleanup.add(await startTestService({ name: names.speaker, url: speakerUrl, carrier: carrier() }));
      const command = { commandId: randomUUID(), command: 'test.note', arguments: { word: 'hello' }, by: 'operator' };
      await speaker.context.dataSource.transaction((em) =>
        speaker.bus.publishMany(em, commandGiven, [
          { payload: { ...command, service: 'somebody-else' }, meta: meta() },
          { payload: { ...command, service: names.listener, command: 'no.such' }, meta: meta() },
          { payload: { ...command, service: names.listener }, meta: meta() },
        ]),
      );
      await eventually(() => given.length > 0);
      await eventually(async () => (await askIdle(listener)).idle);
      expect(given).toEqual([{ word: 'hello' }]);
    });
  },
);

if (!withKafka) {
  (process.env['CI'] === 'true' ? it : it.skip)('a real Apache Kafka is there', () => {
    throw new Error('No Apache Kafka: these tests have not shown that the bus works over it.');
  });
}
