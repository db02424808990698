import { Outside } from './faults/outside';
import { Striker, type Struck } from './faults/striker';
import type { Plan } from './faults/strike';
import { command } from './system/ask-service';
import type { System } from './system/start-system';
import { Watch } from './time/settle';

/** How a play under fire went. */
export interface Played {
  struck: readonly Struck[];
  outside: Record<string, number>;
  /** Real milliseconds by part of the run. */
  ms: Record<string, number>;
}

/**
 * Lets time run from stop to stop while the plan's faults strike, and waits at each until the system is at rest. Afterwards
 * the outside behaves, everybody is up again, and every job runs once more.
 */
export async function playUnderFire(
  system: System,
  plan: Plan,
  stops: readonly Date[],
  tell: (line: string) => void,
): Promise<Played> {
  const { world } = system;
  const watch = new Watch(system);
  const striker = new Striker(system, watch, tell);
  const outside = new Outside(world, plan.lasting);
  const ms: Record<string, number> = {};
  let met: Record<string, number> = {};
  const timed = async (part: string, work: () => Promise<void>): Promise<void> => {
    const began = Date.now();
    await work();
    ms[part] = (ms[part] ?? 0) + Date.now() - began;
  };
  const settle = () =>
    watch.settle(() => {
      striker.onRound();
      return false;
    });

  await timed('start', settle);
  const pointsUntil = stops.length - 2;
  for (const [index, stop] of stops.entries()) {
    const strikes = plan.strikes.filter((one) => one.stop === index).map((one) => one.strike);
    await timed(strikes.length > 0 || striker.busy ? 'stops under fire' : 'calm stops', async () => {
      outside.add(plan.outside.filter((one) => one.stop === index).map((one) => one.fault));
      world.advanceTo(stop);
      if (index === pointsUntil) striker.giveUpPoints();
      striker.arrive(index, strikes);
      await settle();
    });
    if (index % 20 === 19)
      tell(
        `${world.now.toISOString()} stop ${index + 1} of ${stops.length}, ${striker.done.length} strikes, ${watch.rounds} rounds`,
      );
  }
  await timed('last strikes', async () => {
    // Work for those strikes that found none: each needs something that moves.
    for (let round = 0; striker.left > 0 && round < 100; round += 1) {
      striker.giveUpPoints();
      await runEveryJob(system, settle);
    }
    met = outside.met();
    outside.clear();
    await striker.end();
    await settle();
    await everybodyUp(system);
  });
  await timed('end', () => runEveryJob(system, settle));
  return { struck: striker.done, outside: met, ms };
}

/** Every job of every service, once, now; to its end and that of all it began. */
export async function runEveryJob(system: System, settle: () => Promise<void>): Promise<void> {
  for (const service of system.services) {
    const replica = system.of(service).find((one) => one.state === 'up');
    if (replica !== undefined) {
      // A replica may be killed while it is asked: the next round asks another one.
      await command(replica.url, system.opsToken, 'jobs.run', { name: 'all' }).catch(() => undefined);
    }
    await settle();
  }
}

/** Waits until every replica answers that it is ready. Throws with what hinders one for longer than a minute. */
export async function everybodyUp(system: System): Promise<void> {
  for (const replica of system.replicas) {
    const deadline = Date.now() + 60_000;
    for (;;) {
      const hindrance = await fetch(`${replica.url}/health/ready`).then(
        async (answer) => (answer.ok ? null : answer.text()),
        (error: unknown) => String(error),
      );
      if (hindrance === null) break;
      if (Date.now() > deadline)
        throw new Error(`${replica.name} is not ready: ${hindrance} (its log is ${replica.logFile})`);
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
}
