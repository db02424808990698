import { randomBytes } from 'node:crypto';
import { createLogger } from '@studybridge/service-kit';
import { Cleanup, copyDatabase, eventually, kafkaAvailable, testKafkaBrokers } from '@studybridge/testing';
import { Client } from 'pg';
import type { DataSource, EntityManager, QueryRunner } from 'typeorm';
import { type Carrier, createInProcessCarrier, createKafkaCarrier, type EventBus } from '../src';
import {
  askIdle,
  countedEvent,
  type CountedEvent,
  noteHandled,
  sayMany,
  serviceName,
  startTestService,
  type TestService,
} from './bus-harness';

const cleanup = new Cleanup();
afterEach(() => cleanup.run());
const logger = createLogger({ service: 'test', level: process.env['TEST_LOG'] ?? 'silent' });
const withKafka = kafkaAvailable() || process.env['CI'] === 'true';

/** A copy of a database that nobody is connected to; its address. */
async function copyOf(url: string): Promise<string> {
  const copy = await copyDatabase(url);
  cleanup.also(() => copy.drop());
  return copy.url;
}

/** What happened to a service's own steps, in order. */
interface Steps {
  calls: string[];
  mayAct: boolean[];
  /** Called while a comparison is going on. */
  during?: (bus: EventBus, dataSource: DataSource) => Promise<void>;
  undecided?: (em: EntityManager) => Promise<number>;
}

async function start(o: {
  name: string;
  url: string;
  carrier: Carrier;
  hears?: CountedEvent;
  steps?: Steps;
  failFirst?: boolean;
}): Promise<TestService> {
  let failed = !o.failFirst;
  return cleanup.add(
    await startTestService({
      name: o.name,
      url: o.url,
      carrier: o.carrier,
      build: (bus, context) => {
        if (o.hears !== undefined) noteHandled(bus, o.hears);
        const { steps } = o;
        if (steps === undefined) return;
        bus.onRestored({
          async prepare(em, { basePosition }) {
            const [row]: { n: number }[] = await em.query(
              'SELECT count(*)::int AS n FROM bus_outbox WHERE position > $1',
              [basePosition],
            );
            steps.calls.push(`prepare ${row?.n}`);
          },
          async reconcile() {
            steps.mayAct.push(await bus.mayAct(context.dataSource));
            const handled: unknown[] = await context.dataSource.query('SELECT 1 FROM handled');
            steps.calls.push(`reconcile ${handled.length}`);
            await steps.during?.(bus, context.dataSource);
            if (failed) return;
            failed = true;
            throw new Error('the partner is away');
          },
          undecided: (em) => steps.undecided?.(em) ?? Promise.resolve(0),
        });
      },
    }),
  );
}

const steps = (): Steps => ({ calls: [], mayAct: [] });
const clear = (service: TestService) =>
  eventually(async () => (await service.bus.phase()) === 'clear', { what: 'the service to act again' });
const outbox = (service: TestService): Promise<{ key: string; seq: string; id: string }[]> =>
  service.context.dataSource.query('SELECT key, seq, id FROM bus_outbox ORDER BY key, seq');
const deadLetters = (service: TestService): Promise<unknown[]> =>
  service.context.dataSource.query('SELECT * FROM bus_dead_letter');
const handles = (service: TestService, count: number) =>
  eventually(async () => (await service.handled()).length === count, { what: `${count} messages to be handled` });
const seqsOf = (rows: { key: string; seq: number }[], key: string) =>
  rows.filter((row) => row.key === key).map((row) => Number(row.seq));

