import pino, { type DestinationStream, type Logger as PinoLogger } from 'pino';
import { currentCorrelationId } from './correlation';
import { sanitize } from './sanitize';
import { scrubSecrets } from './scrub-text';

/** A pino logger that redacts; see {@link createLogger}. */
export type Logger = PinoLogger;

/**
 * A logger whose lines hold no secret and no participant data (laws 5 and 9): objects are copied with closed keys masked,
 * errors described without foreign messages, texts scrubbed of tokens, phones and addresses. Children inherit all of it.
 */
export function createLogger(o: { service: string; level?: string; destination?: DestinationStream }): Logger {
  const options: pino.LoggerOptions = {
    level: o.level ?? 'info',
    base: { service: o.service },
    timestamp: pino.stdTimeFunctions.isoTime,
    mixin: () => {
      const correlationId = currentCorrelationId();
      return correlationId === undefined ? {} : { correlationId };
    },
    // Errors are described already when they get here; pino's own serializer would take their messages.
    serializers: { err: (described: unknown) => described },
    formatters: {
      level: (label) => ({ level: label }),
    },
    hooks: {
      logMethod(args, method) {
        const safe: unknown[] = (args as unknown[]).map((arg) => sanitize(arg));
        if ((args as unknown[])[0] instanceof Error) safe[0] = { err: safe[0] };
        method.apply(this, safe as Parameters<typeof method>);
      },
      // The last net: a secret put together from harmless pieces.
      streamWrite: scrubSecrets,
    },
  };
  const logger: Logger = o.destination === undefined ? pino(options) : pino(options, o.destination);
  // Children inherit this method; pino gives them no formatter for what they are bound to.
  const bare = logger.child as unknown as (
    this: Logger,
    bindings: pino.Bindings,
    more?: pino.ChildLoggerOptions,
  ) => Logger;
  logger.child = function (this: Logger, bindings: pino.Bindings, more?: pino.ChildLoggerOptions): Logger {
    return bare.call(this, sanitize(bindings) as pino.Bindings, more);
  } as unknown as typeof logger.child;
  return logger;
}
