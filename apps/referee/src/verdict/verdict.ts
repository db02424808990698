/** One thing that is not as it must be. */
export interface Difference {
  /** Which count it belongs to. */
  kind: keyof Counts;
  /** The REDCap record concerned, where there is one. */
  record: string | null;
  /** A sentence with what was expected and what was found; fictional people only. */
  sentence: string;
}

/** What must be 0. */
export interface Counts {
  /** What staff saved or a handset answered that did not arrive where it belongs. */
  changesLost: number;
  /** Members that the partner has twice, or should not have. */
  membersDoubled: number;
  /** Changes that the partner applied more often than the staff made them. */
  updatesTwice: number;
  armsWrong: number;
  /** Keys in which a message is missing, was not worked, or is told another number of than was said. */
  sequenceGaps: number;
  /** Messages on the wire more often than deaths of their publisher explain. */
  publishedTwice: number;
  /** Cells, ours and the staff's, that do not hold what they must. */
  cellsWrong: number;
  /** Keys that wait for a person although nothing was wrong with them. */
  parked: number;
  /** What changed when every job ran once more. */
  restless: number;
}

/** No differences. */
function noCounts(): Counts {
  return {
    changesLost: 0,
    membersDoubled: 0,
    updatesTwice: 0,
    armsWrong: 0,
    sequenceGaps: 0,
    publishedTwice: 0,
    cellsWrong: 0,
    parked: 0,
    restless: 0,
  };
}

/** How a run ended: the JSON of its last line. */
export interface Verdict extends Counts {
  ok: boolean;
  scenario: string;
  seed: number;
  pairs: number;
  /** Effects of which nobody can tell whether they happened: listed for a person, none of them repeated. */
  effectsInDoubt: { service: string; key: string; kind: string }[];
  /** How often each service was killed or frozen, by where it stood. */
  kills: Record<string, number>;
  killed: number;
  frozen: number;
  ground: Record<string, number>;
  /** How often each fault of the outside was met. */
  outside: Record<string, number>;
  members: number;
  messages: number;
  wallSeconds: number;
}

/** Counts differences by kind. */
export function countDifferences(differences: readonly Difference[]): Counts {
  const counts = noCounts();
  for (const { kind } of differences) counts[kind] += 1;
  return counts;
}
