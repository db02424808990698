import { type BusPoint, createInProcessCarrier } from '../src';
import { askIdle, type CountedEvent, countedEvent, meta, noteHandled, startTestService } from './bus-harness';

/** What the parent tells the child; topics and names are its own. */
export interface ChildOrders {
  event: string;
  names: { speaker: string; listener: string };
  urls: { speaker: string; listener: string };
  keys: string[];
  /** Says messages of every key until there are this many. */
  until: number;
  /** Dies there, at the nth passage; `mid-transaction` is before the producer's commit. */
  die: { at: BusPoint | 'mid-transaction'; passage: number } | null;
}

/** One process with a speaker and a listener that dies where it was told to, or ends well when everything is idle. */
async function main(): Promise<void> {
  const orders = JSON.parse(process.argv[2] ?? '') as ChildOrders;
  const event: CountedEvent = { ...countedEvent(), type: orders.event, topic: orders.event };
  let passages = 0;
  const at = (point: BusPoint | 'mid-transaction'): void => {
    if (point !== orders.die?.at) return;
    passages += 1;
    if (passages === orders.die.passage) process.kill(process.pid, 'SIGKILL');
  };
  const carrier = createInProcessCarrier({ expects: { [event.topic]: [orders.names.listener] } });
  const listener = await startTestService({
    name: orders.names.listener,
    url: orders.urls.listener,
    carrier,
    build: (bus) => noteHandled(bus, event),
    faults: { at },
  });
  const speaker = await startTestService({
    name: orders.names.speaker,
    url: orders.urls.speaker,
    carrier,
    faults: { at },
  });
  for (const key of orders.keys) {
    for (;;) {
      const said = await speaker.context.dataSource.transaction(async (em) => {
        const [row] = await em.query<{ n: number }[]>('SELECT count(*)::int AS n FROM said WHERE key = $1', [key]);
        const n = (row?.n ?? 0) + 1;
        if (n > orders.until) return false;
        await em.query('INSERT INTO said (key, n) VALUES ($1, $2)', [key, n]);
        await speaker.bus.publish(em, event, { participantId: key, n }, meta());
        at('mid-transaction');
        return true;
      });
      if (!said) break;
    }
  }
  while (!(await askIdle(speaker)).idle || !(await askIdle(listener)).idle) await new Promise(setImmediate);
  await speaker.stop();
  await listener.stop();
}

void main().catch((error: unknown) => {
  process.stderr.write(String((error as Error).stack));
  process.exitCode = 1;
});
