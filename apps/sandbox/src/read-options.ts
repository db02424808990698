import { readFileSync } from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { readFaults, SandboxError } from '@studybridge/sandbox';

/** What the command line asks for. */
export interface SandboxOptions {
  help: boolean;
  port: number;
  host: string;
  cohort: 'ismile-120' | 'ismile-850' | 'none';
  projects: { name: string; xml: string; token?: string }[];
  stateFile?: string;
  /** Study seconds per real second; 0: time stands until it is advanced. */
  speed: number;
  latencyMs: number;
  faults: ReturnType<typeof readFaults>;
}

export const usage = `A made-up REDCap and texting partner, with a clock of their own.

npm run sandbox -- [options]
  --port 4000            port to listen on; 0 for any free one
  --host 127.0.0.1       address to listen on
  --cohort ismile-120    invented study to play: ismile-120, ismile-850 or none (default none with --project)
  --project file.xml     a REDCap project (XML, metadata with or without data); may be given several times;
                         file.xml=TOKEN chooses its token (32 hex digits)
  --state file           keep the world in this file between runs
  --speed 60             let time run, study seconds per real second (default: it stands until advanced)
  --latency 0            milliseconds that every partner call takes longer
  --faults file.json     scripted faults: {"target","fault"} or a list of these
  --help`;

const cohorts = ['ismile-120', 'ismile-850', 'none'] as const;

/** Reads the command line and the files that it names. Throws a `SandboxError` with a sentence for what is wrong. */
export function readOptions(args: string[]): SandboxOptions {
  const values = parse(args);
  const projects = (values.project ?? []).map(readProject);
  const cohort = values.cohort ?? (projects.length > 0 ? 'none' : 'ismile-120');
  const known = cohorts.find((name) => name === cohort);
  if (!known) throw wrong(`--cohort ${cohort} is none that there is.`, `Choose ${cohorts.join(', ')}.`);
  return {
    help: values.help ?? false,
    port: number('--port', values.port ?? '4000', (n) => Number.isInteger(n) && n >= 0 && n <= 65_535),
    host: values.host ?? '127.0.0.1',
    cohort: known,
    projects,
    stateFile: values.state,
    speed: number('--speed', values.speed ?? '0', (n) => n >= 0),
    latencyMs: number('--latency', values.latency ?? '0', (n) => Number.isInteger(n) && n >= 0),
    faults: values.faults === undefined ? [] : readFaultFile(values.faults),
  };
}

function parse(args: string[]) {
  try {
    return parseArgs({
      args,
      options: {
        help: { type: 'boolean' },
        port: { type: 'string' },
        host: { type: 'string' },
        cohort: { type: 'string' },
        project: { type: 'string', multiple: true },
        state: { type: 'string' },
        speed: { type: 'string' },
        latency: { type: 'string' },
        faults: { type: 'string' },
      },
    }).values;
  } catch (error) {
    throw wrong(error instanceof Error ? error.message : 'The command line cannot be read.', 'See --help.');
  }
}

function number(option: string, text: string, fits: (n: number) => boolean): number {
  const n = text.trim() === '' ? NaN : Number(text);
  if (Number.isFinite(n) && fits(n)) return n;
  throw wrong(`${option} ${text} is no number that fits.`, 'See --help.');
}

function readProject(argument: string): { name: string; xml: string; token?: string } {
  const [, file = argument, token] = /^(.+)=([0-9A-Fa-f]{32})$/.exec(argument) ?? [];
  return { name: path.basename(file), xml: readText(file), token: token?.toUpperCase() };
}

function readFaultFile(file: string): ReturnType<typeof readFaults> {
  const text = readText(file);
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    throw wrong(`${file} is no JSON.`, 'Give {"target","fault"} or a list of these.');
  }
  return readFaults(json);
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    throw wrong(`${file} cannot be read (${code}).`, 'Give a file that is there and that this user may read.');
  }
}

function wrong(message: string, remedy: string): SandboxError {
  return new SandboxError(message, { code: 'COMMAND_LINE', errorClass: 'setting', remedy });
}
