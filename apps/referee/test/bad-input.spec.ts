import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Kafka, logLevel } from 'kafkajs';
import { eventually, freePort, kafkaAvailable } from '@studybridge/testing';
import { biteCohort } from '../src/scenarios/bite-cohort';
import { askIdle, command } from '../src/system/ask-service';
import { Replica } from '../src/system/replica';
import { enrolmentServices, type ServicePlan, startSystem, type System } from '../src/system/start-system';
import { Watch } from '../src/time/settle';
import { stopsOf } from '../src/time/stops';

const dayMs = 24 * 3_600_000;
const patience = { timeoutMs: 90_000 };

/** One system, one replica each, whose clock can be set wrong; what is refused or held says so, and the family's news flows on. */
(kafkaAvailable() ? describe : describe.skip)('bad input', () => {
  const cohort = biteCohort();
  const stops = stopsOf(cohort, { daily: false });
  let system: System;
  let clock: Server;
  let aheadMs = 0;
  let next = 0;

  beforeAll(async () => {
    // The world's time, as a clock that may be wrong tells it.
    clock = createServer((_request, response) => {
      const now = new Date(system.world.now.getTime() + aheadMs).toISOString();
      response.end(JSON.stringify({ now, changedAt: system.world.changedAt.toISOString() }));
    });
    await new Promise<void>((resolve) => clock.listen(0, '127.0.0.1', resolve));
    const url = `http://127.0.0.1:${(clock.address() as AddressInfo).port}`;
    const services = enrolmentServices.map((service) => ({
      ...service,
      replicas: 1,
      env: (...world: Parameters<NonNullable<ServicePlan['env']>>) => ({
        ...service.env?.(...world),
        STUDY_CLOCK_URL: url,
      }),
    }));
    system = await startSystem({ cohort, services });
    const watch = new Watch(system);
    await watch.settle();
    // Up to the three corrections at the end.
    while (next < stops.length - 3) {
      system.world.advanceTo(stops[next++]!);
      await watch.settle();
    }
  }, 300_000);

  afterAll(async () => {
    await system?.stop({ keepFolder: false });
    clock?.close();
  });

  const service = (name: string): Replica => system.of(name)[0]!;
  const status = (name: string): Promise<{ attention: Record<string, number> }> =>
    fetch(`${service(name).url}/status`).then(
      (answer) => answer.json() as Promise<{ attention: Record<string, number> }>,
    );
  const names = (): string[] => {
    const { agile } = system.world.snapshot() as { agile: { members: { details: { firstName: string } }[] } };
    return agile.members.map((member) => member.details.firstName);
  };
  /** Staff correct the name; it must come to the partner whatever else is wrong. */
  const correctionArrives = async (name: string): Promise<void> => {
    system.world.advanceTo(stops[next++]!);
    await eventually(
      async () => {
        for (const replica of system.replicas) await askIdle(replica.url);
        return names().includes(name);
      },
      { ...patience, what: `${name} at the partner` },
    );
  };

  it('puts foreign messages and an unknown version aside, and others flow on', async () => {
    const topic = 'redcap.participant-changed';
    const [known] = await system.ground.ask<{ envelope: string }>(
      system.databaseOf('redcap-gateway'),
      'SELECT envelope FROM bus_outbox WHERE topic = $1 LIMIT 1',
      [topic],
    );
    const key = randomUUID();
    const newer = { ...(JSON.parse(known!.envelope) as object), key, seq: 1, id: randomUUID(), version: 99 };
    const producer = new Kafka({
      clientId: 'stranger',
      brokers: system.ground.brokers,
      logLevel: logLevel.NOTHING,
    }).producer();
    await producer.connect();
    await producer.send({
      topic,
      messages: [
        { key: 'stranger', value: 'no JSON at all' },
        { key: 'stranger', value: JSON.stringify({ hello: 'world' }) },
        { key, value: JSON.stringify(newer) },
      ],
    });
    await producer.disconnect();
    await eventually(
      async () => {
        const { attention } = await status('agile-health');
        return attention['UNREADABLE'] === 1 && attention['FOREIGN'] === 1 && attention['UNKNOWN_VERSION'] === 1;
      },
      { ...patience, what: 'three dead letters' },
    );
    const letters = await command<{ reason: string }[]>(
      service('agile-health').url,
      system.opsToken,
      'bus.dead-letters',
    );
    expect(letters.map(({ reason }) => reason).sort()).toEqual(['FOREIGN', 'UNKNOWN_VERSION', 'UNREADABLE']);
    await correctionArrives('Anneliese');
  }, 200_000);

  it('holds the key of an outbox row that the broker will never take, and others flow on', async () => {
    const key = randomUUID();
    const gateway = system.databaseOf('redcap-gateway');
    await system.ground.ask(
      gateway,
      `WITH counted AS (INSERT INTO bus_counter (topic, key, last_seq) VALUES ('redcap.participant-changed', $1, 1))
       INSERT INTO bus_outbox (topic, key, seq, id, version, correlation_id, envelope)
         VALUES ('redcap.participant-changed', $1, 1, $2, 1, 'poison', $3)`,
      [key, randomUUID(), JSON.stringify({ padding: 'x'.repeat(1_200_000) })],
    );
    await correctionArrives('Annegret');
    expect(await status('redcap-gateway')).toMatchObject({ attention: { MESSAGE_REFUSED: 1 } });
    const held = await command<{ key: string; code: string }[]>(
      service('redcap-gateway').url,
      system.opsToken,
      'bus.held',
    );
    expect(held).toMatchObject([{ key, code: 'MESSAGE_REFUSED' }]);
    await system.ground.ask(gateway, 'DELETE FROM bus_outbox WHERE key = $1', [key]);
    await system.ground.ask(gateway, 'DELETE FROM bus_counter WHERE key = $1', [key]);
  }, 200_000);

  it('waits for room on a full disk, says so, and loses nothing', async () => {
    const full = async (sql: (table: string) => string): Promise<void> => {
      for (const name of system.services) {
        const tables = ['bus_outbox', 'bus_inbox', ...(name === 'agile-health' ? ['effect'] : ['snapshot'])];
        for (const table of tables) await system.ground.ask(system.databaseOf(name), sql(table));
      }
    };
    for (const name of system.services) {
      await system.ground.ask(
        system.databaseOf(name),
        `CREATE FUNCTION no_room() RETURNS trigger LANGUAGE plpgsql AS
         $$ BEGIN RAISE EXCEPTION 'could not extend file: No space left on device' USING ERRCODE = '53100'; END $$`,
      );
    }
    await full(
      (table) =>
        `CREATE TRIGGER no_room BEFORE INSERT OR UPDATE ON ${table} FOR EACH STATEMENT EXECUTE FUNCTION no_room()`,
    );
    system.world.advanceTo(stops[next++]!);
    await eventually(
      async () => {
        const answer = await askIdle(service('redcap-gateway').url);
        return typeof answer !== 'string' && !answer.idle && answer.problems.length > 0;
      },
      { ...patience, what: 'the gateway to say that it cannot' },
    );
    expect(names()).not.toContain('Annette');
    await full((table) => `DROP TRIGGER no_room ON ${table}`);
    await eventually(
      async () => {
        await askIdle(service('redcap-gateway').url);
        return names().includes('Annette');
      },
      { ...patience, what: 'the correction at the partner' },
    );
    for (const name of system.services) expect((await status(name)).attention).not.toHaveProperty('HANDLER_FAILED');
  }, 200_000);

  it('goes on when its clock has been a day ahead and is right again', async () => {
    aheadMs = dayMs;
    for (const replica of system.replicas)
      await eventually(async () => typeof (await askIdle(replica.url)) !== 'string', patience);
    // Jobs run in the wrong future.
    await eventually(
      async () => {
        const runs = await command<{ startedAt: string }[]>(
          service('redcap-gateway').url,
          system.opsToken,
          'jobs.runs',
          {},
        );
        return runs.some(({ startedAt }) => Date.parse(startedAt) > system.world.now.getTime() + dayMs / 2);
      },
      { ...patience, what: 'a run a day ahead' },
    );
    aheadMs = 0;
    const record = cohort.timeline.at(-1)!;
    if (record.do !== 'save') throw new Error('The last action is no save.');
    const { do: _do, at: _at, ...again } = record;
    system.world.act({ do: 'save', ...again, values: { part_first_name: 'Annika' } });
    system.world.advanceTo(new Date(system.world.now.getTime() + 60 * 60_000));
    await eventually(
      async () => {
        for (const replica of system.replicas) await askIdle(replica.url);
        return names().includes('Annika');
      },
      { ...patience, what: 'a change of the same hour at the partner' },
    );
  }, 200_000);

  it('brings a database of an older version up to date, and refuses one of a newer version with a sentence', async () => {
    const old = new Replica({ ...service('redcap-gateway').o, number: 9, port: await freePort() });
    const name = `old_${randomUUID().slice(0, 8)}`;
    old.o.env['DATABASE_URL_REDCAP_GATEWAY'] = system.ground.databaseUrl(name);
    // An older version: only what every service had made, under this service's name.
    await system.ground.ask('postgres', `CREATE DATABASE ${name}`);
    await system.ground.ask(
      name,
      'CREATE TABLE studybridge_service (name text PRIMARY KEY, created_at timestamptz NOT NULL DEFAULT now())',
    );
    await system.ground.ask(name, `INSERT INTO studybridge_service (name) VALUES ('redcap-gateway')`);
    old.start();
    try {
      await eventually(async () => (await fetch(`${old.url}/health/ready`)).ok, {
        ...patience,
        what: 'the old database in use',
      });
    } finally {
      await old.kill();
    }
    await system.ground.ask(name, `INSERT INTO studybridge_migration (timestamp, name) VALUES (1, 'FromTheFuture1')`);
    old.start();
    await eventually(() => old.state === 'down', { ...patience, what: 'the refusal' });
    expect(readFileSync(old.logFile, 'utf8')).toMatch(
      /written by a newer version of redcap-gateway\. Start that version/,
    );
  }, 200_000);
});