(withKafka ? describe : describe.skip)('a database that was put back while Kafka went on', () => {
  let brokers: string[];
  beforeAll(async () => {
    brokers = await testKafkaBrokers();
  });
  const newCarrier = (namespace: string) =>
    createKafkaCarrier({ brokers, clientId: 'test', partitions: 2, namespace, logger });

  /** Two services, three events of two keys heard, a copy of both databases, and three more of each. */
  async function play() {
    const event = countedEvent();
    const namespace = `restore-${randomBytes(4).toString('hex')}`;
    const names = { speaker: serviceName('speaker'), listener: serviceName('listener') };
    const urls = { speaker: await cleanup.database('speaker'), listener: await cleanup.database('listener') };
    const run = async (at: { speaker: string; listener: string }, steps?: { speaker?: Steps; listener?: Steps }) => ({
      listener: await start({
        name: names.listener,
        url: at.listener,
        carrier: newCarrier(namespace),
        hears: event,
        steps: steps?.listener,
      }),
      speaker: await start({
        name: names.speaker,
        url: at.speaker,
        carrier: newCarrier(namespace),
        steps: steps?.speaker,
      }),
    });
    const first = await run(urls);
    await sayMany(first.speaker, event, ['a', 'b'], 3);
    await handles(first.listener, 6);
    await eventually(async () => (await askIdle(first.speaker)).work['outbox'] === 0);
    await Promise.all([first.speaker.stop(), first.listener.stop()]);
    const copies = { speaker: await copyOf(urls.speaker), listener: await copyOf(urls.listener) };
    const second = await run(urls);
    await sayMany(second.speaker, event, ['a', 'b', 'new'], 3);
    await handles(second.listener, 15);
    await eventually(async () => (await askIdle(second.speaker)).work['outbox'] === 0);
    const said = await outbox(second.speaker);
    await Promise.all([second.speaker.stop(), second.listener.stop()]);
    return { event, names, urls, copies, run, said, namespace };
  }

  it('finds it out, says and hears again what it had, compares, and goes on with the next number', async () => {
    const { event, copies, run, said } = await play();
    const done = { speaker: steps(), listener: steps() };
    const { speaker, listener } = await run(copies, done);
    await Promise.all([clear(speaker), clear(listener)]);
    expect(await outbox(speaker)).toEqual(said);
    expect(done.speaker.calls).toEqual(['prepare 9', 'reconcile 0']);
    // Everything heard was worked before the comparison began, and nothing went out meanwhile.
    expect(done.listener.calls).toEqual(['prepare 0', 'reconcile 15']);
    expect([...done.speaker.mayAct, ...done.listener.mayAct]).toEqual([false, false]);
    await sayMany(speaker, event, ['a', 'new'], 1);
    await handles(listener, 17);
    expect(seqsOf(await listener.handled(), 'a')).toEqual([1, 2, 3, 4, 5, 6, 7]);
    expect(seqsOf(await listener.handled(), 'new')).toEqual([1, 2, 3, 4]);
    expect(await deadLetters(listener)).toEqual([]);
  }, 120_000);

  it('of the one who speaks alone: nobody meets two messages with one number', async () => {
    const { event, copies, urls, run, said } = await play();
    const { speaker, listener } = await run({ speaker: copies.speaker, listener: urls.listener });
    await clear(speaker);
    expect(await outbox(speaker)).toEqual(said);
    await sayMany(speaker, event, ['a', 'b'], 1);
    await handles(listener, 17);
    expect(seqsOf(await listener.handled(), 'b')).toEqual([1, 2, 3, 4, 5, 6, 7]);
    expect(await deadLetters(listener)).toEqual([]);
  }, 120_000);

  it('of the one who hears alone: it hears again what it had heard, also of keys that stay silent', async () => {
    const { copies, urls, run } = await play();
    const { listener } = await run({ speaker: urls.speaker, listener: copies.listener }, { listener: steps() });
    await clear(listener);
    expect(await listener.handled()).toHaveLength(15);
    expect(await deadLetters(listener)).toEqual([]);
  }, 120_000);

  it('or lost altogether: an empty one goes on with the numbers that the others know', async () => {
    const { event, urls, run, said } = await play();
    const { speaker, listener } = await run({ speaker: await cleanup.database('empty'), listener: urls.listener });
    await clear(speaker);
    expect(await outbox(speaker)).toEqual(said);
    await sayMany(speaker, event, ['b'], 1);
    await handles(listener, 16);
    expect(seqsOf(await listener.handled(), 'b').at(-1)).toBe(7);
  }, 120_000);

  it('by its files: the database is the same one, and the server another run; what was not out yet gets new numbers', async () => {
    const { urls, run, said } = await play();
    const client = new Client({ connectionString: urls.speaker });
    await client.connect();
    // What was said after the copy is gone, and something stands there that never went out.
    await client.query('DELETE FROM bus_outbox WHERE seq > 3');
    await client.query(`DELETE FROM bus_outbox WHERE key = 'new'`);
    await client.query(`DELETE FROM bus_counter WHERE key = 'new'`);
    await client.query('UPDATE bus_counter SET last_seq = 3');
    await client.query(`
      INSERT INTO bus_outbox (topic, key, seq, id, version, correlation_id, envelope)
      SELECT topic, key, 4, fresh.id, version, correlation_id,
             (envelope::jsonb || jsonb_build_object('id', fresh.id, 'payload', '{"participantId": "a", "n": 99}'::jsonb))::text
        FROM bus_outbox, (SELECT gen_random_uuid() AS id) fresh WHERE key = 'a' AND seq = 3`);
    await client.query(`UPDATE bus_counter SET last_seq = 4 WHERE key = 'a'`);
    await client.query(
      `UPDATE bus_restore SET checked_server = 'an earlier run', written_by = pg_current_xact_id()::text::bigint`,
    );
    await client.end();
    const done = steps();
    const { speaker, listener } = await run(urls, { speaker: done });
    await clear(speaker);
    expect(done.calls[0]).toMatch(/^prepare/);
    expect(await outbox(speaker)).toHaveLength(said.length + 1);
    await handles(listener, 16);
    expect((await listener.handled()).filter((row) => row.key === 'a').map((row) => Number(row.n))).toEqual([
      1, 2, 3, 1, 2, 3, 99,
    ]);
    expect(await deadLetters(listener)).toEqual([]);
  }, 120_000);

  it('is not suspected when only the server was started anew, or a replica comes', async () => {
    const { names, urls, run, namespace, event } = await play();
    const client = new Client({ connectionString: urls.listener });
    await client.connect();
    await client.query(
      `UPDATE bus_restore SET checked_server = 'an earlier run', written_by = pg_current_xact_id()::text::bigint`,
    );
    await client.end();
    const done = steps();
    const { listener } = await run(urls, { listener: done, speaker: done });
    await clear(listener);
    await clear(
      await start({
        name: names.listener,
        url: urls.listener,
        carrier: newCarrier(namespace),
        hears: event,
        steps: done,
      }),
    );
    expect(done.calls).toEqual([]);
  }, 120_000);

  it('lets nothing be decided while Kafka, the only witness, is away', async () => {
    const { names, copies, event } = await play();
    const away = createKafkaCarrier({ brokers: ['127.0.0.1:9'], clientId: 'test', namespace: 'away', logger });
    const done = steps();
    const listener = await start({
      name: names.listener,
      url: copies.listener,
      carrier: away,
      hears: event,
      steps: done,
    });
    await expect(listener.bus.mayAct(listener.context.dataSource)).rejects.toMatchObject({
      code: 'DATABASE_UNCHECKED',
      errorClass: 'dependency',
    });
    expect((await askIdle(listener)).work['restore']).toBe(1);
    expect(done.calls).toEqual([]);
  }, 120_000);
});

