import { kafkaAvailable } from '@studybridge/testing';
import { runTextBite, runTexts, textBites } from '../src/scenarios/messaging';
import { groundForRuns } from './support/ground-for-runs';

(kafkaAvailable() ? describe : describe.skip)('texts through three replicas', () => {
  const { ground, tell, explained } = groundForRuns('texts');

  it('arrive once, or somebody is told why not, whoever dies or freezes and whatever Twilio does not say', async () => {
    const verdict = await runTexts({
      messages: 120,
      kills: 8,
      perSecond: 12,
      seed: 4,
      off: [],
      tell,
      ground: ground(),
    });
    explained(() => {
      expect(verdict).toMatchObject({
        ok: true,
        doubled: 0,
        silentlyLost: 0,
        wrongEnds: 0,
        sequenceGaps: 0,
        parked: 0,
        paceExceeded: 0,
        strikesLeft: 0,
      });
      expect(verdict.killed + verdict.frozen).toBe(8);
      expect(verdict.received + Object.values(verdict.notReceived).reduce((sum, n) => sum + n, 0)).toBe(120);
    });
  }, 600_000);

  it.each(textBites)(
    'without $guard show as $reason',
    async (bite) => {
      const verdict = await runTextBite(bite, { off: [bite.guard], tell, ground: ground() });
      explained(() =>
        expect({ ok: verdict.ok, [bite.reason]: verdict[bite.reason] > 0 }).toEqual({ ok: false, [bite.reason]: true }),
      );
    },
    600_000,
  );
});
