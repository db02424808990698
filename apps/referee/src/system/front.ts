import { createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';

/** One address for several replicas, as a load balancer gives them. */
export interface Front {
  url: string;
  close(): Promise<void>;
}

/** Passes each request on to the next of those that are there now. One that dies over it is answered with 502. */
export async function startFront(targets: () => readonly { url: string }[]): Promise<Front> {
  let turn = 0;
  const server = createServer((from, to) => {
    const there = targets();
    turn += 1;
    const target = there[turn % Math.max(1, there.length)];
    const fail = (): void => {
      if (!to.headersSent) to.writeHead(502);
      to.end();
    };
    if (target === undefined) return fail();
    const onward = request(
      new URL(from.url ?? '/', target.url),
      { method: from.method, headers: from.headers, agent: false },
      (answer) => {
        to.writeHead(answer.statusCode ?? 502, answer.headers);
        answer.on('error', fail).pipe(to);
      },
    );
    onward.on('error', fail);
    to.on('close', () => onward.destroy());
    from.pipe(onward);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
