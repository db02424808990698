import { createWorld, playWorld, sandboxToken } from '@studybridge/sandbox';
import { ismileCohort } from '@studybridge/studies';
import { command } from '../system/ask-service';
import { type Bench, rounded } from './bench';
import { layBenchGround } from './bench-ground';

interface Run {
  state: string;
  startedAt: string | null;
}

interface Member {
  memberId: string;
  createdAt: string;
}

/** How many polls pass from the save that completes a family in REDCap until the partner has the member. */
export const propagationBench: Bench = {
  name: 'propagation',
  async run(place) {
    const cohort = ismileCohort({ pairs: place.scale < 1 ? 20 : 60 });
    const world = createWorld({ cohort, cohortToken: sandboxToken('ismile') });
    const { url } = await world.listen(0);
    const ground = await layBenchGround(place);
    try {
      const clock = { STUDY_CLOCK_URL: `${url}/__sandbox/clock` };
      const gateway = await ground.start('redcap-gateway', {
        REDCAP_URL: `${url}/redcap/api/`,
        REDCAP_TOKEN_ISMILE: sandboxToken('ismile'),
        REDCAP_CALLS_PER_MINUTE: '0',
        ...clock,
      });
      const agile = await ground.start('agile-health', {
        AGILE_HEALTH_URL: `${url}/agile`,
        AGILE_HEALTH_KEY: sandboxToken('agile-health'),
        ...clock,
      });
      const services = [
        { name: 'redcap-gateway', url: gateway.url },
        { name: 'agile-health', url: agile.url },
      ];
      let toldAt = Date.now();
      const played = await playWorld({
        world,
        services,
        opsToken: ground.opsToken,
        until: enrolledBy(cohort.timeline),
        onProgress: ({ now, part, members }) => {
          if (Date.now() - toldAt < 10_000) return;
          toldAt = Date.now();
          place.log(`${now}, ${Math.round(part * 100)} % played, ${members} members`);
        },
      });
      place.log(`played ${cohort.id} in ${Math.round(played.durationMs / 1_000)} s`);
      const runs = await command<Run[]>(gateway.url, ground.opsToken, 'jobs.runs', { name: 'redcap-poll', limit: 500 });
      if (runs.length === 500) throw new Error('More polls ran than can be listed: the earliest would be missing.');
      const polls = runs.flatMap((run) =>
        run.state === 'done' && run.startedAt !== null ? [Date.parse(run.startedAt)] : [],
      );
      const members = (world.snapshot() as { agile: { members: Member[] } }).agile.members;
      const records = await recordsOfMembers(`${url}/redcap/api/`);
      const waits = members.flatMap(({ memberId, createdAt }) => {
        const created = Date.parse(createdAt);
        const saves = cohort.timeline.filter(
          (action) =>
            action.do === 'save' && action.record === records.get(memberId) && Date.parse(action.at) <= created,
        );
        const saved = saves.at(-1);
        if (!saved) return [];
        return [polls.filter((poll) => poll > Date.parse(saved.at) && poll <= created).length];
      });
      waits.sort((one, other) => one - other);
      const at = (part: number): number => waits[Math.min(waits.length - 1, Math.floor(waits.length * part))] ?? 0;
      return [
        {
          bench: 'propagation',
          what: 'polls from the save in REDCap to the member at the partner, median (less is better)',
          ratio: rounded(at(0.5)),
          aim: 1,
          figures: { families: waits.length, p50Polls: at(0.5), p99Polls: at(0.99), pollsRun: polls.length },
        },
      ];
    } finally {
      await ground.stop();
      await world.close();
    }
  },
};

/** Half an hour after the last family was randomised: two polls. What comes after it enrols nobody. */
function enrolledBy(timeline: ReturnType<typeof ismileCohort>['timeline']): Date {
  const last = timeline.filter((action) => action.do === 'save' && 'rand_arm' in action.values).at(-1);
  if (last === undefined) throw new Error('Nobody of the cohort is randomised.');
  return new Date(Date.parse(last.at) + 30 * 60_000);
}

async function recordsOfMembers(api: string): Promise<Map<string, string>> {
  const body = new URLSearchParams({
    token: sandboxToken('ismile'),
    content: 'record',
    format: 'json',
    type: 'flat',
    fields: 'record_id,ag_member_id',
  });
  const rows = (await (await fetch(api, { method: 'POST', body })).json()) as {
    record_id: string;
    ag_member_id: string;
  }[];
  return new Map(rows.filter((row) => row.ag_member_id !== '').map((row) => [row.ag_member_id, row.record_id]));
}
