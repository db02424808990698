import { ismileCohort, type Cohort } from '@studybridge/studies';
import { planFaults } from '../faults/plan';
import type { Plan } from '../faults/strike';
import { playUnderFire, runEveryJob } from '../play';
import { command } from '../system/ask-service';
import type { Ground } from '../system/ground';
import { enrolmentServices, type ServicePlan, startSystem, type System } from '../system/start-system';
import { Watch } from '../time/settle';
import { stopsOf } from '../time/stops';
import { checkBus } from '../verdict/check-bus';
import { checkWire } from '../verdict/check-wire';
import { countStrikes } from '../verdict/count-strikes';
import { compareWithOracle } from '../verdict/compare-with-oracle';
import { tellPath } from '../verdict/tell-path';
import { countDifferences, type Difference, type Verdict } from '../verdict/verdict';
import { exportRows, worldState, type WorldState } from '../verdict/world-state';
import type { Scenario, ScenarioOptions } from './scenario';

/** So many differences are shown with their whole path. */
const pathsShown = 8;

/** What a run of this scenario may be given instead of what the command line says. */
interface EnrolmentRun extends Omit<ScenarioOptions, 'pairs' | 'messages' | 'perSecond' | 'kills'> {
  /** The name in the verdict. */
  scenario: string;
  cohort: Cohort;
  plan: (stops: readonly Date[]) => Plan;
  /** A ground that several runs share; each has its own databases on it. */
  ground?: Ground;
  /** Other numbers of replicas. */
  services?: ServicePlan[];
  /** Where time stops, for a study of a few families: not on every day, but also here. */
  stopsAlso?: readonly Date[];
}

/** REDCap to the texting partner and back: two replicas each of redcap-gateway and agile-health. */
export const enrolment: Scenario = {
  name: 'enrolment',
  about: 'families from REDCap to the texting partner and their statuses back, under kills, freezes and lies',
  run: ({ pairs, kills, seed, off, tell }) =>
    runEnrolment({
      scenario: 'enrolment',
      cohort: ismileCohort({ pairs, seed }),
      plan: (stops) =>
        planFaults({ seed, kills, stops: stops.length, services: enrolmentServices.map((one) => one.name) }),
      seed,
      off,
      tell,
    }),
};

/** The verdict with what differs, and where the time went (milliseconds by part). */
export type EnrolmentVerdict = Verdict & { differences: Difference[]; ms: Record<string, number> };

/** Plays a cohort under a plan of faults and compares how it ended with the oracle. */
export async function runEnrolment(o: EnrolmentRun): Promise<EnrolmentVerdict> {
  const began = Date.now();
  const stops = stopsOf(o.cohort, { daily: o.stopsAlso === undefined, also: o.stopsAlso });
  const plan = o.plan(stops);
  const system = await startSystem({
    cohort: o.cohort,
    services: o.services ?? enrolmentServices,
    off: o.off,
    ground: o.ground,
  });
  o.tell(`logs and data of this run: ${system.folder}`);
  o.tell(
    `${o.cohort.id}: ${stops.length} stops, ${plan.strikes.length} strikes, ${plan.outside.length} faults outside`,
  );
  let keepFolder = true;
  try {
    const start = await exportRows(system);
    const { struck, outside, ms } = await playUnderFire(system, plan, stops, o.tell);
    const checksBegan = Date.now();
    const end = await worldState(system);
    const bus = await checkBus(system);
    const differences = [
      ...compareWithOracle(o.cohort, start, end),
      ...bus.differences,
      ...(await checkWire(system, struck)),
      ...(await checkRest(system, end)),
    ];
    await showDifferences(system, differences, o.tell);
    ms['checks'] = Date.now() - checksBegan;
    const counts = countDifferences(differences);
    const ok = differences.length === 0;
    keepFolder = !ok;
    return {
      ok,
      scenario: o.scenario,
      seed: o.seed,
      pairs: o.cohort.timeline.length === 0 ? 0 : Number(/^\w+-(\d+)/.exec(o.cohort.id)?.[1] ?? 0),
      ...counts,
      effectsInDoubt: await effectsInDoubt(system),
      ...countStrikes(struck),
      outside,
      members: end.members.length,
      messages: bus.messages,
      ms,
      wallSeconds: Math.round((Date.now() - began) / 1_000),
      differences,
    };
  } finally {
    await system.stop({ keepFolder });
  }
}

async function effectsInDoubt(system: System): Promise<Verdict['effectsInDoubt']> {
  const found: Verdict['effectsInDoubt'] = [];
  for (const service of system.services) {
    const [there] = await system.ground.ask<{ there: boolean }>(
      system.databaseOf(service),
      `SELECT to_regclass('effect') IS NOT NULL AS there`,
    );
    if (there?.there !== true) continue;
    const replica = system.of(service)[0];
    if (replica === undefined) continue;
    const list = await command<{ key: string; kind: string }[]>(replica.url, system.opsToken, 'effects.list', {
      state: 'in-doubt',
    });
    found.push(...list.map(({ key, kind }) => ({ service, key, kind })));
  }
  return found;
}

/** At rest is at rest: when every job runs once more, nothing outside changes. */
async function checkRest(system: System, end: WorldState): Promise<Difference[]> {
  const watch = new Watch(system);
  await runEveryJob(system, () => watch.settle());
  const again = await worldState(system);
  const same = (what: string, one: unknown, other: unknown): Difference[] =>
    JSON.stringify(one) === JSON.stringify(other)
      ? []
      : [{ kind: 'restless', record: null, sentence: `${what} changed when every job ran once more` }];
  return [
    ...same('cells', end.rows, again.rows),
    ...same('members', end.members, again.members),
    ...same('the calls that the partner applied', end.ledger, again.ledger),
  ];
}

async function showDifferences(
  system: System,
  differences: readonly Difference[],
  tell: (line: string) => void,
): Promise<void> {
  const shown = new Set<string>();
  for (const { kind, record, sentence } of differences.slice(0, 60)) {
    tell(`${kind}${record === null ? '' : ` (record ${record})`}: ${sentence}`);
    if (record === null || shown.has(record) || shown.size >= pathsShown) continue;
    shown.add(record);
    for (const line of await tellPath(system, record)) tell(`    ${line}`);
  }
  if (differences.length > 60) tell(`… and ${differences.length - 60} more`);
}
