import axios from 'axios';
import { Kafka, logLevel } from 'kafkajs';
import { randomUUID } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { sandboxToken } from '@studybridge/sandbox';
import { ismileCohort, messageOracle, oracle, type OracleRecord } from '@studybridge/studies';
import { eventually, kafkaAvailable, startBroker, testDatabase, type Broker } from '@studybridge/testing';
import type { Summary } from '../src/summary';
import { comparable, keptWorldState, worldState, type FlatRow, type WorldState } from './support/comparable-state';
import { namesAndPhones, secretsIn } from './support/leaks';
import { lastJson, runStandalone, startNode, temporaryFolder, type Finished } from './support/processes';
import { playToTheEnd, startSeparateProcesses } from './support/separate-processes';

const cohort = ismileCohort({ pairs: 120 });
const expected = oracle(cohort);
const invitations = messageOracle(cohort);

const needles = [...namesAndPhones(cohort), sandboxToken('ismile'), sandboxToken('agile-health')];

const temporary = temporaryFolder();
const data = path.join(temporary.folder, 'data');
const stateFile = path.join(data, 'world.json');
let first: Finished;
let summary: Summary;
let world: WorldState;

beforeAll(async () => {
  first = await runStandalone(['--once', '--json'], { STUDYBRIDGE_DATA: data, LOG_LEVEL: 'debug' });
  summary = lastJson<Summary>(first);
  world = await keptWorldState(cohort, stateFile);
}, 600_000);

afterAll(() => temporary.remove());

