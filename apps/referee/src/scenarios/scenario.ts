/** What the command line asks of a scenario. */
export interface ScenarioOptions {
  pairs: number;
  /** Texts, in the scenarios about texts. */
  messages: number;
  /** Segments a second that their sender may send. */
  perSecond: number;
  kills: number;
  seed: number;
  /** Guards taken away, by the names of service-kit's `Proof`. */
  off: string[];
  /** Hears one line per thing that happens. */
  tell: (line: string) => void;
}

/** A run of the referee with a name. Its verdict is the JSON of the last line; `ok` decides the exit code. */
export interface Scenario {
  name: string;
  /** One line for `--help`. */
  about: string;
  run(o: ScenarioOptions): Promise<object & { ok: boolean }>;
}
