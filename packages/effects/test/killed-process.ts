import { randomUUID } from 'node:crypto';
import type { EffectPoint, Executor } from '../src';
import { type Body, failure, noteSettled, startTestService } from './effects-harness';

/** What the parent tells the child. */
export interface ChildOrders {
  url: string;
  name: string;
  partner: string;
  keys: string[];
  studyKeys: string;
  die: { at: EffectPoint; passage: number } | null;
}

/** One process that enrols at the parent's partner over HTTP, and dies where it was told to, or ends when it is idle. */
async function main(): Promise<void> {
  const orders = JSON.parse(process.argv[2] ?? '') as ChildOrders;
  let passages = 0;
  const at = (point: EffectPoint): void => {
    if (point !== orders.die?.at) return;
    passages += 1;
    if (passages === orders.die.passage) process.kill(process.pid, 'SIGKILL');
  };
  const address = (key: string): string => `${orders.partner}/${encodeURIComponent(key)}`;
  const enrol: Executor<Body> = {
    partner: 'partner',
    proof: 'authoritative',
    lookUp: async (effect) => {
      const answer = await fetch(address(effect.key));
      return answer.status === 404 ? { found: false } : { found: true, outcome: await answer.json() };
    },
    call: async (effect, hand) => {
      hand.assertMayCall();
      const answer = await fetch(address(effect.key), { method: 'POST', signal: hand.signal });
      if (answer.status === 409) throw failure('participant', 'DOUBLE');
      return answer.json();
    },
    settle: noteSettled,
  };
  const service = await startTestService({
    url: orders.url,
    name: orders.name,
    studyKeys: orders.studyKeys,
    executors: { enrol },
    options: { faults: { at }, concurrency: 2 },
  });
  for (const key of orders.keys) await service.plan({ key, correlationId: randomUUID() });
  while (!(await service.idle()).idle) await new Promise((resolve) => setTimeout(resolve, 20));
  await service.stop();
}

void main().catch((error: unknown) => {
  process.stderr.write(String((error as Error).stack));
  process.exitCode = 1;
});
