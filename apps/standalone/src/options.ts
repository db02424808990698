import { parseArgs } from 'node:util';
import { StudybridgeError } from '@studybridge/contracts';

/** What `npm start -- …` was asked to do. */
export interface StartOptions {
  /** Play to the end, run every job once, print what happened and exit. */
  once: boolean;
  /** The last line of standard output is one JSON object. */
  json: boolean;
  /** Forget everything kept under the data folder first. */
  fresh: boolean;
  help: boolean;
  /** How many families the sandbox's made-up cohort has. */
  pairs: number;
}

/** The text of `npm start -- --help`. */
export const usage = `npm start [-- options]

  --once        play to the end, run every job once, print what happened, exit
  --json        the last line of standard output is one JSON object
  --fresh       forget everything kept under .data/ first
  --pairs N     so many made-up families, 3 to 850 (default 120)
  --help        this text

With REDCAP_URL, REDCAP_TOKEN_ISMILE, AGILE_HEALTH_URL and AGILE_HEALTH_KEY set, your own servers are used instead of
the sandbox. The README says how.`;

/** Reads the command line. Throws a `setting` error that names the unknown option. */
export function readOptions(argv: string[]): StartOptions {
  try {
    const { values } = parseArgs({
      args: argv,
      options: {
        once: { type: 'boolean', default: false },
        json: { type: 'boolean', default: false },
        fresh: { type: 'boolean', default: false },
        help: { type: 'boolean', default: false },
        pairs: { type: 'string', default: '120' },
      },
    });
    const pairs = Number(values.pairs);
    if (!Number.isInteger(pairs) || pairs < 3 || pairs > 850) throw new Error('--pairs must be a number from 3 to 850');
    return {
      once: values.once,
      json: values.json,
      fresh: values.fresh,
      help: values.help,
      pairs,
    };
  } catch (error) {
    throw new StudybridgeError(`The command line was not understood: ${(error as Error).message}`, {
      code: 'COMMAND_LINE',
      errorClass: 'setting',
      remedy: 'Run `npm start -- --help` to see the options.',
    });
  }
}
