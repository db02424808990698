import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import axios from 'axios';
import { createRedcapClient, type RedcapClient, type RedcapClientOptions } from '../src';

export const token = 'ABCDEF0123456789ABCDEF0123456789';

type Answer = (request: URLSearchParams, response: ServerResponse, call: number) => void;

/** A server that answers as a test says and remembers what it was asked. */
export async function fakeServer(answer: Answer): Promise<{
  url: string;
  asked: URLSearchParams[];
  client(options?: Partial<RedcapClientOptions>): RedcapClient;
  close(): Promise<void>;
}> {
  const asked: URLSearchParams[] = [];
  const server: Server = createServer((request, response) => {
    void read(request).then((body) => {
      const params = new URLSearchParams(body);
      asked.push(params);
      answer(params, response, asked.length);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/api/`;
  return {
    url,
    asked,
    client: (options = {}) =>
      createRedcapClient({
        url,
        token,
        http: axios.create(),
        timeoutMs: 2_000,
        retry: { attempts: 3, baseDelayMs: 1 },
        ...options,
      }),
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
}

async function read(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString('utf8');
}

export function send(response: ServerResponse, status: number, type: string, body: string): void {
  response.writeHead(status, { 'Content-Type': type, 'Content-Length': Buffer.byteLength(body) });
  response.end(body);
}
export const json = (response: ServerResponse, value: unknown, status = 200): void =>
  send(response, status, 'application/json', JSON.stringify(value));
export const csv = (response: ServerResponse, body: string): void =>
  send(response, 200, 'text/csv; charset=utf-8', body);
