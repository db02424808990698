import { z } from 'zod';
import type { OpsRegistry } from '../ops/ops-registry';
import type { JobEngine } from './job-engine';

const name = z.string().min(1);
const dryRun = z.boolean().default(false);
const wait = z.boolean().default(false);
const instant = z.iso.datetime({ offset: true }).transform((text) => new Date(text));

/** The operator's commands for jobs. A name stands for the job in every binding, `name@binding` for one of them. */
export function addJobCommands(ops: OpsRegistry, engine: JobEngine): void {
  const each = async (which: string, start: (id: string) => Promise<string>, waits: boolean): Promise<object> => {
    const ids = await Promise.all(engine.some(which).map((job) => start(`${job.name}@${job.binding}`)));
    return { runs: waits ? await Promise.all(ids.map((id) => engine.runOf(id))) : ids.map((id) => ({ id })) };
  };

  ops.add('jobs.list', z.object({}), () => engine.list(), 'Lists the jobs with their next and last runs.');
  ops.add(
    'jobs.run',
    z.object({ name, dryRun, wait }),
    async ({ name, dryRun, wait }) => {
      const start = (id: string): Promise<string> => engine.run(id, { dryRun, wait });
      if (name !== 'all') return each(name, start, wait);
      const jobs = (await engine.list()).filter((job) => job.on && !job.paused);
      const parts = jobs.map((job) => each(`${job.name}@${job.binding}`, start, wait));
      return { runs: (await Promise.all(parts)).flatMap((part) => (part as { runs: object[] }).runs) };
    },
    'Runs a job now, or all that are on and not paused (name "all").',
  );
  ops.add(
    'jobs.once',
    z.object({ name, at: instant, dryRun }),
    ({ name, at, dryRun }) => each(name, (id) => engine.once(id, at, { dryRun }), false),
    'Runs a job once at an instant of study time.',
  );
  ops.add(
    'jobs.backfill',
    z.object({ name, from: instant, to: instant, dryRun, wait }),
    ({ name, from, to, dryRun, wait }) => each(name, (id) => engine.backfill(id, from, to, { dryRun, wait }), wait),
    'Runs a job over a past span of study time.',
  );
  ops.add(
    'jobs.pause',
    z.object({ name }),
    async ({ name }) => {
      await engine.pause(name);
      return { paused: engine.some(name).map((job) => `${job.name}@${job.binding}`) };
    },
    'Lets the scheduled instants of a job pass unused until it is resumed.',
  );
  ops.add(
    'jobs.resume',
    z.object({ name }),
    async ({ name }) => {
      await engine.resume(name);
      return { resumed: engine.some(name).map((job) => `${job.name}@${job.binding}`) };
    },
    'Takes up a paused job at its next instant.',
  );
  ops.add(
    'jobs.runs',
    z.object({ name: name.optional(), limit: z.number().int().min(1).max(500).default(20) }),
    ({ name, limit }) => engine.runs(name, limit),
    'Shows the latest runs, of one job or of all.',
  );
}
