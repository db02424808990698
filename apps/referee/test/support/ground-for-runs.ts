import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { layGround, type Ground } from '../../src/system/ground';

/**
 * One Kafka and one PostgreSQL for all runs of a test file, laid before the first and taken away after the last. `tell` collects
 * what the run at hand says; `explained` adds it to a check that fails.
 */
export function groundForRuns(name: string): {
  ground: () => Ground;
  tell: (line: string) => void;
  explained: (check: () => void) => void;
} {
  const folder = mkdtempSync(path.join(tmpdir(), `studybridge-${name}-`));
  let ground: Ground | undefined;
  let lines: string[] = [];
  beforeAll(async () => {
    ground = await layGround(folder);
  }, 120_000);
  afterAll(async () => {
    await ground?.stop();
    rmSync(folder, { recursive: true, force: true });
  });
  beforeEach(() => (lines = []));
  return {
    ground() {
      if (ground === undefined) throw new Error('the ground is not laid yet');
      return ground;
    },
    tell: (line) => void lines.push(line),
    explained(check) {
      try {
        check();
      } catch (error) {
        throw new Error(`${(error as Error).message}\n${lines.join('\n')}`, { cause: error });
      }
    },
  };
}
