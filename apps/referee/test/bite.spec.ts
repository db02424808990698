import { kafkaAvailable } from '@studybridge/testing';
import { bites, runBites } from '../src/scenarios/bite';
import { groundForRuns } from './support/ground-for-runs';

/** Without its guard the harm is a race, which a busy machine may let end well: it must show in one of so many runs. */
const runs = 4;

(kafkaAvailable() ? describe : describe.skip)('the guards', () => {
  const { ground, tell, explained } = groundForRuns('bite');

  it('all of them there: no harm is done, whatever dies, freezes, forgets or lies', async () => {
    const verdict = await runBites({ bites, off: [], tell, ground: ground(), kills: 6 });
    explained(() => {
      expect(verdict).toMatchObject({ differences: [], ok: true, effectsInDoubt: [] });
      expect(verdict.killed + verdict.frozen).toBe(10);
      expect(verdict.ground).toEqual({ 'kill-broker': 1, 'kill-database': 1, 'lose-volume': 1 });
    });
  }, 300_000);

  it.each(bites)(
    'without $guard the same faults show as $reason',
    async (bite) => {
      const play = () => runBites({ bites: [bite], off: [bite.guard], tell, ground: ground() });
      let verdict = await play();
      for (let run = 2; run <= runs && verdict[bite.reason] === 0; run += 1) verdict = await play();
      explained(() =>
        expect({ ok: verdict.ok, [bite.reason]: verdict[bite.reason] > 0 }).toEqual({ ok: false, [bite.reason]: true }),
      );
    },
    600_000,
  );
});
