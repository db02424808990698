import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { kafkaAvailable } from '@studybridge/testing';
import { bites, runBites } from '../src/scenarios/bite';
import { layGround, type Ground } from '../src/system/ground';

(kafkaAvailable() ? describe : describe.skip)('the guards', () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'studybridge-bite-'));
  let ground: Ground;
  let lines: string[] = [];
  const tell = (line: string): void => void lines.push(line);

  /** Says what the run told when it did not end as it should. */
  const explained = (check: () => void): void => {
    try {
      check();
    } catch (error) {
      throw new Error(`${(error as Error).message}\n${lines.join('\n')}`, { cause: error });
    }
  };

  beforeAll(async () => {
    ground = await layGround(folder);
  }, 120_000);
  afterAll(async () => {
    await ground?.stop();
    rmSync(folder, { recursive: true, force: true });
  });
  beforeEach(() => (lines = []));

  it('all of them there: no harm is done, whatever dies, freezes, forgets or lies', async () => {
    const verdict = await runBites({ bites, off: [], tell, ground, kills: 6 });
    explained(() => {
      expect(verdict).toMatchObject({ differences: [], ok: true, effectsInDoubt: [] });
      expect(verdict.killed + verdict.frozen).toBe(10);
      expect(verdict.ground).toEqual({ 'kill-broker': 1, 'kill-database': 1, 'lose-volume': 1 });
    });
  }, 300_000);

  it.each(bites)(
    'without $guard the same faults show as $reason',
    async (bite) => {
      const verdict = await runBites({ bites: [bite], off: [bite.guard], tell, ground });
      explained(() =>
        expect({ ok: verdict.ok, [bite.reason]: verdict[bite.reason] > 0 }).toEqual({ ok: false, [bite.reason]: true }),
      );
    },
    300_000,
  );
});
