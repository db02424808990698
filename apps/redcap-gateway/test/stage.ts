import { randomUUID } from 'node:crypto';
import {
  participantChanged,
  projectPolled,
  surveyLinkFound,
  writeRequested,
  writeSettled,
  type CellAddress,
  type RowFields,
  type CellValue,
  type Envelope,
  type EventDefinition,
  type ParticipantChanged,
  type Row,
} from '@studybridge/contracts';
import { createInProcessCarrier } from '@studybridge/event-bus';
import { createRedcapClient } from '@studybridge/redcap-client';
import { createWorld, type World } from '@studybridge/sandbox';
import {
  createLogger,
  createSealer,
  generateStudyKeys,
  openCellValue,
  sealCellValue,
  startService,
  type RunningService,
} from '@studybridge/service-kit';
import { eventually, giveCommand, testDatabase } from '@studybridge/testing';
import axios from 'axios';
import type { GatewaySettings } from '../src/app.config';
import type { DayOfCalls } from '../src/budget/call-ledger';
import type { DesignChange } from '../src/drift/design-change';
import { redcapGateway } from '../src/module';
import type { GatewayExtras } from '../src/redcap-gateway.module';
import { ismileXml } from './project-xml';

const binding = 'ismile.test';
const token = '0123456789ABCDEF0123456789ABCDEF';
const zone = 'America/Los_Angeles';
type At = NonNullable<GatewayExtras['at']>;

/** The family of record 17 and the like; fictional. */
export const family: Record<string, string> = {
  part_first_name: 'Zelda',
  part_last_name: 'Quimby-Ortiz',
  part_mobile_number: '(617) 555-0123',
  part_lang: '2',
  part_consent_date: '2018-09-04',
  site_id: '1',
};

export interface CellWish {
  field: string;
  value: CellValue;
  basedOn?: CellValue;
  event?: string;
  instrument?: string;
  instance?: number;
}

const open: (() => Promise<void>)[] = [];

/** Ends everything that `setStage` began. */
export async function clearStage(): Promise<void> {
  for (const close of open.splice(0).reverse()) await close();
}

export function newWorld(xml: string, startAt = '2018-09-04T17:00:00Z', redcap: { version?: string } = {}): World {
  return createWorld({
    redcap,
    cohort: {
      id: 'test',
      study: 'ismile',
      projectXml: xml,
      startAt,
      endAt: '2030-01-01T00:00:00Z',
      serverZone: zone,
      timeline: [],
      handsets: [],
      situations: [],
    },
    cohortToken: token,
  });
}

interface RedcapHands {
  lockRecord(project: string, o: { record: string; locked: boolean; user: string }): void;
  setRights(token: string, rights: Record<string, number>): void;
}
const redcapOf = (world: World) => (world as unknown as { redcapStandIn: RedcapHands }).redcapStandIn;

