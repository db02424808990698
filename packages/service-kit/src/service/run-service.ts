import { StudybridgeError } from '@studybridge/contracts';
import { createLogger, type Logger } from '../logging/create-logger';
import { describeError } from '../logging/describe-error';
import { scrubText } from '../logging/scrub-text';
import type { Environment } from '../settings/read-environment';
import { SettingsError } from '../settings/settings-error';
import type { RunningService, ServiceDefinition } from './service-context';
import { readAllSettings, startService } from './start-service';

const stopWithinMs = 20_000;

/** What a person reads on the terminal when a service cannot start or go on; neither values nor secrets. */
function explain(service: string, error: unknown): string {
  if (error instanceof SettingsError) {
    const lines = error.complaints.map((complaint) => `  - ${complaint.sentence} ${complaint.remedy}`);
    return scrubText([`${service} cannot start with these settings:`, ...lines].join('\n'));
  }
  if (error instanceof StudybridgeError) return scrubText(`${service}: ${error.message} ${error.remedy}`);
  return scrubText(`${service} failed: ${JSON.stringify(describeError(error))}`);
}

/**
 * The whole of a service's main.ts: starts it with the environment of the process, stops it gracefully on SIGTERM or SIGINT
 * (a second signal ends it at once), prints what is wrong with a remedy and leaves a non-zero exit code when it cannot start.
 */
export async function runService<C, E>(
  def: ServiceDefinition<C, E>,
  makeExtras: (env: Environment, logger: Logger) => Promise<E>,
): Promise<void> {
  const env = process.env;
  const level = env['LOG_LEVEL'] ?? '';
  const known = /^(trace|debug|info|warn|error|fatal|silent)$/.test(level);
  const logger = createLogger({ service: def.name, level: known ? level : 'info' });
  const fail = (error: unknown): never => {
    process.stderr.write(`${explain(def.name, error)}\n`);
    process.exit(1);
  };
  process.on('unhandledRejection', (error) => {
    logger.fatal({ err: error }, 'a promise was left alone');
    fail(error);
  });
  process.on('uncaughtException', (error) => {
    logger.fatal({ err: error }, 'an error was not caught');
    fail(error);
  });

  let running: RunningService<C> | null = null;
  let stopping = false;
  const stop = (signal: NodeJS.Signals): void => {
    if (stopping) process.exit(1);
    stopping = true;
    logger.info({ signal }, 'stopping');
    setTimeout(() => {
      logger.error('did not stop in time');
      process.exit(1);
    }, stopWithinMs).unref();
    (running?.stop() ?? Promise.resolve()).then(() => process.exit(0), fail);
  };
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);
  try {
    // Before the extras, which connect to the outside: what is wrong is said all at once.
    readAllSettings(def, env);
    running = await startService(def, { env, extras: await makeExtras(env, logger), logger });
  } catch (error) {
    fail(error);
  }
}
