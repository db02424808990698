import { planFaults } from '../faults/plan';
import type { Plan, Strike } from '../faults/strike';
import type { Ground } from '../system/ground';
import { enrolmentServices } from '../system/start-system';
import type { Counts } from '../verdict/verdict';
import { biteCohort, quietInstant } from './bite-cohort';
import { runEnrolment, type EnrolmentVerdict } from './enrolment';
import type { Scenario } from './scenario';

/** A guard, with faults that do harm where it is missing and none where it is there. */
export interface Bite {
  /** Its name in service-kit's `Proof`. */
  guard: string;
  /** The count in the verdict that its absence raises. */
  reason: keyof Counts;
  replicas: [gateway: number, agile: number];
  /**
   * `last` is the number of the stop that sees the third correction, the end of the study. At the one before it nothing
   * happens; the two before that see the first and the second correction.
   */
  strikes: (last: number) => { stop: number; strike: Strike }[];
  lasting?: Plan['lasting'];
}

const at = (
  service: 'redcap-gateway' | 'agile-health',
  what: 'kill' | 'freeze' | 'hold',
  point: string,
  thawAt?: number,
): Strike => ({ what, service, point, after: 0, ...(thawAt === undefined ? {} : { thawAt }) });

/** Every guard that can be taken away. */
export const bites: readonly Bite[] = [
  {
    // A relay that was frozen with the first correction in hand publishes it after the second one was worked.
    guard: 'inbox-drop',
    reason: 'updatesTwice',
    replicas: [2, 1],
    strikes: (last) => [{ stop: last - 3, strike: at('redcap-gateway', 'freeze', 'outbox.read', last - 1) }],
  },
  {
    // The snapshot says that the last correction is known, and nobody was told of it.
    guard: 'outbox-transaction',
    reason: 'changesLost',
    replicas: [1, 1],
    strikes: (last) => [{ stop: last, strike: at('redcap-gateway', 'kill', 'poll:stored') }],
  },
  {
    // A relay takes its time between publishing and noting it: two replicas are enough.
    guard: 'relay-lock',
    reason: 'publishedTwice',
    replicas: [2, 1],
    strikes: (last) => [1, last].map((stop) => ({ stop, strike: at('redcap-gateway', 'hold', 'relay.published') })),
  },
  {
    // The outcome of a correction of before the freeze is noted over what its successor has done since. It stands where the
    // call is over: before that the time for the call, which a long freeze uses up, would take the outcome away.
    guard: 'epoch-check',
    reason: 'updatesTwice',
    replicas: [1, 2],
    strikes: (last) => [{ stop: last - 3, strike: at('agile-health', 'freeze', 'agile.update called', last - 1) }],
  },
  {
    // The partner has the family already, and forgets that it has.
    guard: 'look-up',
    reason: 'membersDoubled',
    replicas: [1, 1],
    strikes: () => [{ stop: 1, strike: at('agile-health', 'kill', 'enrol.posted') }],
    lasting: [{ target: 'agile', fault: { kind: 'forgetful', match: { method: 'POST' }, times: 0 } }],
  },
];

/** Plays the faults of some guards over a handful of families, with these guards or without. */
export function runBites(o: {
  bites: readonly Bite[];
  off: string[];
  tell: (line: string) => void;
  ground?: Ground;
  /** So many kills and freezes from a plan besides, with all that goes along: broker, database, a bad day outside. */
  kills?: number;
}): Promise<EnrolmentVerdict> {
  const most = (of: 0 | 1): number => Math.max(...o.bites.map((bite) => bite.replicas[of]));
  return runEnrolment({
    scenario: 'bite',
    cohort: biteCohort(),
    stopsAlso: [quietInstant],
    ground: o.ground,
    services: enrolmentServices.map((service, index) => ({ ...service, replicas: most(index === 0 ? 0 : 1) })),
    plan: (stops) => {
      const services = enrolmentServices.map((service) => service.name);
      const more = o.kills ? planFaults({ seed: 1, kills: o.kills, stops: stops.length, services }) : null;
      return {
        strikes: [...o.bites.flatMap((one) => one.strikes(stops.length - 1)), ...(more?.strikes ?? [])],
        outside: more?.outside ?? [],
        lasting: [...(more?.lasting ?? []), ...o.bites.flatMap((one) => one.lasting ?? [])],
      };
    },
    seed: 0,
    off: o.off,
    tell: o.tell,
  });
}

/** `--scenario bite --off <guard>` shows that the guard is needed; without `--off`, that the same faults do no harm. */
export const bite: Scenario = {
  name: 'bite',
  about: 'a few families and exactly the faults that do harm where a guard is missing; with --off NAME it must fail',
  run({ off, tell }) {
    const some = off.length === 0 ? bites : bites.filter(({ guard }) => off.includes(guard));
    if (some.length === 0) throw new Error(`The guards are ${bites.map(({ guard }) => guard).join(', ')}.`);
    return runBites({ bites: some, off, tell });
  },
};
