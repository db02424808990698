import { createLogger, openDatabase } from '@studybridge/service-kit';
import { testDatabase } from '@studybridge/testing';
import type { DataSource } from 'typeorm';
import { CallLedger } from '../src/budget/call-ledger';
import { AddMonitoring1800000250000 } from '../src/database/add-monitoring';
import { CreateGatewayTables1800000000000 } from '../src/database/create-tables';
import { clearStage, family, setStage } from './stage';

describe('the ledger of calls', () => {
  let dataSource: DataSource;
  let drop: () => Promise<void>;
  beforeAll(async () => {
    const database = await testDatabase('call_ledger');
    dataSource = await openDatabase({
      service: 'redcap-gateway',
      url: database.url,
      migrations: [CreateGatewayTables1800000000000, AddMonitoring1800000250000],
      logger: createLogger({ service: 'test', level: 'silent' }),
    });
    drop = async () => {
      await dataSource.destroy();
      await database.drop();
    };
  });
  afterAll(() => drop());

  const place = { binding: 'a.test', role: 'main', serverZone: 'America/Los_Angeles' };
  const read = { content: 'record', action: 'export', status: 200, logLines: 1 } as const;

  it('counts by the server’s day, all replicas together, failures and lines apart', async () => {
    let now = new Date('2018-09-05T06:30:00Z'); // half past eleven in the evening there
    const clock = () => now;
    const budget = { calls: 0, logLines: 0 };
    const replicas = [
      new CallLedger(dataSource, place, budget, clock),
      new CallLedger(dataSource, place, budget, clock),
    ];
    for (const ledger of replicas) {
      ledger.note(read);
      ledger.note({ content: 'record', action: 'import', status: 200, logLines: 12 });
      ledger.note({ ...read, status: 503, logLines: 0 });
    }
    await Promise.all(replicas.map((ledger) => ledger.flush()));
    now = new Date('2018-09-05T07:30:00Z');
    expect(await replicas[0]!.days(3)).toEqual([
      { day: '2018-09-05', calls: 0, failed: 0, logLines: 0 },
      { day: '2018-09-04', calls: 6, failed: 2, logLines: 26 },
    ]);
    expect(await replicas[0]!.byContent('2018-09-04')).toEqual([
      { content: 'record', action: 'export', calls: 4, failed: 2, logLines: 2 },
      { content: 'record', action: 'import', calls: 2, failed: 0, logLines: 24 },
    ]);
    expect(await new CallLedger(dataSource, { ...place, role: 'other' }, budget, clock).days(1)).toMatchObject([
      { calls: 0 },
    ]);
  });

  it('loses no count when it cannot write', async () => {
    let broken = true;
    const flaky = {
      query: (...args: Parameters<DataSource['query']>) =>
        broken ? Promise.reject(new Error('no')) : dataSource.query(...args),
    } as unknown as DataSource;
    const ledger = new CallLedger(flaky, { ...place, role: 'flaky' }, { calls: 0, logLines: 0 });
    ledger.note(read);
    await expect(ledger.flush()).rejects.toThrow();
    ledger.note(read);
    broken = false;
    expect((await ledger.days(1))[0]).toMatchObject({ calls: 2, logLines: 2 });
  });

  it.each([
    [{ calls: 10, logLines: 0 }, 7, 100, 'within'],
    [{ calls: 10, logLines: 0 }, 8, 0, 'near'],
    [{ calls: 10, logLines: 0 }, 10, 0, 'over'],
    [{ calls: 10, logLines: 20 }, 1, 16, 'near'],
    [{ calls: 10, logLines: 20 }, 1, 21, 'over'],
    [{ calls: 0, logLines: 0 }, 1_000_000, 1_000_000, 'within'],
  ] as const)('judges %j after %d calls and %d lines: %s', (budget, calls, logLines, verdict) => {
    const ledger = new CallLedger(dataSource, place, budget);
    expect(ledger.judge({ day: '2018-09-04', calls, failed: 0, logLines })).toBe(verdict);
  });
});

describe('what a project asks of REDCap in a day', () => {
  afterEach(clearStage);
  const shown = async (stage: Awaited<ReturnType<typeof setStage>>) =>
    (await stage.status()).project['ismile.test/main']!.callDays[0]!;

  it('is counted, with what it leaves in REDCap’s log, and shown', async () => {
    const stage = await setStage();
    stage.save('1', family);
    await stage.poll();
    const { id } = await stage.participant('1');
    await stage.request(id, [{ field: 'ag_status', value: '10' }]);
    await stage.idle();
    const today = await shown(stage);
    // Every call of ours is a line in REDCap's log: exactly as many as it has of our user.
    const mine = (await stage.client().log({ user: 'api_user' })).filter(
      (line) => !/^Create project/.test(line.details),
    );
    expect(today.logLines).toBe(mine.length);
    expect(today.failed).toBe(0);
    const [project] =
      await stage.ops<{ byContent: { content: string; action: string; calls: number }[] }[]>('calls.list');
    expect(project!.byContent).toContainEqual(
      expect.objectContaining({ content: 'record', action: 'import', calls: 1 }),
    );
    const metrics = await fetch(`${stage.service.url}/metrics`).then((answer) => answer.text());
    const metric = (name: string) =>
      new RegExp(`^${name}\\{project="ismile.test/main".*\\} (\\d+)$`, 'm').exec(metrics)?.[1];
    expect(metric('redcap_calls_today')).toBe(String((await shown(stage)).calls));
    expect(metric('redcap_log_lines_today')).toBe(String((await shown(stage)).logLines));
    expect(metric('redcap_calls_budget')).toBe('0');
    expect(metric('redcap_calls_total')).toBeDefined();
    await stage.restart();
    expect((await shown(stage)).calls).toBeGreaterThanOrEqual(today.calls);
  });

  it('warns once near its budget, asks for attention over it, and holds nothing back', async () => {
    const stage = await setStage({ env: { REDCAP_CALLS_PER_DAY: '20' } });
    stage.save('1', family);
    await stage.poll();
    const warnings = () => stage.logged().match(/the budget of calls[^"]*/g) ?? [];
    while ((await shown(stage)).calls < 16) {
      stage.pass(60);
      await stage.poll();
    }
    while ((await shown(stage)).calls < 20) {
      stage.pass(60);
      await stage.poll();
    }
    expect((await stage.status()).attention).toEqual({ CALL_BUDGET: 1 });
    stage.pass(60);
    stage.save('1', { part_lang: '1' });
    expect(await stage.poll()).toMatchObject({ changed: 1 });
    expect(warnings().filter((text) => text.includes('used up for today'))).toHaveLength(1);
    expect(warnings().length).toBeLessThanOrEqual(2);
  });

  it('is not judged where the other side is a stand-in', async () => {
    const stage = await setStage();
    await stage.poll();
    expect((await stage.status()).project['ismile.test/main']).toMatchObject({ callBudget: { calls: 0, logLines: 0 } });
  });
});
