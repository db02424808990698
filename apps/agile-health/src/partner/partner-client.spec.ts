import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { HttpService } from '@nestjs/axios';
import { notMade } from '@studybridge/effects';
import { createLogger } from '@studybridge/service-kit';
import { Registry } from 'prom-client';
import { AnswerShape } from './answer-shape';
import { PartnerClient } from './partner-client';
import { createPartnerMetrics } from './partner-metrics';

describe('the client of the texting partner', () => {
  it('sends nothing that changes anything once its effect is not surely ours, and still may look', async () => {
    const asked: string[] = [];
    const server = createServer((request, response) => {
      asked.push(request.method ?? '');
      response.writeHead(200, { 'content-type': 'application/json' });
      response.end('{"members":[]}');
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const logger = createLogger({ service: 'agile-health', level: 'silent' });
    const client = new PartnerClient(new HttpService(), {
      url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
      key: 'k',
      program: 'ismile',
      timeoutMs: 5_000,
      metrics: createPartnerMetrics(new Registry()),
      shape: new AnswerShape(logger, { query: <T>() => Promise.resolve([] as T) }),
      logger,
    });
    const lost = notMade(new Error('taken over'));
    const hand = {
      signal: new AbortController().signal,
      assertMayCall: () => {
        throw lost;
      },
    };
    const body = {} as Parameters<PartnerClient['enrol']>[1];
    await expect(client.enrol('p', body, 'key', hand)).rejects.toBe(lost);
    await expect(client.update('m_1', 1, {}, hand)).rejects.toBe(lost);
    await expect(client.assignArm('m_1', { arm: 'OHT', randomizedOn: '2018-09-04' }, hand)).rejects.toBe(lost);
    expect(asked).toEqual([]);
    expect(await client.find('p', hand.signal)).toBeNull();
    expect(asked).toEqual(['GET']);
    await new Promise((resolve) => server.close(resolve));
  });
});
