import { jobEnded, type Envelope, type JobEnded } from '@studybridge/contracts';
import { createInProcessCarrier } from '../src';
import { eventually, testDatabase, type TestDatabase } from '@studybridge/testing';
import { serviceName, startTestService, type TestService } from './bus-harness';

let database: TestDatabase;
let service: TestService | undefined;
beforeEach(async () => {
  database = await testDatabase();
});
afterEach(async () => {
  await service?.stop();
  await database.drop();
});

it('says the end of each run with its record, to whoever listens', async () => {
  const heard: Envelope<JobEnded>[] = [];
  const name = serviceName('runner');
  service = await startTestService({
    name,
    url: database.url,
    carrier: createInProcessCarrier({ expects: {} }),
    build: (bus, context) => {
      context.jobs.define({
        name: 'count',
        binding: 'ismile.test',
        schedules: [],
        overlap: 'skip',
        catchUp: 'none',
        quiet: false,
        run: ({ log }) => {
          log('counted');
          return Promise.resolve({ seen: 3, share: Number.NaN });
        },
      });
      bus.consume(jobEnded, (_em, envelope) => {
        heard.push(envelope);
        return Promise.resolve();
      });
    },
  });
  const { jobs } = service.context;
  const id = await jobs.run('count', { wait: true });
  await jobs.run('count', { wait: true, dryRun: true });
  await eventually(() => heard.length === 2, { what: 'both ends' });
  expect(heard[0]).toMatchObject({
    seq: 1,
    binding: 'ismile.test',
    study: 'ismile',
    key: `${name}/count/ismile.test`,
    payload: {
      service: name,
      job: 'count',
      runId: id,
      kind: 'manual',
      outcome: 'done',
      counts: { seen: 3 },
      log: ['counted'],
      late: false,
      dryRun: false,
      nextDueAt: null,
    },
  });
  expect(heard[1]!.payload.dryRun).toBe(true);
});