describe('a database that was put back where the carrier keeps nothing', () => {
  it('knows a copy by itself; what fails in the comparison is tried again, and nothing goes out before', async () => {
    const name = serviceName('lonely');
    const url = await cleanup.database('lonely');
    const carrier = () => createInProcessCarrier({ expects: {} });
    const done = steps();
    const first = await start({ name, url, carrier: carrier(), steps: done });
    await clear(first);
    await first.stop();
    const second = await start({ name, url: await copyOf(url), carrier: carrier(), steps: done, failFirst: true });
    await eventually(() => done.calls.length > 1);
    expect((await askIdle(second)).problems.join()).toMatch(/put back/);
    await clear(second);
    expect(done.calls).toEqual(['prepare 0', 'reconcile 0', 'reconcile 0']);
    expect(done.mayAct).toEqual([false, false]);
    expect(await askIdle(second)).toMatchObject({ idle: true, problems: [] });
  });

  it('waits for whoever was told not to act yet, and compares once more for what that has left', async () => {
    let late: QueryRunner | undefined;
    const done: Steps = {
      ...steps(),
      async during(bus, dataSource) {
        await dataSource.query('DELETE FROM handled');
        if (late !== undefined) return;
        late = dataSource.createQueryRunner();
        await late.startTransaction();
        expect(await bus.mayAct(late.manager)).toBe(false);
        await late.query(`INSERT INTO handled (key, seq) VALUES ('late', 1)`);
      },
      async undecided(em) {
        const [row]: { n: number }[] = await em.query('SELECT count(*)::int AS n FROM handled');
        return row?.n ?? 0;
      },
    };
    const service = await start({
      name: serviceName('hearer'),
      url: await cleanup.database('hearer'),
      carrier: createInProcessCarrier({ expects: {} }),
      hears: countedEvent(),
      steps: done,
    });
    await clear(service);
    await service.context.ops.dispatch('restore.declare', {});
    await eventually(
      async () => {
        const waits: unknown[] = await service.context.dataSource.query(
          `SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`,
        );
        return waits.length > 0;
      },
      { what: 'the end to wait' },
    );
    expect(await service.bus.phase()).toBe('recovered');
    await late?.commitTransaction();
    await late?.release();
    await clear(service);
    expect(done.calls).toEqual(['prepare 0', 'reconcile 0', 'reconcile 1']);
    expect(await service.handled()).toEqual([]);
  });

  it('that is put back once more while it is compared is compared again', async () => {
    const done: Steps = {
      ...steps(),
      async during() {
        if (done.calls.length > 2) return;
        await service.context.ops.dispatch('restore.declare', {});
        await eventually(() => done.calls.filter((call) => call.startsWith('prepare')).length === 2);
      },
    };
    const service = await start({
      name: serviceName('twice'),
      url: await cleanup.database('twice'),
      carrier: createInProcessCarrier({ expects: {} }),
      steps: done,
    });
    await clear(service);
    await service.context.ops.dispatch('restore.declare', {});
    await eventually(() => done.calls.length > 2);
    await clear(service);
    expect(done.calls).toEqual(['prepare 0', 'reconcile 0', 'prepare 0', 'reconcile 0']);
  }, 60_000);

  it('takes a person’s word for it', async () => {
    const done = steps();
    const service = await start({
      name: serviceName('told'),
      url: await cleanup.database('told'),
      carrier: createInProcessCarrier({ expects: {} }),
      steps: done,
    });
    await clear(service);
    await service.context.ops.dispatch('restore.declare', {});
    await eventually(() => done.calls.length === 2);
    await clear(service);
    expect(await service.context.ops.dispatch('restore.status', {})).toMatchObject({
      state: 'clear',
      why: 'found out before',
    });
  });
});
