import 'reflect-metadata';
import { createInProcessCarrier } from '@studybridge/event-bus';
import { createLogger, createSealer, startService, WorldClock } from '@studybridge/service-kit';
import type { EffectPoint } from '@studybridge/effects';
import { messaging } from '../src/module';
import type { MessagingPoint } from '../src/room';
import { Others } from './others';
import { testDefinition } from './test-study';

/** What the parent tells the child. */
export interface ChildOrders {
  env: Record<string, string>;
  /** Participants with their numbers, each of whom is asked for one text named after it. */
  people: { id: string; mobile: string }[];
  die: { at: EffectPoint | MessagingPoint; passage: number } | null;
}

/** One messaging service that sends to the parent's Twilio over HTTP, and dies where it was told to, or ends when it is idle. */
async function main(): Promise<void> {
  const orders = JSON.parse(process.argv[2] ?? '') as ChildOrders;
  let passages = 0;
  const at = (point: EffectPoint | MessagingPoint): void => {
    if (point !== orders.die?.at) return;
    passages += 1;
    if (passages === orders.die.passage) process.kill(process.pid, 'SIGKILL');
  };
  const carrier = createInProcessCarrier({ expects: {} });
  const clock = new WorldClock(orders.env['STUDY_CLOCK_URL'] ?? '');
  await clock.refresh();
  const others = new Others(carrier, createSealer(orders.env['STUDY_KEYS'] ?? ''), () => clock.now());
  await others.listen();
  const service = await startService(messaging, {
    env: orders.env,
    extras: {
      carrier,
      effects: { baseDelayMs: 20, maxDelayMs: 200, concurrency: 4, faults: { at } },
      at,
      definitionOf: () => testDefinition,
    },
    clock,
    logger: createLogger({ service: 'messaging', level: 'silent' }),
  });
  for (const { id, mobile } of orders.people) {
    await others.newPerson({ mobile }, { id });
    await others.ask(id, { requestId: `ismile.test|${id}|1`, data: { name: mobile.slice(-4) } });
  }
  for (let still = 0; still < 2;) {
    const { idle } = (await (await fetch(`${service.url}/idle`)).json()) as { idle: boolean };
    still = idle ? still + 1 : 0;
    await new Promise((resolve) => setTimeout(resolve, 30));
  }
  await service.stop();
}

void main().catch((error: unknown) => {
  process.stderr.write(String((error as Error).stack));
  process.exitCode = 1;
});
