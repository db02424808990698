import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

/** One webhook as it came. */
interface Called {
  path: string;
  signature: string;
  token: string;
  params: Record<string, string>;
}

export interface Receiver {
  url: string;
  calls: Called[];
  /** What the next calls are answered; the last one stays. Null drops the connection, `never` lets it hang. */
  answers: ({ status: number; type?: string; body?: string } | 'never' | null)[];
  /** Called with each one, before it is answered. */
  onCall: () => void;
  close(): Promise<void>;
}

/** A web server that remembers who called. */
export async function startReceiver(): Promise<Receiver> {
  const calls: Called[] = [];
  const answers: Receiver['answers'] = [{ status: 204 }];
  const server = createServer((req, res) => {
    const chunks: Buffer[] = [];
    req.on('data', (chunk: Buffer) => chunks.push(chunk));
    req.on('end', () => {
      calls.push({
        path: req.url ?? '',
        signature: String(req.headers['x-twilio-signature']),
        token: String(req.headers['i-twilio-idempotency-token']),
        params: Object.fromEntries(new URLSearchParams(Buffer.concat(chunks).toString())),
      });
      receiver.onCall();
      const answer = answers.length > 1 ? answers.shift()! : answers[0]!;
      if (answer === 'never') return;
      if (answer === null) return req.socket.destroy();
      res.writeHead(answer.status, answer.type === undefined ? {} : { 'content-type': answer.type });
      res.end(answer.body ?? '');
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const receiver: Receiver = {
    url: `http://127.0.0.1:${port}`,
    calls,
    answers,
    onCall: () => undefined,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
  return receiver;
}
