import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { StudybridgeError } from '@studybridge/contracts';

/** Where `npm start` keeps its state: `.data/` at the top of the work tree, or `STUDYBRIDGE_DATA`. */
export class DataFolder {
  constructor(readonly root: string) {}

  /** Makes the folder. Throws a `setting` error when it cannot be written. */
  prepare(): void {
    try {
      mkdirSync(this.root, { recursive: true, mode: 0o755 });
      mkdirSync(this.path('keys'), { recursive: true, mode: 0o700 });
    } catch (error) {
      throw new StudybridgeError(
        `The data folder ${this.root} cannot be written (${(error as NodeJS.ErrnoException).code}).`,
        {
          code: 'DATA_FOLDER',
          errorClass: 'setting',
          remedy: 'Make it writable, or name another one with STUDYBRIDGE_DATA.',
        },
      );
    }
  }

  path(...parts: string[]): string {
    return path.join(this.root, ...parts);
  }

  /** Forgets the databases, the world and the keys that were made here. */
  forget(): void {
    for (const name of ['postgres', 'postgres.password', 'world.json', 'keys']) {
      rmSync(this.path(name), { recursive: true, force: true });
    }
  }

  /** A secret that is made once and kept with mode 0600; says whether it is new. */
  secret(name: string, make: () => string): { file: string; made: boolean } {
    const file = this.path('keys', name);
    if (existsSync(file) && readFileSync(file, 'utf8').trim() !== '') return { file, made: false };
    writeFileSync(file, make(), { mode: 0o600 });
    return { file, made: true };
  }

  /** The text of such a secret. */
  readSecret(name: string, make: () => string): string {
    return readFileSync(this.secret(name, make).file, 'utf8').trim();
  }
}
