import { seeded, type Random } from '../random';
import { points, type OutsideFault, type Plan, type Strike } from './strike';

/** A kill in the very first or last stops would find nothing to disturb. */
const firstStop = 2;
const lastStopsFree = 3;
/** Several strikes fall on one stop, so that what one leaves behind meets the next. */
const strikesPerStop = 3;
const frozenPart = 0.3;
const atPointPart = 0.65;

/**
 * A plan of faults from a seed: `kills` times SIGKILL or SIGSTOP, every named point of every service at least once when there
 * are enough, the rest at random moments; broker and database killed too, the broker's volume lost once; outside, what
 * partners do on a bad day.
 */
export function planFaults(o: { seed: number; kills: number; stops: number; services: readonly string[] }): Plan {
  const random = seeded(o.seed * 7_919 + 1);
  const strikes: Strike[] = [...random.shuffle(processStrikes(random, o.kills, o.services))];
  const troubled = Math.max(1, Math.ceil(strikes.length / strikesPerStop));
  const last = Math.max(firstStop, o.stops - 1 - lastStopsFree);
  const stopsOfTrouble = random
    .shuffle(Array.from({ length: last - firstStop + 1 }, (_, index) => firstStop + index))
    .slice(0, troubled)
    .sort((a, b) => a - b);
  const placed = strikes.map((strike, index) => ({
    stop: stopsOfTrouble[index % stopsOfTrouble.length] as number,
    strike,
  }));
  for (const what of groundStrikes(o.kills)) {
    placed.push({ stop: random.between(firstStop, last), strike: { what, after: random.between(0, 4) } });
  }
  return {
    strikes: placed.sort((a, b) => a.stop - b.stop),
    outside: outsideFaults(random, o.stops),
    lasting: [
      { target: 'redcap', fault: { kind: 'clock-skew', ms: random.pick([120_000, -120_000]), times: 0 } },
      { target: 'agile', fault: { kind: 'forgetful', match: { method: 'POST' }, times: 0 } },
    ],
  };
}

function processStrikes(random: Random, kills: number, services: readonly string[]): Strike[] {
  const named = random.shuffle(
    services.flatMap((service) => (points[service] ?? []).map((point) => ({ service, point: point as string | null }))),
  );
  return Array.from({ length: kills }, (_, index) => {
    const what = random.next() < frozenPart ? 'freeze' : 'kill';
    const fresh = named[index];
    if (fresh !== undefined && index < Math.ceil(kills * atPointPart)) return { what, ...fresh, after: 0 };
    const again = random.next() < atPointPart / 2 && named.length > 0;
    if (again) return { what, ...random.pick(named), after: 0 };
    return { what, service: random.pick(services), point: null, after: random.between(0, 5) };
  });
}

/** The broker and the database die about once in fifteen kills; the volume is lost once. */
function groundStrikes(kills: number): ('kill-broker' | 'lose-volume' | 'kill-database')[] {
  const each = Math.max(1, Math.round(kills / 15));
  return [
    'lose-volume',
    ...Array.from({ length: each }, () => 'kill-broker' as const),
    ...Array.from({ length: each }, () => 'kill-database' as const),
  ];
}

const exportsOfRedcap = { content: 'record', action: 'export' } as const;
const importsOfRedcap = { content: 'record', action: 'import' } as const;
const statusPoll = { method: 'GET', path: 'changedSince' };

/** What partners do on a bad day, each to one call. */
export const badDays: readonly OutsideFault[] = [
  { target: 'redcap', fault: { kind: 'missing-rows', rows: 1, match: exportsOfRedcap } },
  { target: 'redcap', fault: { kind: 'missing-rows', rows: 3, match: exportsOfRedcap } },
  { target: 'redcap', fault: { kind: 'missing-rows', rows: 1, match: { content: 'log' } } },
  { target: 'redcap', fault: { kind: 'truncated', match: exportsOfRedcap } },
  { target: 'redcap', fault: { kind: 'empty', match: exportsOfRedcap } },
  { target: 'redcap', fault: { kind: 'content-type', match: exportsOfRedcap } },
  { target: 'redcap', fault: { kind: 'timeout-after-commit', ms: 200, match: importsOfRedcap } },
  { target: 'redcap', fault: { kind: 'empty', match: importsOfRedcap } },
  { target: 'redcap', fault: { kind: 'reset', match: importsOfRedcap } },
  { target: 'redcap', fault: { kind: '503' } },
  { target: 'redcap', fault: { kind: 'slow', ms: 400 } },
  { target: 'agile', fault: { kind: 'timeout-after-commit', ms: 200, match: { method: 'POST' } } },
  { target: 'agile', fault: { kind: 'timeout-after-commit', ms: 200, match: { method: 'PUT' } } },
  { target: 'agile', fault: { kind: 'reset', match: { method: 'POST' } } },
  { target: 'agile', fault: { kind: 'empty', match: { method: 'POST' } } },
  { target: 'agile', fault: { kind: 'truncated', match: { method: 'POST' } } },
  { target: 'agile', fault: { kind: 'content-type', match: { method: 'PUT' } } },
  { target: 'agile', fault: { kind: '503' } },
  { target: 'agile', fault: { kind: '429', ms: 1_000 } },
  { target: 'agile', fault: { kind: 'missing-rows', rows: 1, match: statusPoll } },
  { target: 'agile', fault: { kind: 'truncated', match: statusPoll } },
  { target: 'agile', fault: { kind: 'stale', match: statusPoll } },
];

/** About one fault of the outside at every second stop. */
function outsideFaults(random: Random, stops: number): Plan['outside'] {
  const found: Plan['outside'] = [];
  for (let stop = 1; stop < stops - lastStopsFree; stop += 1) {
    if (random.next() < 0.5) found.push({ stop, fault: random.pick(badDays) });
  }
  return found;
}