/** The service over a real database and the sandbox's REDCap over real HTTP. */
export async function setStage(
  o: {
    startAt?: string;
    xml?: string;
    before?: (world: World) => void;
    /** What our token may not do from the beginning. */
    rights?: Record<string, number>;
    /** Told where the world listens, before the service starts. */
    started?: (url: string) => void;
    env?: Record<string, string>;
  } = {},
) {
  let world = newWorld(o.xml ?? ismileXml(), o.startAt);
  o.before?.(world);
  if (o.rights !== undefined) redcapOf(world).setRights(token, o.rights);
  let { url } = await world.listen(0);
  o.started?.(url);
  open.push(() => world.close());
  const database = await testDatabase('redcap_gateway');
  open.push(() => database.drop());
  const keys = generateStudyKeys(['ismile']);
  const sealer = createSealer(keys);
  const carrier = createInProcessCarrier({ expects: {} });
  let text = '';
  const logger = createLogger({
    service: 'redcap-gateway',
    level: 'debug',
    destination: { write: (line: string) => void (text += line) },
  });
  const hooks: { at: At } = { at: () => undefined };
  const start = () =>
    startService(redcapGateway, {
      env: {
        DATABASE_URL_REDCAP_GATEWAY: database.url,
        STUDY_KEYS: keys,
        STUDYBRIDGE_ENVIRONMENT: 'test',
        REDCAP_URL: `${url}/redcap/api/`,
        REDCAP_TOKEN_ISMILE: token,
        REDCAP_CALLS_PER_MINUTE: '0',
        REDCAP_TIMEOUT_SECONDS: '2',
        ...o.env,
      },
      extras: { carrier, at: (point) => hooks.at(point) },
      clock: world.clock,
      logger,
    });
  const stage: { service: RunningService<GatewaySettings> } = { service: await start() };
  open.push(() => stage.service.stop());
  // Tests look when they mean to.
  for (const job of ['redcap-poll', 'full-comparison']) await stage.service.context.jobs.pause(job);
  const seqs = new Map<string, number>();
  const query = <T>(sql: string, values: unknown[] = []) => stage.service.context.dataSource.query<T[]>(sql, values);
  const query2 = (sql: string, values: unknown[]) =>
    stage.service.context.dataSource.query<[unknown[], number]>(sql, values);
  const said = async <P>(event: EventDefinition<P>): Promise<Envelope<P>[]> => {
    const rows = await query<{ envelope: string }>(
      'SELECT envelope FROM bus_outbox WHERE topic = $1 ORDER BY position',
      [event.topic],
    );
    return rows.map((row) => JSON.parse(row.envelope) as Envelope<P>);
  };
  const http = <T>(path: string) => fetch(`${stage.service.url}${path}`).then((answer) => answer.json() as Promise<T>);
  const self = Object.assign(stage, {
    hooks,
    query,
    get world() {
      return world;
    },
    logged: () => text,
    client: () => createRedcapClient({ url: `${url}/redcap/api/`, token, http: axios.create(), timeoutMs: 5_000 }),
    changed: () => said(participantChanged),
    polled: () => said(projectPolled),
    settled: () => said(writeSettled),
    /** A person saves fields, by default on the baseline event. */
    save(record: string, values: Record<string, string>, event = 'baseline_arm_1', more: object = {}) {
      world.act({ do: 'save', record, event, values, user: 'ra_jones', ...more });
    },
    /** A person locks a whole record. */
    lock(record: string) {
      redcapOf(world).lockRecord(token, { record, locked: true, user: 'ra_jones' });
    },
    /** REDCap's administrator changes what our token may do. */
    setRights(rights: Record<string, number>) {
      redcapOf(world).setRights(token, rights);
    },
    /** Time goes by, in minutes of study time. */
    pass(minutes: number) {
      world.advanceTo(new Date(world.now.getTime() + minutes * 60_000));
    },
    /** Runs a job to its end and gives its record. */
    async run(name: 'redcap-poll' | 'full-comparison') {
      const { jobs } = stage.service.context;
      const id = await jobs.run(name, { binding, wait: true });
      const runs = await jobs.runs(name, 500);
      return runs.find((run) => run.id === id)!;
    },
    /** A poll that must go well. */
    async poll(name: 'redcap-poll' | 'full-comparison' = 'redcap-poll') {
      const run = await self.run(name);
      if (run.state !== 'done') throw new Error(`the run failed: ${run.errorCode} ${run.outcome}`);
      return run.counts;
    },
    async participant(record: string) {
      const rows = await query<{ id: string; incarnation: number; presence: string; doubt: unknown }>(
        'SELECT id, incarnation, presence, doubt FROM participant WHERE record_id = $1 ORDER BY incarnation DESC',
        [record],
      );
      return rows[0]!;
    },
    /** Says something to the service, as the bus would carry it. */
    async say<P>(event: EventDefinition<P>, payload: P) {
      const key = event.key(payload);
      const place = `${event.topic}/${key}`;
      const seq = (seqs.get(place) ?? 0) + 1;
      seqs.set(place, seq);
      const envelope: Envelope = {
        id: randomUUID(),
        type: event.type,
        version: event.version,
        key,
        seq,
        binding,
        study: 'ismile',
        occurredAt: world.now.toISOString(),
        correlationId: `c-${key.slice(0, 8)}-${seq}`,
        cause: 'live',
        payload: event.schema.parse(payload),
      };
      await carrier.publish([{ topic: event.topic, key, headers: {}, value: JSON.stringify(envelope) }]);
    },
    /** Says what a service wants written. */
    request: (participantId: string, wishes: CellWish[], owner = 'agile-health') =>
      self.say(writeRequested, {
        participantId,
        project: 'main',
        owner,
        cells: wishes.map((wish) => ({
          event: 'baseline_arm_1',
          instrument: 'agile_link',
          instance: 0,
          basedOn: '',
          ...wish,
        })),
      }),
    /** A value as a service sends it that seals it for one cell. */
    sealed: (participantId: string, at: CellAddress, value: string) =>
      sealCellValue(sealer, { ...at, study: 'ismile', participantId }, value),
    openedCell: (participantId: string, at: CellAddress, value: CellValue) =>
      openCellValue(sealer, { ...at, study: 'ismile', participantId }, value),
    /** Every row of the tables in which requests and their outcomes rest, as text. */
    async atRest() {
      const tables = ['bus_inbox', 'bus_outbox', 'desired_cell', 'write_batch', 'snapshot'];
      const rows = await Promise.all(tables.map((table) => query<object>(`SELECT * FROM ${table}`)));
      return JSON.stringify(rows);
    },
    /** What was answered to questions for survey links, opened. */
    links: async () =>
      (await said(surveyLinkFound)).map(({ payload }) => ({
        ...payload,
        link: payload.link && sealer.open<string>('ismile', `survey-link:${payload.requestId}`, payload.link),
      })),
    /** Waits until nothing more happens by itself. */
    async idle() {
      // Twice in a row: the parts of one answer are counted one after the other.
      let rounds = 0;
      await eventually(
        async () => {
          const { idle } = await http<{ idle: boolean }>('/idle');
          rounds = idle ? rounds + 1 : 0;
          return rounds >= 2;
        },
        { what: 'the gateway to be idle' },
      );
    },
    status: () =>
      http<{
        writes: { applied: number; refused: Record<string, number> };
        calls: { redcapExports: number; redcapImports: number };
        attention: Record<string, number>;
        callsToday: number;
        project: Record<
          string,
          {
            trouble: { code: string } | null;
            drift: string[];
            changes: DesignChange[];
            rights: Record<string, boolean>;
            callDays: DayOfCalls[];
          }
        >;
      }>('/status'),
    problems: () => http<{ problems: string[] }>('/idle').then((idle) => idle.problems),
    ops: <T>(command: string, args?: object) => giveCommand<T>(stage.service.url, command, args),
    /** What REDCap holds in an event of a record. */
    async cells(record: string, event = 'baseline_arm_1') {
      const rows = await self.client().exportRecords({ records: [record] });
      const row = rows.find((one) => one.redcap_event_name === event && !one.redcap_repeat_instance) ?? {};
      return Object.fromEntries(Object.entries(row).filter(([, value]) => value !== ''));
    },
    opened: (payload: ParticipantChanged) =>
      sealer.open<Row[]>('ismile', `participant:${payload.participantId}`, payload.sealed),
    /** Another process takes a lease away, as it may from one that was frozen. */
    async steal(name: string) {
      const [, stolen] = await query2(
        `UPDATE lease SET epoch = epoch + 1, holder = 'thief', real_expires_at = clock_timestamp() WHERE name = $1`,
        [name],
      );
      if (stolen !== 1) throw new Error(`no lease ${name}`);
    },
    /** A second replica on the same database. */
    async replica() {
      const second = await start();
      open.push(() => second.stop());
      return second;
    },
    /** Starts the service again on the same database, perhaps before another world. */
    async restart(next?: World) {
      await stage.service.stop();
      if (next) {
        await world.close();
        world = next;
        ({ url } = await world.listen(0));
      }
      stage.service = await start();
    },
  });
  return self;
}

/** The columns of all rows, in alphabetical order. */
export const fieldsOf = (rows: readonly RowFields[]): string[] => rows.flatMap((row) => row.fields).sort();
