import { createLogger, openDatabase } from '@studybridge/service-kit';
import { testDatabase } from '@studybridge/testing';
import type { DataSource } from 'typeorm';
import { CreateGatewayTables1800000000000 } from '../src/database/create-tables';
import { Governor } from '../src/projects/governor';

let dataSource: DataSource;
let drop: () => Promise<void>;

beforeAll(async () => {
  const database = await testDatabase('governor');
  dataSource = await openDatabase({
    service: 'redcap-gateway',
    url: database.url,
    migrations: [CreateGatewayTables1800000000000],
    logger: createLogger({ service: 'test', level: 'silent' }),
  });
  drop = async () => {
    await dataSource.destroy();
    await database.drop();
  };
});
afterAll(() => drop());

describe('politeness', () => {
  it('holds all replicas together to the limit', async () => {
    const address = 'redcap.example.org/api/';
    const replicas = [new Governor(dataSource, address, 240), new Governor(dataSource, address, 240)];
    const startedAt = performance.now();
    // 40 may come at once, then one every 300 ms.
    for (let n = 0; n < 43; n += 1) await replicas[n % 2]!.take();
    expect(performance.now() - startedAt).toBeGreaterThan(550);
    expect(await replicas[0]!.callsToday()).toBe(43);
  });

  it('counts without a limit too', async () => {
    const governor = new Governor(dataSource, 'sandbox/api/', 0);
    for (let n = 0; n < 5; n += 1) await governor.take();
    expect(await governor.callsToday()).toBe(5);
    await governor.take();
    expect(await governor.callsToday()).toBe(6);
  });

  it('leaves a server alone that fails again and again', async () => {
    const governor = new Governor(dataSource, 'broken/api/', 0);
    for (const status of [503, 0, 502, 500]) governor.report(status);
    await governor.take();
    governor.report(503);
    await expect(governor.take()).rejects.toMatchObject({ code: 'REDCAP_BREAKER', errorClass: 'dependency' });
    const other = new Governor(dataSource, 'other/api/', 0);
    for (const status of [503, 503, 503, 200, 503, 503]) other.report(status);
    await other.take();
  });
});
