import { randomBytes } from 'node:crypto';
import { createWriteStream, existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { agileHealth } from '@studybridge/agile-health/module';
import {
  commandGiven,
  jobEnded,
  messageRequested,
  participantChanged,
  projectPolled,
  StudybridgeError,
  surveyLinkFound,
  surveyLinkRequested,
  writeRequested,
  writeSettled,
  type Clock,
} from '@studybridge/contracts';
import { startPostgres } from '@studybridge/embedded-postgres';
import { createInProcessCarrier, createKafkaCarrier, type Carrier } from '@studybridge/event-bus';
import { messaging } from '@studybridge/messaging/module';
import { redcapGateway } from '@studybridge/redcap-gateway/module';
import { createWorld, sandboxToken, type World } from '@studybridge/sandbox';
import {
  RealClock,
  WorldClock,
  createLogger,
  generateStudyKeys,
  startService,
  type Logger,
  type RunningService,
} from '@studybridge/service-kit';
import { ismileCohort, studies } from '@studybridge/studies';
import type { DataFolder } from './data-folder';
import { takeSeat } from './instance-lock';
import type { StartOptions } from './options';
import { isPlayed, ownWorld, playsMail, playsTexts, type OwnWorld } from './own-world';
import type { Progress } from './progress';

type Env = Record<string, string | undefined>;
/** Who is told of the jobs where the sandbox is the outside world; invented. */
const sandboxOperator = { phone: '+12025550190', mail: 'operator@sandbox.example' };
type Undo = (() => Promise<void>)[];

/** Everything that runs after `startSystem`: the services, the sandbox where one is needed, and the way to stop it all. */
export interface System {
  services: RunningService[];
  world: World | null;
  worldUrl: string | null;
  own: OwnWorld;
  clock: Clock;
  bus: Carrier['kind'];
  opsToken: string;
  logFile: string;
  stop(): Promise<void>;
}

/** Who hears what; the in-process carrier publishes to nobody before all of them listen. */
const listeners = {
  [participantChanged.topic]: [agileHealth.name, messaging.name],
  [writeSettled.topic]: [agileHealth.name, messaging.name],
  [writeRequested.topic]: [redcapGateway.name],
  [projectPolled.topic]: [messaging.name],
  [surveyLinkRequested.topic]: [redcapGateway.name],
  [surveyLinkFound.topic]: [messaging.name],
  [messageRequested.topic]: [messaging.name],
  [jobEnded.topic]: [messaging.name],
  [commandGiven.topic]: [agileHealth.name, messaging.name, redcapGateway.name],
};

/**
 * Brings up every service in this process: PostgreSQL (embedded unless `DATABASE_URL` names one), the sandbox for the sides
 * that are not the user's own, the carrier (Kafka with `KAFKA_BROKERS`). What was started is stopped again when a later step
 * fails. Throws the step's own error.
 */
export async function startSystem(o: {
  options: StartOptions;
  env: Env;
  data: DataFolder;
  progress: Progress;
}): Promise<System> {
  const { options, env, data, progress } = o;
  const own = ownWorld(env);
  data.prepare();
  const undo: Undo = [];
  const stop = async (): Promise<void> => {
    for (const step of undo.splice(0).reverse()) await step();
  };
  try {
    const databaseUrl = await database(env, data, options, progress, undo, isPlayed(own));
    const logFile = data.path('studybridge.log');
    const logger = logTo(logFile, env, undo);

    const opsToken = env.OPS_TOKEN ?? data.readSecret('ops-token', () => randomBytes(24).toString('hex'));
    const keys = studyKeys(env, data, progress);
    const ports = options.once ? { sandbox: 0 } : { sandbox: Number(env.SANDBOX_PORT ?? 4000) };
    const sandbox = await startSandbox({ own, options, env, data, port: ports.sandbox, undo, progress });
    const clock = clockOf(env, own, sandbox?.world);
    const carrier = await openCarrier(env, logger, undo);

    const shared: Env = {
      ...env,
      ...keys,
      ...(databaseUrl ? { DATABASE_URL: databaseUrl } : {}),
      ...sandboxSettings(own, sandbox),
      STUDIES: env.STUDIES ?? (env.BINDINGS_FILE ? undefined : 'ismile'),
      OPS_TOKEN: opsToken,
      OPS_TOKEN_FILE: undefined,
    };
    const services: RunningService[] = [];
    for (const [index, start] of [
      (e: Env) => startService(redcapGateway, { env: e, extras: { carrier }, clock, logger }),
      (e: Env) => startService(agileHealth, { env: e, extras: { carrier }, clock, logger }),
      (e: Env) =>
        startService(messaging, {
          env: { ...messagingSettings(own, sandbox), ...e },
          extras: { carrier },
          clock,
          logger,
        }),
    ].entries()) {
      const PORT = options.once ? '0' : String(Number(env.PORT ?? 4001) + index);
      const service = await start({ ...shared, PORT });
      undo.push(() => service.stop());
      services.push(service);
    }
    await writeFile(
      data.path('services.json'),
      JSON.stringify({ services: services.map(({ name, url }) => ({ name, url })) }, null, 2),
    );
    progress.step(
      `services: ${services.map((service) => service.name).join(', ')}; carrier: ${carrier.kind}; log: ${logFile}`,
    );
    return {
      services,
      world: sandbox?.world ?? null,
      worldUrl: sandbox?.url ?? null,
      own,
      clock,
      bus: carrier.kind,
      opsToken,
      logFile,
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** The world's time where the whole world is played here or says where it keeps it; else the time of day. */
function clockOf(env: Env, own: OwnWorld, world: World | undefined): Clock {
  if (world && isPlayed(own)) return world.clock;
  return env.STUDY_CLOCK_URL ? new WorldClock(env.STUDY_CLOCK_URL) : new RealClock();
}

/** The server's address, or undefined when each service brings its own database. */
async function database(
  env: Env,
  data: DataFolder,
  options: StartOptions,
  progress: Progress,
  undo: Undo,
  played: boolean,
): Promise<string | undefined> {
  const separate = Object.keys(env).some((name) => name.startsWith('DATABASE_URL_') && env[name]?.trim());
  if (env.DATABASE_URL?.trim() || separate) {
    if (options.fresh) {
      throw new StudybridgeError(
        '--fresh forgets only what lies under the data folder, not databases on a server of yours.',
        {
          code: 'COMMAND_LINE',
          errorClass: 'setting',
          remedy: 'Drop the databases studybridge_* there, or leave --fresh out.',
        },
      );
    }
    if (env.DATABASE_URL) undo.push(await takeSeat(env.DATABASE_URL));
    progress.step('PostgreSQL: the server that the settings name');
    return env.DATABASE_URL;
  }
  if (options.fresh) await forget(data);
  progress.update('PostgreSQL starts …');
  // The sandbox's own state outlives a killed process but not a machine that loses power; no use for the databases to wait
  // for the disk at every commit where the world would be older than they are.
  const settings: Record<string, string> = played ? { synchronous_commit: 'off' } : {};
  const server = await startPostgres({ dataDir: data.path('postgres'), settings });
  // Whoever holds the seat also needs the server: it is left running when the seat is taken.
  const leave = await takeSeat(server.url);
  undo.push(() => server.stop(), leave);
  progress.step(`PostgreSQL: embedded, under ${data.root}`);
  return server.url;
}

/** Forgets the state, but never that of a process which is running on it. */
async function forget(data: DataFolder): Promise<void> {
  if (existsSync(data.path('postgres'))) {
    const server = await startPostgres({ dataDir: data.path('postgres') });
    const leave = await takeSeat(server.url);
    await leave();
    await server.stop();
  }
  data.forget();
  data.prepare();
}

function logTo(file: string, env: Env, undo: Undo): Logger {
  const stream = createWriteStream(file, { flags: 'a' });
  undo.push(() => new Promise<void>((resolve) => stream.end(resolve)));
  return createLogger({ service: 'standalone', level: env.LOG_LEVEL ?? 'info', destination: stream });
}

/** Study keys from the settings, or made once under the data folder with a word of warning. */
function studyKeys(env: Env, data: DataFolder, progress: Progress): Env {
  if (env.STUDY_KEYS || env.STUDY_KEYS_FILE) return {};
  const { file, made } = data.secret('study-keys', () => generateStudyKeys(studies.map((study) => study.id)));
  if (made) {
    progress.step(
      `study keys: made in ${file} (mode 0600). Production must bring its own: STUDY_KEYS_FILE, kept apart from the databases.`,
    );
  }
  return { STUDY_KEYS_FILE: file };
}

async function startSandbox(o: {
  own: OwnWorld;
  options: StartOptions;
  env: Env;
  data: DataFolder;
  port: number;
  undo: Undo;
  progress: Progress;
}): Promise<{ world: World; url: string } | null> {
  const { own, options, env, data, port, undo, progress } = o;
  const played = [
    ...(own.redcap ? [] : ['REDCap']),
    ...(own.agileHealth ? [] : ['Agile Health']),
    ...(playsTexts(own) ? ['Twilio'] : []),
    ...(playsMail(own) ? ['a mailbox'] : []),
  ];
  if (played.length === 0) return null;
  const world = createWorld({
    cohort: !own.redcap ? ismileCohort({ pairs: options.pairs }) : undefined,
    stateFile: data.path('world.json'),
    // Survey links stay what they are from run to run, and open while `npm start` is up.
    redcap: { publicUrl: env.SANDBOX_PUBLIC_URL ?? `http://127.0.0.1:${env.SANDBOX_PORT ?? 4000}/redcap` },
    // Texts of one instant are one another's equals, whatever the order in which they left.
    twilio: { mps: 0 },
  });
  const { url } = await world.listen(port);
  undo.push(() => world.close());
  progress.step(`sandbox: ${played.join(', ')} at ${url}`);
  return { world, url };
}

function sandboxSettings(own: OwnWorld, sandbox: { url: string } | null): Env {
  if (!sandbox) return {};
  const { url } = sandbox;
  return {
    STUDYBRIDGE_ENVIRONMENT: 'sandbox',
    REDCAP_CALLS_PER_MINUTE: own.redcap ? undefined : '0',
    ...(own.redcap ? {} : { REDCAP_URL: `${url}/redcap/api/`, REDCAP_TOKEN_ISMILE: sandboxToken('ismile') }),
    ...(own.agileHealth ? {} : { AGILE_HEALTH_URL: `${url}/agile`, AGILE_HEALTH_KEY: sandboxToken('agile-health') }),
  };
}

/** What messaging needs of the sides that the sandbox plays; the environment may say otherwise of each. */
function messagingSettings(own: OwnWorld, sandbox: { world: World; url: string } | null): Env {
  if (!sandbox) return {};
  const { world, url } = sandbox;
  // Months are played in a minute: a second between two texts would be hours of study time.
  const fast = { segmentsPerSecond: 1_000, messageEveryMs: 0 };
  const [study, operator] = world.twilio.numbers;
  return {
    ...(!playsTexts(own) || !study || !operator
      ? {}
      : {
          TWILIO_URL: url,
          TWILIO_ACCOUNT_SID: world.twilio.accountSid,
          TWILIO_AUTH_TOKEN: world.twilio.authToken,
          SENDERS: JSON.stringify([
            { number: study.phoneNumber, binding: 'ismile.sandbox', ...fast },
            { number: operator.phoneNumber, purpose: 'operator', ...fast },
          ]),
          OPERATOR_PHONE: sandboxOperator.phone,
        }),
    ...(!playsMail(own)
      ? {}
      : {
          SMTP_HOST: world.mail.host,
          SMTP_PORT: String(world.mail.port),
          SMTP_TLS: 'off',
          MAIL_FROM: 'Studybridge <studybridge@sandbox.example>',
          OPERATOR_EMAIL: sandboxOperator.mail,
        }),
    // Of months in a minute a summary a day is enough to read.
    ...(isPlayed(own) ? { JOB_MAILS: '*=failures' } : {}),
  };
}

async function openCarrier(env: Env, logger: Logger, undo: Undo): Promise<Carrier> {
  const brokers = (env.KAFKA_BROKERS ?? '')
    .split(',')
    .map((name) => name.trim())
    .filter(Boolean);
  const carrier =
    brokers.length > 0
      ? createKafkaCarrier({ brokers, clientId: 'studybridge-standalone', logger })
      : createInProcessCarrier({ expects: listeners });
  undo.push(() => carrier.close());
  return carrier;
}
