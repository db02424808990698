/** Something that came, and how much it counts. */
export interface Arrival {
  /** Epoch milliseconds. */
  at: number;
  weight: number;
}

/** The most that came within any span of that length. */
export function busiestSpan(arrivals: readonly Arrival[], spanMs: number): number {
  const sorted = [...arrivals].sort((a, b) => a.at - b.at);
  let from = 0;
  let within = 0;
  let most = 0;
  for (const { at, weight } of sorted) {
    within += weight;
    for (let first = sorted[from]; first !== undefined && first.at <= at - spanMs; first = sorted[from]) {
      within -= first.weight;
      from += 1;
    }
    most = Math.max(most, within);
  }
  return most;
}

/** The share of a rate that was used from the first arrival to the last. The first one only begins the count. */
export function usedShare(arrivals: readonly Arrival[], perSecond: number): number {
  const sorted = [...arrivals].sort((a, b) => a.at - b.at);
  const first = sorted[0];
  const last = sorted.at(-1);
  if (first === undefined || last === undefined || last.at === first.at) return 0;
  const weight = sorted.slice(0, -1).reduce((sum, one) => sum + one.weight, 0);
  return weight / (((last.at - first.at) / 1_000) * perSecond);
}
