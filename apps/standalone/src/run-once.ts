import { playWorld } from '@studybridge/sandbox';
import { StudybridgeError } from '@studybridge/contracts';
import { isPlayed } from './own-world';
import type { Progress } from './progress';
import { ServiceClient, type JobView } from './services-client';
import { summarise, type Summary } from './summary';
import type { System } from './system';

/** Real time without any progress after which a run gives up. */
const PATIENCE_MS = 120_000;

/** Plays the sandbox's timeline to its end; in a world of one's own runs every job once, now. Throws when the system does not come to rest. */
export async function runToRest(system: System, progress: Progress, signal: AbortSignal): Promise<void> {
  if (system.world && isPlayed(system.own)) {
    await playWorld({
      world: system.world,
      services: system.services.map(({ name, url }) => ({ name, url })),
      opsToken: system.opsToken,
      timeoutMs: PATIENCE_MS,
      signal,
      onProgress: (at) => progress.update(`study time ${at.now.slice(0, 16).replace('T', ' ')}`),
    });
    progress.step('the timeline is at its end and every job has run once more');
    return;
  }
  const clients = clientsOf(system);
  // In this order a change goes all the way in one run: seen in REDCap, sent, and the partner's answer fetched.
  for (const client of clients) {
    for (const job of await client.command<JobView[]>('jobs.list')) {
      if (!job.on || job.paused || signal.aborted) continue;
      progress.update(`${client.service.name}: ${job.name}`);
      await client.command('jobs.run', { name: `${job.name}@${job.binding}`, wait: true });
      await waitForRest(clients);
    }
  }
  progress.step('every job has run once');
}

/** What the services say of themselves, added up; never throws on a service that is unwell, but says so. */
export async function summaryOf(system: System, startedAt: number, problems: string[] = []): Promise<Summary> {
  const clients = clientsOf(system);
  const statuses = await Promise.all(clients.map((client) => client.status()));
  const jobs = (await Promise.all(clients.map((client) => client.command<JobView[]>('jobs.list')))).flat();
  const failures = jobs
    .filter((job) => job.lastState === 'failed')
    .map((job) => `The job ${job.name} failed: ${job.lastOutcome ?? 'see its run record'}`);
  await system.clock.refresh();
  return summarise(
    {
      bus: system.bus,
      durationMs: Math.round(performance.now() - startedAt),
      studyTime: system.clock.now().toISOString(),
      problems: [...problems, ...failures],
    },
    statuses,
    jobs,
  );
}

const clientsOf = (system: System): ServiceClient[] =>
  system.services.map((service) => new ServiceClient(service, system.opsToken));

/** Waits until every service says twice in a row that nothing is left to do (law 12). Gives up when the same work stays for too long. */
async function waitForRest(clients: ServiceClient[]): Promise<void> {
  let rested = '';
  let before = '';
  let since = Date.now();
  for (;;) {
    const answers = await Promise.all(clients.map((client) => client.idle()));
    const now = JSON.stringify(answers.map(({ work, topics }) => [work, topics]));
    const atRest = answers.every((answer) => answer.idle) && everythingHeard(answers.map(({ topics }) => topics));
    if (atRest && now === rested) return;
    rested = atRest ? now : '';
    if (now !== before) since = Date.now();
    before = now;
    if (Date.now() - since > PATIENCE_MS) {
      const why = answers.flatMap((answer) => answer.problems);
      throw new StudybridgeError(`The system does not come to rest: ${why.join('; ') || now}`, {
        code: 'NOT_IDLE',
        errorClass: 'dependency',
        remedy: 'Look at the named dependency, then run the command again; nothing was lost.',
      });
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** Whether each listener of a topic has heard all that was said on it. */
function everythingHeard(topics: { said: Record<string, number>; heard: Record<string, number> }[]): boolean {
  const said = (topic: string): number => topics.reduce((sum, each) => sum + (each.said[topic] ?? 0), 0);
  return topics.every(({ heard }) => Object.entries(heard).every(([topic, count]) => count === said(topic)));
}
