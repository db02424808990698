import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { HttpService } from '@nestjs/axios';
import { createLogger } from '@studybridge/service-kit';
import { Registry } from 'prom-client';
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

  it('waits for a person, and comes up once', () => {
    let text = '';
    const logger = createLogger({
      service: 'agile-health',
      level: 'info',
      destination: { write: (line: string) => void (text += line) },
    });
    const shape = new AnswerShape(logger);
    shape.note(['nickname', 'code of arm']);
    shape.note(['nickname']);
    expect(text.match(/does not know/g)).toHaveLength(2);
    expect(shape.waiting()).toEqual(['nickname', 'code of arm']);
    expect(shape.acknowledge('nickname')).toBe(1);
    expect(shape.waiting()).toEqual(['code of arm']);
    expect(shape.acknowledge()).toBe(1);
    shape.note(['nickname']);
    expect(shape.waiting()).toEqual([]);
  });

  it('is looked at in every answer, and the answer is used all the same', async () => {
    const body = { members: [{ ...member, nickname: 'Zel', arm: 'XYZ' }], nextCursor: null, page: 1 };
    const server = createServer((_request, response) => {
      response.writeHead(200, { 'content-type': 'application/json' });
      response.end(JSON.stringify(body));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const logger = createLogger({ service: 'agile-health', level: 'silent' });
    const shape = new AnswerShape(logger);
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
    expect(shape.waiting().sort()).toEqual(['code of arm', 'list.page', 'nickname']);
    await new Promise((resolve) => server.close(resolve));
  });
});
