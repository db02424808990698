import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Controller, Get, Inject, Module, Param } from '@nestjs/common';
import { StudybridgeError } from '@studybridge/contracts';
import { eventually, testDatabase } from '@studybridge/testing';
import axios from 'axios';
import { z } from 'zod';
import {
  createLogger,
  generateStudyKeys,
  kitSettings,
  ManualClock,
  SERVICE_CONTEXT,
  SettingsError,
  startService,
  type RunningService,
  type ServiceContext,
  type ServiceDefinition,
} from '../src';
import { gate, quarterly } from './job-fixture';

@Controller('try')
class TryController {
  constructor(@Inject(SERVICE_CONTEXT) private readonly context: ServiceContext) {}

  @Get('ours/:mobile')
  ours(@Param('mobile') mobile: string): never {
    this.context.logger.info({ mobile }, 'looking');
    throw new StudybridgeError('The partner is away.', {
      code: 'PARTNER_AWAY',
      errorClass: 'dependency',
      remedy: 'Wait.',
    });
  }

  @Get('theirs')
  async theirs(): Promise<never> {
    await this.context.dataSource.query(`SELECT 'Zelda +16175550142'::int`);
    throw new Error('not reached');
  }
}

@Module({})
class TryModule {}

interface Extras {
  onContext?: (context: ServiceContext) => void;
}

const definition = (name = 'try-out'): ServiceDefinition<{ GREETING: string }, Extras> => ({
  name,
  settings: kitSettings.extend({ GREETING: z.string(), PARTNER_KEY: z.string() }),
  secrets: ['PARTNER_KEY'],
  needs: [],
  migrations: [],
  module(context, extras) {
    extras.onContext?.(context);
    return { module: TryModule, controllers: [TryController] };
  },
});

let database: Awaited<ReturnType<typeof testDatabase>>;
const running: RunningService[] = [];
const closers: (() => Promise<unknown>)[] = [];
let text = '';
const logger = createLogger({ service: 'test', level: 'trace', destination: { write: (line) => void (text += line) } });

beforeEach(async () => {
  text = '';
  database = await testDatabase();
});
afterEach(async () => {
  for (const service of running.splice(0)) await service.stop();
  for (const close of closers.splice(0)) await close();
  await database.drop();
});

const env = (more: Record<string, string> = {}): Record<string, string> => ({
  DATABASE_URL_TRY_OUT: database.url,
  STUDY_KEYS: generateStudyKeys(['ismile']),
  GREETING: 'hello',
  PARTNER_KEY: 'the-key-of-the-partner',
  ...more,
});

async function start(
  o: { env?: Record<string, string>; clock?: ManualClock; onContext?: Extras['onContext']; name?: string } = {},
): Promise<RunningService<{ GREETING: string }>> {
  const extras = o.onContext === undefined ? {} : { onContext: o.onContext };
  const service = await startService(definition(o.name), {
    env: env(o.env),
    extras,
    logger,
    ...(o.clock === undefined ? {} : { clock: o.clock }),
  });
  running.push(service);
  return service;
}

const http = axios.create({ validateStatus: () => true, proxy: false });

