import { createHash } from 'node:crypto';

/** A number in [0, 1) that follows from the seed and the names alone: the same draw on every machine and every replay. */
export function draw(seed: number, ...names: (string | number)[]): number {
  return (
    createHash('sha256')
      .update(`${seed} ${names.join(' ')}`)
      .digest()
      .readUInt32BE(0) /
    2 ** 32
  );
}
