import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { HttpService } from '@nestjs/axios';
import { createLogger } from '@studybridge/service-kit';
import { testDatabase } from '@studybridge/testing';
import { Registry } from 'prom-client';
import { DataSource } from 'typeorm';
import { agileHealthMigrations } from '../migrations';
import { AnswerShape } from './answer-shape';
import { PartnerClient } from './partner-client';
import { readMemberAnswer } from './partner-member';
import { createPartnerMetrics } from './partner-metrics';

const member = { memberId: 'm_1', status: 'ACTIVE', statusAt: '2018-09-04T17:00:00Z' };
const oddOf = (more: object) => readMemberAnswer({ ...member, ...more }, new Date(0)).odd;

describe('the shape of the partner’s answers', () => {
  it('is known where the contract has it', () => {
    expect(oddOf({ arm: 'OHT', numberCheck: 'passed', optIn: { sentAt: null, answeredAt: null } })).toEqual([]);
    expect(oddOf({ arm: null, numberCheck: null, participation: 'withdrawn', counters: { sent: 1 } })).toEqual([]);
  });

  it('tells names of fields and code lists that it does not have, never a value', () => {
    const odd = oddOf({ nickname: 'Zel', arm: 'XYZ', numberCheck: 'maybe', optIn: { via: 'mail' }, language: 'fr' });
    expect(odd.sort()).toEqual(['code of arm', 'code of language', 'code of numberCheck', 'nickname', 'optIn.via']);
  });

  it('waits for a person, and comes up once, in this life of the process and in the next', async () => {
    let text = '';
    const logger = createLogger({
      service: 'agile-health',
      level: 'info',
      destination: { write: (line: string) => void (text += line) },
    });
    const database = await testDatabase();
    const dataSource = new DataSource({ type: 'postgres', url: database.url, migrations: agileHealthMigrations });
    await dataSource.initialize();
    await dataSource.runMigrations();
    const shape = new AnswerShape(logger, dataSource);
    shape.note(['nickname', 'code of arm']);
    shape.note(['nickname']);
    expect(text.match(/does not know/g)).toHaveLength(2);
    expect(await shape.waiting()).toEqual(['nickname', 'code of arm']);
    expect(await shape.acknowledge('nickname')).toBe(1);
    expect(await shape.acknowledge('nickname')).toBe(0);
    expect(await shape.waiting()).toEqual(['code of arm']);
    shape.note(['nickname']);
    expect(await shape.waiting()).toEqual(['code of arm']);

    const reborn = new AnswerShape(logger, dataSource);
    reborn.note(['optIn.via', 'nickname', 'code of arm']);
    expect(await reborn.waiting()).toEqual(['optIn.via', 'code of arm']);
    expect(await reborn.acknowledge()).toBe(2);
    expect(await shape.waiting()).toEqual([]);
    await dataSource.destroy();
    await database.drop();
  });

  it('is looked at in every answer, and the answer is used all the same', async () => {
    const body = { members: [{ ...member, nickname: 'Zel', arm: 'XYZ' }], nextCursor: null, page: 1 };
    const server = createServer((_request, response) => {
      response.writeHead(200, { 'content-type': 'application/json' });
      response.end(JSON.stringify(body));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const logger = createLogger({ service: 'agile-health', level: 'silent' });
    const shape = new AnswerShape(logger, { query: <T>() => Promise.resolve([] as T) });
    const client = new PartnerClient(new HttpService(), {
      url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
      key: 'k',
      program: 'ismile',
      timeoutMs: 5_000,
      metrics: createPartnerMetrics(new Registry()),
      shape,
      logger,
    });
    const { members } = await client.changedSince(new Date(0), null);
    expect(members).toMatchObject([{ memberId: 'm_1', status: 'ACTIVE' }]);
    expect((await shape.waiting()).sort()).toEqual(['code of arm', 'list.page', 'nickname']);
    await new Promise((resolve) => server.close(resolve));
  });
});
