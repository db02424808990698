import { sandboxToken, createWorld } from '@studybridge/sandbox';
import { ismileCohort, studyById } from '@studybridge/studies';
import { countCalls } from './counting-proxy';
import { layBenchGround } from './bench-ground';
import { fillProject } from './fill-project';
import { rounded, type Bench } from './bench';
import { runJob } from './job-run';
import { peakMemoryMb } from './peak-memory';

const families = 10_000;

/** What a poll asks of REDCap when one record in a hundred changed, against exporting everything that the studies declare. */
export const steadyPollBench: Bench = {
  name: 'steady-poll',
  async run(place) {
    const count = Math.max(200, Math.round(families * place.scale));
    const token = sandboxToken('ismile');
    const world = createWorld({ cohort: ismileCohort({ pairs: 120 }), cohortToken: token });
    const { url } = await world.listen(0);
    const proxy = await countCalls(url);
    const ground = await layBenchGround(place);
    try {
      await fillProject(`${url}/redcap/api/`, token, count, true);
      world.advanceTo(new Date(world.now.getTime() + 30 * 60_000));
      const gateway = await ground.start('redcap-gateway', {
        REDCAP_URL: `${proxy.url}/redcap/api/`,
        REDCAP_TOKEN_ISMILE: token,
        REDCAP_CALLS_PER_MINUTE: '0',
        STUDY_CLOCK_URL: `${url}/__sandbox/clock`,
      });
      await runJob(gateway.url, ground.opsToken, 'redcap-poll');
      // What the first poll still saw of the filling lies behind the overlap then.
      world.advanceTo(new Date(world.now.getTime() + 30 * 60_000));
      await runJob(gateway.url, ground.opsToken, 'redcap-poll');
      world.advanceTo(new Date(world.now.getTime() + 15 * 60_000));
      const changed = Math.round(count / 100);
      for (let n = 1; n <= changed; n += 1) {
        const values = { part_last_name: `Changed ${n}` };
        world.act({ do: 'save', record: String(100_000 + n * 7), event: 'baseline_arm_1', values, user: 'ra_one' });
      }
      proxy.take();
      await runJob(gateway.url, ground.opsToken, 'redcap-poll');
      const poll = proxy.take();
      const { recordIdField, declaredFields } = studyById('ismile').projects.main;
      const body = new URLSearchParams({ token, content: 'record', format: 'csv', type: 'flat' });
      body.set('fields', [recordIdField, ...declaredFields].join(','));
      await (await fetch(`${proxy.url}/redcap/api/`, { method: 'POST', body })).arrayBuffer();
      const whole = proxy.take();
      world.advanceTo(new Date(world.now.getTime() + 30 * 60_000));
      await runJob(gateway.url, ground.opsToken, 'redcap-poll');
      proxy.take();
      world.advanceTo(new Date(world.now.getTime() + 15 * 60_000));
      await runJob(gateway.url, ground.opsToken, 'redcap-poll');
      const quiet = proxy.take();
      return [
        {
          bench: 'steady-poll',
          what: 'bytes of a poll that finds 1 % changed, as a part of a full export (less is better)',
          ratio: rounded(poll.bytesDown / whole.bytesDown),
          aim: 0.03,
          figures: {
            records: count,
            changed,
            calls: poll.calls,
            bytes: poll.bytesDown,
            fullExportBytes: whole.bytesDown,
            quietCalls: quiet.calls,
            quietBytes: quiet.bytesDown,
            peakMemoryMb: peakMemoryMb(gateway.pid) ?? 0,
          },
        },
      ];
    } finally {
      await ground.stop();
      await proxy.close();
      await world.close();
    }
  },
};
