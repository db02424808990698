import { createServer, request, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';

/** What went through since the last time it was asked. */
interface Traffic {
  calls: number;
  /** Bytes of the answers' bodies. */
  bytesDown: number;
  bytesUp: number;
  /** Calls by REDCap's `content`, e.g. `record`. */
  byContent: Record<string, number>;
}

/** A door that counts, in front of an address. */
export interface CountingProxy {
  url: string;
  take(): Traffic;
  close(): Promise<void>;
}

/** Stands in front of `target` and passes everything on as it is, counting calls and bytes. */
export async function countCalls(target: string): Promise<CountingProxy> {
  let traffic = fresh();
  const server = createServer((incoming, outgoing) => {
    void body(incoming).then((sent) => {
      traffic.calls += 1;
      traffic.bytesUp += sent.length;
      const content = new URLSearchParams(sent.subarray(0, 4_000).toString('latin1')).get('content') ?? '';
      traffic.byContent[content] = (traffic.byContent[content] ?? 0) + 1;
      const onward = request(new URL(incoming.url ?? '/', target), {
        method: incoming.method,
        headers: incoming.headers,
      });
      onward.on('response', (answer) => {
        outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
        answer.on('data', (chunk: Buffer) => (traffic.bytesDown += chunk.length));
        answer.pipe(outgoing);
      });
      onward.on('error', () => outgoing.destroy());
      onward.end(sent);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    take() {
      const taken = traffic;
      traffic = fresh();
      return taken;
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function fresh(): Traffic {
  return { calls: 0, bytesDown: 0, bytesUp: 0, byContent: {} };
}

async function body(incoming: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of incoming) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}