it('answers health, metrics, status, commands and idle', async () => {
  const service = await start({
    clock: new ManualClock(new Date('2018-10-01T00:05:00Z')),
    onContext: (context) => {
      context.jobs.define(quarterly());
      context.idle.addWork('outbox', () => Promise.resolve(0));
      context.idle.addTopics(() => Promise.resolve({ said: { a: 2 }, heard: { b: 1 } }));
      context.idle.addTopics(() => Promise.resolve({ said: { a: 3 }, heard: {} }));
      context.ops.addStatus('one', () => Promise.resolve({ writes: { applied: 2 }, attention: { DRIFT: 1 } }));
      context.ops.addStatus('two', () => Promise.resolve({ callsToday: 7, attention: { DRIFT: 1, OVER_CAP: 1 } }));
    },
  });
  const get = async (path: string): Promise<unknown> => (await http.get<unknown>(service.url + path)).data;
  expect(service.context.config.GREETING).toBe('hello');
  expect(await get('/health/live')).toEqual({ service: 'try-out', live: true });
  expect(await get('/health/ready')).toEqual({
    service: 'try-out',
    ready: true,
    checks: { database: 'ok', started: 'ok' },
  });
  expect(await get('/status')).toEqual({
    service: 'try-out',
    writes: { applied: 2 },
    attention: { DRIFT: 2, OVER_CAP: 1 },
    callsToday: 7,
  });
  expect(await get('/idle')).toEqual({
    service: 'try-out',
    idle: true,
    now: '2018-10-01T00:05:00.000Z',
    work: { jobs: 0, outbox: 0 },
    topics: { said: { a: 5 }, heard: { b: 1 } },
    nextDue: [{ job: 'poll@ismile.sandbox', at: '2018-10-01T00:15:00.000Z' }],
    problems: [],
  });
  const ops = (command: string, args: object = {}) => http.post(`${service.url}/ops`, { command, arguments: args });
  const ran = await ops('jobs.run', { name: 'all', wait: true });
  expect(ran.data).toMatchObject({ command: 'jobs.run', result: { runs: [{ name: 'poll', state: 'done' }] } });
  expect((await ops('jobs.list')).data).toMatchObject({ result: [{ name: 'poll', runs: 1, failed: 0 }] });
  expect(await ops('jobs.ruin')).toMatchObject({ status: 404, data: { code: 'UNKNOWN_COMMAND' } });
  expect(await ops('jobs.run', { nmae: 'poll' })).toMatchObject({ status: 400, data: { code: 'BAD_ARGUMENTS' } });
  expect(await ops('jobs.run', { name: 'nope' })).toMatchObject({ status: 404, data: { code: 'UNKNOWN_JOB' } });
  expect(await http.get(`${service.url}/nowhere`)).toMatchObject({ status: 404, data: { code: 'NOT_FOUND' } });
  expect(
    await http.post(`${service.url}/ops`, '{"a', { headers: { 'content-type': 'application/json' } }),
  ).toMatchObject({ status: 400, data: { code: 'BAD_REQUEST' } });
  const metrics = await get('/metrics');
  expect(metrics).toMatch(/studybridge_job_runs_total\{job="poll",binding="ismile.sandbox",outcome="done",.*\} 1/);
  expect(metrics).toMatch(/studybridge_http_request_seconds_count\{.*method="POST",route="\/ops",status="200"/);
});

it('is not idle while a job is due or runs, and ticks by itself', async () => {
  const clock = new ManualClock(new Date('2018-10-01T00:05:00Z'));
  const { run, open, entered } = gate();
  const service = await start({ clock, onContext: (context) => context.jobs.define(quarterly({ run })) });
  const idle = async (): Promise<{ idle: boolean; work: { jobs: number } }> =>
    (await http.get<{ idle: boolean; work: { jobs: number } }>(`${service.url}/idle`)).data;
  expect((await idle()).idle).toBe(true);
  clock.set(new Date('2018-10-01T00:15:00Z'));
  await eventually(() => entered() === 1, { what: 'the beat to start the job' });
  expect(await idle()).toMatchObject({ idle: false, work: { jobs: 1 } });
  open();
  await eventually(async () => (await idle()).idle);
});

it('asks the database once when nothing is due', async () => {
  const clock = new ManualClock(new Date('2018-10-01T00:05:00Z'));
  const service = await start({ clock, onContext: (context) => context.jobs.define(quarterly()) });
  const spy = jest.spyOn(service.context.dataSource, 'query');
  await http.get(`${service.url}/idle`);
  // The beat may come in between.
  expect(spy.mock.calls.length).toBeLessThanOrEqual(2);
});

it('stays answerable when a part cannot count its work', async () => {
  const service = await start({
    onContext: (context) => context.idle.addWork('inbox', () => Promise.reject(new Error('Zelda'))),
  });
  const { data } = await http.get<unknown>(`${service.url}/idle`);
  expect(data).toMatchObject({ idle: false, work: { inbox: 1 }, problems: ['inbox could not be counted.'] });
});

it('asks for the token where one is set', async () => {
  const service = await start({ env: { OPS_TOKEN: 'a-token-of-the-operator' } });
  const ask = (authorization?: string) =>
    http.get(`${service.url}/ops`, { headers: authorization === undefined ? {} : { authorization } });
  expect((await ask()).status).toBe(401);
  expect((await ask('Bearer a-token-of-somebody')).status).toBe(401);
  expect((await ask('Bearer a-token-of-the-operator')).status).toBe(200);
});

it('does not take commands from a web page without a token', async () => {
  const service = await start();
  const answer = await http.get(`${service.url}/ops`, { headers: { origin: 'https://elsewhere.example' } });
  expect(answer.status).toBe(403);
});

it('answers errors with a code and no detail, and logs none either', async () => {
  const service = await start();
  const ours = await http.get(`${service.url}/try/ours/+16175550142`, { headers: { 'x-correlation-id': 'poll-7' } });
  expect(ours.status).toBe(503);
  expect(ours.headers['x-correlation-id']).toBe('poll-7');
  expect(ours.data).toEqual({ code: 'PARTNER_AWAY', message: 'The partner is away.', remedy: 'Wait.' });
  const theirs = await http.get(`${service.url}/try/theirs`);
  expect(theirs.status).toBe(500);
  expect(theirs.data).toMatchObject({ code: 'INTERNAL' });
  expect(text).toMatch(/"correlationId":"poll-7"/);
  expect(text).toMatch(/"code":"22P02"/);
  expect(text + JSON.stringify(theirs.data)).not.toMatch(/Zelda|617555|the-key-of-the-partner/);
  expect((await http.get<string>(`${service.url}/metrics`)).data).not.toMatch(/617555/);
});

it('says when its port is taken, and leaves nothing behind', async () => {
  const other = createServer();
  await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
  closers.push(() => new Promise((resolve) => other.close(resolve)));
  const { port } = other.address() as AddressInfo;
  let context: ServiceContext | undefined;
  const started: string[] = [];
  const attempt = start({
    env: { PORT: String(port) },
    onContext: (given) => {
      context = given;
      given.onStart(() => Promise.resolve(void started.push('started')));
    },
  });
  await expect(attempt).rejects.toMatchObject({
    code: 'PORT_UNUSABLE',
    message: `Port ${port} on 127.0.0.1 is in use.`,
  });
  expect(started).toEqual([]);
  expect(context?.dataSource.isInitialized).toBe(false);
});

it('names all that is wrong with the settings of kit, service and bindings at once', async () => {
  const attempt = startService(
    { ...definition(), needs: ['redcap'] },
    {
      env: {
        STUDY_KEYS: generateStudyKeys(['co-op']),
        PORT: 'x',
        HOST: '0.0.0.0',
        REDCAP_URL: 'https://r.example.org/api/',
        REDCAP_TOKEN_ISMILE: 'F00D',
        REDCAP_TOKEN_ISMILE_FILE: '/x',
      },
      extras: {},
      logger,
    },
  );
  const error = await attempt.catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(SettingsError);
  expect((error as SettingsError).complaints.map(({ sentence }) => sentence)).toEqual([
    'PORT is not of the right kind.',
    'DATABASE_URL is missing.',
    'GREETING is missing.',
    'PARTNER_KEY is missing.',
    'Both REDCAP_TOKEN_ISMILE and REDCAP_TOKEN_ISMILE_FILE are set.',
    'STUDY_KEYS has no key for the study ismile.',
    'The service listens to other machines, and OPS_TOKEN is missing.',
  ]);
});

it('runs its start functions in order, its stop functions in reverse, and stops once', async () => {
  const order: string[] = [];
  const service = await start({
    onContext: (context) => {
      for (const name of ['bus', 'effects']) {
        context.onStart(() => Promise.resolve(void order.push(`start ${name}`)));
        context.onStop(() => Promise.resolve(void order.push(`stop ${name}`)));
      }
    },
  });
  await Promise.all([service.stop(), service.stop()]);
  expect(order).toEqual(['start bus', 'start effects', 'stop effects', 'stop bus']);
  expect(service.context.dataSource.isInitialized).toBe(false);
  await expect(axios.get(`${service.url}/health/live`, { proxy: false })).rejects.toThrow();
});

it('shares a process with another service, each with its own database and metrics', async () => {
  const second = await testDatabase();
  closers.push(() => second.drop());
  const one = await start();
  const two = await start({ name: 'other', env: { DATABASE_URL_OTHER: second.url } });
  expect(one.context.registry).not.toBe(two.context.registry);
  const database = async (service: RunningService): Promise<unknown> =>
    service.context.dataSource.query('SELECT name FROM studybridge_service');
  expect([await database(one), await database(two)]).toEqual([[{ name: 'try-out' }], [{ name: 'other' }]]);
  expect((await http.get<{ service: string }>(`${two.url}/health/live`)).data.service).toBe('other');
});

it('follows the clock of the world, and says so when it is away', async () => {
  let answer: object = { now: '2018-10-01T00:05:00Z', changedAt: null };
  const world = createServer((_, response) =>
    response.setHeader('content-type', 'application/json').end(JSON.stringify(answer)),
  );
  await new Promise<void>((resolve) => world.listen(0, '127.0.0.1', resolve));
  closers.push(() => new Promise((resolve) => world.close(resolve)));
  const url = `http://127.0.0.1:${(world.address() as AddressInfo).port}/__sandbox/clock`;
  const service = await start({ env: { STUDY_CLOCK_URL: url } });
  const idle = async (): Promise<unknown> => (await http.get<unknown>(`${service.url}/idle`)).data;
  expect(await idle()).toMatchObject({ now: '2018-10-01T00:05:00.000Z' });
  answer = { now: '2018-12-01T00:00:00Z', changedAt: '2018-11-30T00:00:00Z', textedAt: '2018-11-29T00:00:00Z' };
  expect(await idle()).toMatchObject({ now: '2018-12-01T00:00:00.000Z', idle: true });
  expect(service.context.clock.outsideChangedAt()).toEqual(new Date('2018-11-30T00:00:00Z'));
  expect(service.context.clock.outsideChangedAt('texts')).toEqual(new Date('2018-11-29T00:00:00Z'));
  answer = { nonsense: true };
  expect(await idle()).toMatchObject({ idle: false, work: { clock: 1 } });
});
