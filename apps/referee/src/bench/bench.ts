/** One measured path: a ratio against a floor that was measured in the same run, so that machines can be told apart. */
interface BenchLine {
  bench: string;
  /** What the ratio compares, one sentence. */
  what: string;
  /** Floor's time divided by ours (1 = as fast as the floor), or what `unit` says. */
  ratio: number;
  /** What the ratio should reach; null where there is no aim. */
  aim: number | null;
  /** More figures by name; milliseconds end in `Ms`, megabytes in `Mb`. */
  figures: Record<string, number>;
}

/** Where benches keep what they need while they run. */
export interface BenchPlace {
  /** A folder that is gone afterwards. */
  folder: string;
  /** 1 = the sizes of the README's table; less for a trial run. */
  scale: number;
  log(line: string): void;
}

/** A bench: prints one line, or several that belong together. */
export interface Bench {
  name: string;
  run(place: BenchPlace): Promise<BenchLine[]>;
}

/** To three significant digits. */
export function rounded(value: number): number {
  return Number(value.toPrecision(3));
}
