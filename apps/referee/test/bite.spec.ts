import { kafkaAvailable } from '@studybridge/testing';
import { bites, runBites } from '../src/scenarios/bite';
import { groundForRuns } from './support/ground-for-runs';

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
      const verdict = await runBites({ bites: [bite], off: [bite.guard], tell, ground: ground() });
      explained(() =>
        expect({ ok: verdict.ok, [bite.reason]: verdict[bite.reason] > 0 }).toEqual({ ok: false, [bite.reason]: true }),
      );
    },
    300_000,
  );
});
