import type { Struck } from '../faults/striker';

/** What was done to services and to the ground below them, as a verdict tells it. */
export function countStrikes(struck: readonly Struck[]): {
  killed: number;
  frozen: number;
  /** By service, strike and place. */
  kills: Record<string, number>;
  ground: Record<string, number>;
} {
  const kills: Record<string, number> = {};
  const ground: Record<string, number> = {};
  for (const { what, who, point } of struck) {
    if (what !== 'kill' && what !== 'freeze' && what !== 'hold') ground[what] = (ground[what] ?? 0) + 1;
    else {
      const where = `${who.replace(/-\d+$/, '')} ${what} ${point ?? 'anywhere'}`;
      kills[where] = (kills[where] ?? 0) + 1;
    }
  }
  const count = (what: Struck['what']): number => struck.filter((one) => one.what === what).length;
  return { killed: count('kill'), frozen: count('freeze'), kills, ground };
}
