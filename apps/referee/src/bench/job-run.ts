import { setTimeout as sleep } from 'node:timers/promises';
import { command } from '../system/ask-service';

interface Run {
  id: string;
  state: string;
  durationMs: number | null;
  outcome: string | null;
  counts: Record<string, number>;
}

/** Runs a job now and waits for its end; real milliseconds and counts as the service recorded them. Throws when it failed. */
export async function runJob(
  url: string,
  opsToken: string,
  name: string,
): Promise<{ durationMs: number; counts: Record<string, number> }> {
  const asked = await command<{ runs: { id: string }[] }>(url, opsToken, 'jobs.run', { name });
  const id = asked.runs[0]?.id;
  for (;;) {
    const runs = await command<Run[]>(url, opsToken, 'jobs.runs', { name, limit: 20 });
    const run = runs.find((one) => one.id === id);
    if (run !== undefined && run.state === 'done') return { durationMs: run.durationMs ?? 0, counts: run.counts };
    if (run !== undefined && run.state !== 'queued' && run.state !== 'running') {
      throw new Error(`${name} is ${run.state}: ${run.outcome ?? ''}`);
    }
    await sleep(50);
  }
}
