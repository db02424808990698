import { readdirSync, readFileSync } from 'node:fs';
import { ismileCohort } from '@studybridge/studies';
import { Outside } from '../faults/outside';
import { badDays } from '../faults/plan';
import { seeded } from '../random';
import { enrolmentServices, startSystem, type System } from '../system/start-system';
import { Watch } from '../time/settle';
import type { Scenario } from './scenario';

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;
/** A weekday on which families come in, from midnight to midnight of the clinics. */
const beginsAt = new Date('2018-09-12T04:00:00.000Z');
const hours = 24;
const stepMinutes = 15;
/** What is measured in the first hours is still warming up. */
const warmHours = 6;
/** By so much the last hours may lie above the first ones that count: noise of a garbage collector and of pools. */
const allowed = { megabytes: 1.15, connections: 1.1, files: 1.1 };

interface Sample {
  hour: number;
  who: string;
  megabytes: number;
  connections: number;
  files: number;
}

/**
 * A day and a night of study time, in which something outside goes wrong at a steady rate and staff save without a break: what
 * the processes hold must not grow. Nobody is killed, since a fresh process shows nothing.
 */
export const soak: Scenario = {
  name: 'soak',
  about: `${hours} hours of study time under a steady rate of faults, with memory, connections and file handles watched`,
  async run({ pairs, seed, off, tell }) {
    const random = seeded(seed);
    const began = Date.now();
    const cohort = ismileCohort({ pairs, seed });
    const system = await startSystem({ cohort, services: enrolmentServices, off });
    try {
      const watch = new Watch(system);
      await watch.settle();
      const outside = new Outside(system.world, []);
      system.world.advanceTo(beginsAt);
      await watch.settle();
      const records = savedBefore(cohort.timeline, beginsAt);
      const samples: Sample[] = [];
      let saves = 0;
      for (let minute = stepMinutes; minute <= hours * 60; minute += stepMinutes) {
        outside.add([random.pick(badDays)]);
        // Staff correct what is on the form, around the clock.
        for (let nth = 0; nth < 3 && records.length > 0; nth += 1) {
          const values = { part_last_name: `Example-${saves}` };
          const save = {
            record: random.pick(records),
            event: 'baseline_arm_1',
            instrument: 'participant_info',
            values,
          };
          system.world.act({ do: 'save', ...save, user: 'coordinator' });
          saves += 1;
        }
        system.world.advanceTo(new Date(beginsAt.getTime() + minute * minuteMs));
        await watch.settle();
        if (minute % 60 === 0) {
          samples.push(...(await measure(system, minute / 60)));
          tell(`${system.world.now.toISOString()} ${saves} saves, ${watch.rounds} rounds`);
        }
      }
      const growth = growthOf(samples);
      const ok = growth.every(
        (one) =>
          one.megabytes <= allowed.megabytes && one.connections <= allowed.connections && one.files <= allowed.files,
      );
      return {
        ok,
        scenario: 'soak',
        seed,
        pairs,
        hours,
        saves,
        outside: outside.met(),
        growth,
        last: samples.filter(({ hour }) => hour === hours),
        wallSeconds: Math.round((Date.now() - began) / 1_000),
      };
    } finally {
      await system.stop({ keepFolder: false });
    }
  },
};

function savedBefore(timeline: ReturnType<typeof ismileCohort>['timeline'], instant: Date): string[] {
  const gone = new Set(
    timeline.flatMap((action) =>
      action.do === 'delete-record' || action.do === 'rename-record' ? [action.record] : [],
    ),
  );
  const saved = timeline.flatMap((action) =>
    action.do === 'save' && Date.parse(action.at) < instant.getTime() - hourMs && action.event === 'baseline_arm_1'
      ? [action.record]
      : [],
  );
  return [...new Set(saved)].filter((record) => !gone.has(record));
}

/** What each process holds now. */
async function measure(system: System, hour: number): Promise<Sample[]> {
  const samples: Sample[] = [];
  for (const replica of system.replicas) {
    const { pid } = replica;
    if (pid === undefined) throw new Error(`${replica.name} is gone; its log is ${replica.logFile}`);
    const status = readFileSync(`/proc/${pid}/status`, 'utf8');
    const [row] = await system.ground.ask<{ n: string }>(
      'postgres',
      'SELECT count(*) AS n FROM pg_stat_activity WHERE application_name = $1',
      [`studybridge ${replica.o.service}`],
    );
    samples.push({
      hour,
      who: replica.name,
      megabytes: Math.round(Number(/VmRSS:\s+(\d+)/.exec(status)?.[1] ?? 0) / 1_024),
      connections: Number(row?.n ?? 0),
      files: readdirSync(`/proc/${pid}/fd`).length,
    });
  }
  return samples;
}

/** By how much the median of the last hours lies above that of the first ones after warming up. */
function growthOf(
  samples: readonly Sample[],
): { who: string; megabytes: number; connections: number; files: number }[] {
  const span = Math.floor((hours - warmHours) / 3);
  return [...new Set(samples.map(({ who }) => who))].map((who) => {
    const own = samples.filter((sample) => sample.who === who);
    const ratio = (what: 'megabytes' | 'connections' | 'files'): number => {
      const early = own.filter(({ hour }) => hour > warmHours && hour <= warmHours + span).map((one) => one[what]);
      const late = own.filter(({ hour }) => hour > hours - span).map((one) => one[what]);
      return Math.round((median(late) / Math.max(1, median(early))) * 1_000) / 1_000;
    };
    return { who, megabytes: ratio('megabytes'), connections: ratio('connections'), files: ratio('files') };
  });
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
}