/** `npm start -- --once --json` as a newcomer runs it, against what the oracle knows from XML and timeline alone. */
describe('the walking system in one process', () => {
  it('exits 0 with one JSON object on its last line', () => {
    expect({ code: first.code, ok: summary.ok, bus: summary.bus, problems: summary.problems }).toEqual({
      code: 0,
      ok: true,
      bus: 'in-process',
      problems: undefined,
    });
    expect(summary.studyTime).toBe(cohort.endAt);
    expect(summary.jobs.map((job) => job.name)).toEqual(
      expect.arrayContaining(['agile-compare', 'agile-status', 'full-comparison', 'redcap-poll']),
    );
    for (const job of summary.jobs) expect(job).toMatchObject({ failed: 0, runs: expect.any(Number) });
  });

  it('agrees with the oracle in numbers', () => {
    const { consented, enrolled, armAssigned, statusWritten, held } = expected;
    expect(summary.studies.ismile).toEqual({ consented, enrolled, armAssigned, statusWritten, held });
    expect(summary.writes.refused).toEqual({});
    for (const [code, count] of Object.entries(expected.attention))
      expect(summary.attention).toMatchObject({ [code]: count });
  });

  it('sent every survey invitation that was due, once, and nobody else anything', () => {
    const { delivered, undelivered } = invitations;
    expect(summary.messaging.ismile).toMatchObject({ due: 0, inDoubt: 0, held: {} });
    // Somebody who asks gets the referral; it is no invitation.
    const logged = world.cells.filter((row) => (row.txt_twilio_status ?? '') !== '');
    expect(logged.map((row) => row.txt_twilio_status).sort()).toEqual([
      ...Array<string>(delivered).fill('delivered'),
      ...Array<string>(undelivered).fill('undelivered'),
    ]);
    expect(summary.messaging.ismile!.sent).toBeGreaterThanOrEqual(delivered + undelivered);
    expect(summary.operators.mails).toBeGreaterThan(10);
  });

  it('gave the partner each family once', () => {
    expect(Object.values(world.ledger).map((calls) => calls.posts)).toEqual(world.members.map(() => 1));
    expect(world.members.map((member) => member.details.mobile).sort()).toEqual(
      expected.partnerMembers.map((member) => member.mobile).sort(),
    );
    expect(new Set(world.members.map((member) => member.externalId)).size).toBe(world.members.length);
  });

  it('ends with every member as the oracle says', () => {
    const short = (members: { mobile: string; status: string; arm: string | null }[]): string[] =>
      members.map(({ mobile, status, arm }) => `${mobile} ${status} ${arm}`).sort();
    expect(short(world.members.map((member) => ({ ...member, mobile: member.details.mobile })))).toEqual(
      short(expected.partnerMembers),
    );
  });

  describe('every seeded situation', () => {
    it.each(cohort.situations.map(({ name, record }) => [name, record] as const))('%s (record %s)', (_name, record) => {
      expect(seen(world, record)).toEqual(told(expected.records.find((known) => known.record === record)));
    });
  });

  it('ends every other family as the oracle says', () => {
    for (const record of expected.records) expect(seen(world, record.record)).toEqual(told(record));
  });

  it('tells nobody’s phone, name or token in its log', () => {
    const log = readFileSync(path.join(data, 'studybridge.log'), 'utf8');
    expect(log.length).toBeGreaterThan(1000);
    expect(secretsIn(log, needles)).toEqual([]);
    expect(secretsIn(first.stdout + first.stderr, needles)).toEqual([]);
  });

  it('changes nothing when run again', async () => {
    const again = await runStandalone(['--once', '--json'], { STUDYBRIDGE_DATA: data });
    const second = lastJson<Summary>(again);
    expect(second).toMatchObject({ ok: true, calls: { redcapImports: 0, partnerPosts: 0, partnerPuts: 0 } });
    expect(new Set(second.jobs.map(({ runs }) => runs))).toEqual(new Set([1]));
    expect(second.studies).toEqual(summary.studies);
    expect(second.writes).toEqual(summary.writes);
    expect(comparable(await keptWorldState(cohort, stateFile))).toEqual(comparable(world));
  });

  it('ends in the same state when it is killed in the middle and started again', async () => {
    const few = ismileCohort({ pairs: 24 });
    const args = ['--once', '--json', '--pairs', '24'];
    const undisturbed = path.join(temporary.folder, 'undisturbed');
    const plain = lastJson<Summary>(await runStandalone(args, { STUDYBRIDGE_DATA: undisturbed }));
    const killed = path.join(temporary.folder, 'killed');
    const env = { STUDYBRIDGE_DATA: killed };
    for (const date of ['2018-09-0', '2018-10-0']) {
      const running = startNode('apps/standalone/dist/main.js', args, env);
      await eventually(() => running.output().includes(`study time ${date}`), { timeoutMs: 300_000, what: date });
      running.child.kill('SIGKILL');
      await running.finished;
    }
    const finished = await runStandalone(args, env);
    expect(lastJson<Summary>(finished)).toMatchObject({ ok: true, studies: plain.studies });
    const before = await keptWorldState(few, path.join(undisturbed, 'world.json'));
    const after = await keptWorldState(few, path.join(killed, 'world.json'));
    expect(comparable(after)).toEqual(comparable(before));
    for (const record of oracle(few).records) expect(seen(after, record.record)).toEqual(told(record));
    expect(Object.values(after.ledger).map((calls) => calls.posts)).toEqual(before.members.map(() => 1));
  }, 900_000);

  it('makes its keys for its owner only', () => {
    expect(existsSync(path.join(data, 'keys', 'study-keys'))).toBe(true);
    expect(first.stderr).toMatch(/mode 0600.*Production must bring its own/);
  });
});

