import { readFileSync } from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { readFaults, SandboxError, type WorldOptions } from '@studybridge/sandbox';

type ProjectOptions = NonNullable<WorldOptions['projects']>[number];

/** What the command line asks for. */
export interface SandboxOptions {
  help: boolean;
  port: number;
  host: string;
  /** Where mail is taken; 0 for any free one. */
  mailPort: number;
  /** How many families of ISMILE are played; null for no cohort. */
  pairs: number | null;
  projects: ProjectOptions[];
  redcap: NonNullable<WorldOptions['redcap']>;
  /** Zone of REDCap's wall time; the cohort's where there is one. */
  serverZone?: string;
  stateFile?: string;
  /** Study seconds per real second; 0: time stands until it is advanced; `present`: the computer's own time. */
  speed: number | 'present';
  latencyMs: number;
  /** Segments a second that each of Twilio's numbers sends; 0: any number at once. */
  smsRate?: number;
  faults: ReturnType<typeof readFaults>;
}

/** What `--help` prints. */
export const usage = `A made-up REDCap, texting partner, Twilio and mailbox, with a clock of their own.

npm run sandbox -- [options]
  --port 4000            port to listen on; 0 for any free one
  --host 127.0.0.1       address to listen on
  --mail-port 4025       port of the mailbox (SMTP); default 25 above --port, any free one with --port 0
  --cohort ismile-120    invented study to play: ismile-N with 3 to 850 families, or none (default none with --project)
  --state file           keep the world in this file between runs
  --speed 60             let time run, study seconds per real second; 0: it stands until advanced (default: 0 with a
                         cohort; without one the clock is the computer's)
  --sms-rate N           segments a second that each of Twilio’s numbers sends; 0: any number at once (default: its own)
  --latency 0            milliseconds that every partner call takes longer
  --faults file.json     scripted faults: {"target","fault"} or a list of these

REDCap
  --project file.xml     a project (REDCap project XML, metadata with or without data); may be given several times;
                         file.xml=TOKEN chooses its token (32 hex digits)
  --seed-records 0       made-up records to fill every --project with, from its own dictionary
  --super TOKEN          super token (64 letters or digits) with which projects are made through the API;
                         better in SANDBOX_SUPER_TOKEN, where no list of processes shows it
  --super-user api_user  whose projects those are
  --creator-rights all   what that user may do in them: all, or as-seen (no deleting, renaming and locking of records)
  --version 15.2.1       REDCap's version, and the columns that users, roles and projects have in it
  --public-url URL       what survey links begin with (default: the address of the call)
  --rate-limit 0         calls a minute before an address is banned; 0 for any number
  --server-zone ZONE     zone of REDCap's wall time (default: the cohort's, else America/Los_Angeles)
  --calcs keep           calculated values in a --project: keep, drop or recompute
  --choice-spacing as-is choices of a --project in its dictionary: as-is or blanks (round the bars)
  --username api_user    whose token a --project's is
  --help`;

/**
 * Reads the command line, the files that it names, and the super token from the environment. Throws a `SandboxError` with a
 * sentence for what is wrong.
 */