/** The way production runs: each service in processes of its own, two of each, over a real Kafka and PostgreSQL. */
(kafkaAvailable() ? describe : describe.skip)('the walking system in separate processes', () => {
  let broker: Broker;
  let system: Awaited<ReturnType<typeof startSeparateProcesses>>;
  let apart: WorldState;

  beforeAll(async () => {
    broker = await startBroker({ dir: path.join(temporary.folder, 'kafka') });
    const [gateway, agile, texts] = [await testDatabase(), await testDatabase(), await testDatabase()];
    system = await startSeparateProcesses({
      folder: temporary.folder,
      databases: { 'redcap-gateway': gateway.url, 'agile-health': agile.url, messaging: texts.url },
      brokers: broker.brokers,
      replicas: [
        { name: 'redcap-gateway', count: 2 },
        { name: 'agile-health', count: 2 },
        { name: 'messaging', count: 2 },
      ],
    });
    await playToTheEnd(system.sandboxUrl, system.services, system.opsToken);
    apart = await worldState(system.sandboxUrl);
  }, 900_000);

  afterAll(async () => {
    await system?.stop();
    await broker?.stop();
  });

  it('ends in the same state as one process, cell for cell', () => {
    expect(apart.members.length).toBeGreaterThan(100);
    expect(comparable(apart)).toEqual(comparable(world));
  });

  it('gave the partner each family once', () => {
    expect(Object.values(apart.ledger).map((calls) => calls.posts)).toEqual(apart.members.map(() => 1));
  });

  it('tells nobody’s phone, name or token in logs, metrics, statuses and errors', async () => {
    for (const { url } of system.services) {
      for (const page of ['/metrics', '/status', '/idle', '/health/ready', '/no-such-page']) {
        const answer = await axios.get<unknown>(`${url}${page}`, { validateStatus: () => true });
        const text = typeof answer.data === 'string' ? answer.data : JSON.stringify(answer.data);
        expect({ page, secrets: secretsIn(text, needles) }).toEqual({ page, secrets: [] });
      }
    }
    const [sandbox, ...services] = system.processes;
    expect(sandbox).toBeDefined();
    for (const service of services) {
      expect(service.output()).toMatch(/started/);
      expect(secretsIn(service.output(), needles)).toEqual([]);
    }
  });

  it('puts nobody’s phone, name or token on Kafka, in headers, keys or payloads', async () => {
    const kafka = new Kafka({ clientId: 'scan', brokers: broker.brokers, logLevel: logLevel.NOTHING });
    const admin = kafka.admin();
    await admin.connect();
    const topics = (await admin.listTopics()).filter((topic) => !topic.startsWith('__'));
    const ends = await Promise.all(topics.map((topic) => admin.fetchTopicOffsets(topic)));
    await admin.disconnect();
    const there = ends.flat().reduce((sum, { offset, low }) => sum + Number(offset) - Number(low), 0);
    expect(there).toBeGreaterThan(500);

    const consumer = kafka.consumer({ groupId: `scan-${randomUUID()}` });
    await consumer.connect();
    await consumer.subscribe({ topics, fromBeginning: true });
    const found: string[] = [];
    let seen = 0;
    await new Promise<void>((resolve, reject) => {
      consumer
        .run({
          eachMessage: ({ topic, message }) => {
            const headers = Object.entries(message.headers ?? {}).map(([name, value]) => `${name}=${String(value)}`);
            const text = [String(message.key), ...headers, String(message.value)].join('\n');
            found.push(...secretsIn(text, needles).map((needle) => `${topic}: ${needle}`));
            seen += 1;
            if (seen >= there) resolve();
            return Promise.resolve();
          },
        })
        .catch(reject);
    });
    await consumer.disconnect();
    expect(seen).toBeGreaterThanOrEqual(there);
    expect(found).toEqual([]);
  }, 120_000);
});

/** What the world shows of one record, in the oracle's words. */
function seen(world: WorldState, record: string): object {
  const row: FlatRow =
    world.cells.find((each) => each.record_id === record && each.redcap_event_name === 'baseline_arm_1') ?? {};
  const member = world.members.find((each) => each.memberId === row.ag_member_id);
  return {
    member: member !== undefined,
    partnerStatus: member?.status ?? null,
    arm: member?.arm ?? null,
    agStatus: row.ag_status ?? '',
    agEnrollStatus: row.ag_enroll_status ?? '',
    attention: row.ag_attention_reason || null,
    held: ['8', '9'].includes(row.ag_enroll_status ?? '') ? row.ag_last_error : null,
  };
}

function told(record: OracleRecord | undefined): object {
  if (!record) throw new Error('the oracle does not know the record');
  return {
    member: record.member,
    partnerStatus: record.partnerStatus,
    arm: record.arm,
    agStatus: record.agStatus,
    agEnrollStatus: record.agEnrollStatus ?? expect.any(String),
    attention: record.attention,
    held: record.held,
  };
}