export function readOptions(args: string[], env: Record<string, string | undefined> = {}): SandboxOptions {
  const values = parse(args);
  const seedRecords = count('--seed-records', values['seed-records'] ?? '0');
  const choices = {
    calcs: oneOf('--calcs', values.calcs, ['keep', 'drop', 'recompute']),
    choiceSpacing: oneOf('--choice-spacing', values['choice-spacing'], ['as-is', 'blanks']),
    username: values.username,
  };
  const projects = (values.project ?? []).map((argument) => ({
    ...readProject(argument),
    ...defined({ ...choices, seedRecords: seedRecords || undefined }),
  }));
  if (seedRecords > 0 && projects.length === 0) {
    throw wrong('--seed-records fills projects, and no --project is given.', 'Give a --project, or leave it out.');
  }
  const cohort = values.cohort ?? (projects.length > 0 ? 'none' : 'ismile-120');
  const pairs = Number(/^ismile-(\d{1,3})$/.exec(cohort)?.[1] ?? 0);
  if (cohort !== 'none' && (pairs < 3 || pairs > 850)) {
    throw wrong(`--cohort ${cohort} is none that there is.`, 'Choose ismile-N with 3 to 850 families, or none.');
  }
  const port = portOf('--port', values.port ?? '4000');
  return {
    help: values.help ?? false,
    port,
    mailPort: portOf('--mail-port', values['mail-port'] ?? String(port === 0 ? 0 : Math.min(port + 25, 65_535))),
    host: values.host ?? '127.0.0.1',
    pairs: cohort === 'none' ? null : pairs,
    projects,
    stateFile: values.state,
    speed:
      values.speed === undefined && cohort === 'none' ? 'present' : number('--speed', values.speed ?? '0', atLeast0),
    smsRate: values['sms-rate'] === undefined ? undefined : count('--sms-rate', values['sms-rate']),
    latencyMs: count('--latency', values.latency ?? '0'),
    redcap: defined({
      version: matching('--version', values.version, /^\d+\.\d+\.\d+$/, 'three numbers, as in 15.2.1'),
      superToken: matching(
        values.super === undefined ? 'SANDBOX_SUPER_TOKEN' : '--super',
        values.super ?? (env['SANDBOX_SUPER_TOKEN'] || undefined),
        /^[0-9A-Za-z]{64}$/,
        '64 letters or digits',
      ),
      superUser: values['super-user'],
      creatorRights: oneOf('--creator-rights', values['creator-rights'], ['all', 'as-seen']),
      publicUrl: matching('--public-url', values['public-url'], /^https?:\/\/[^\s?#]+$/, 'an http address'),
      rateLimit: count('--rate-limit', values['rate-limit'] ?? '0') || undefined,
    }),
    serverZone: zone(values['server-zone']),
    faults: values.faults === undefined ? [] : readFaultFile(values.faults),
  };
}

function portOf(option: string, text: string): number {
  return number(option, text, (n) => Number.isInteger(n) && n >= 0 && n <= 65_535);
}

function parse(args: string[]) {
  try {
    return parseArgs({
      args,
      options: {
        help: { type: 'boolean' },
        port: { type: 'string' },
        host: { type: 'string' },
        'mail-port': { type: 'string' },
        cohort: { type: 'string' },
        project: { type: 'string', multiple: true },
        state: { type: 'string' },
        speed: { type: 'string' },
        latency: { type: 'string' },
        'sms-rate': { type: 'string' },
        faults: { type: 'string' },
        'seed-records': { type: 'string' },
        super: { type: 'string' },
        'super-user': { type: 'string' },
        'creator-rights': { type: 'string' },
        version: { type: 'string' },
        'public-url': { type: 'string' },
        'rate-limit': { type: 'string' },
        'server-zone': { type: 'string' },
        calcs: { type: 'string' },
        'choice-spacing': { type: 'string' },
        username: { type: 'string' },
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

const atLeast0 = (n: number): boolean => n >= 0;

function count(option: string, text: string): number {
  return number(option, text, (n) => Number.isInteger(n) && n >= 0);
}

function oneOf<W extends string>(option: string, text: string | undefined, words: readonly W[]): W | undefined {
  const known = words.find((word) => word === text);
  if (text === undefined || known !== undefined) return known;
  throw wrong(`${option} ${text} is none that there is.`, `Choose ${words.join(' or ')}.`);
}

/** The text where it has the form; never repeated when it has not, since it may be a secret. */
function matching(option: string, text: string | undefined, form: RegExp, what: string): string | undefined {
  if (text === undefined || form.test(text)) return text;
  throw wrong(`${option} does not have the form it needs.`, `Give ${what}.`);
}

function zone(name: string | undefined): string | undefined {
  if (name === undefined) return undefined;
  try {
    return new Intl.DateTimeFormat('en', { timeZone: name }).resolvedOptions().timeZone && name;
  } catch {
    throw wrong(`--server-zone ${name} is no zone that there is.`, 'Give one as in America/New_York.');
  }
}

/** Only what was given: a default is the business of whoever reads it. */
function defined<T extends object>(values: T): Partial<T> {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as Partial<T>;
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
