import type { LoggerService } from '@nestjs/common';
import type { Logger } from './create-logger';

/** Routes Nest's own log into ours; its chatter at start is for debugging. */
export class NestLogger implements LoggerService {
  constructor(private readonly logger: Logger) {}

  log(message: unknown): void {
    this.logger.debug({ nest: message });
  }

  error(message: unknown): void {
    this.logger.error({ nest: message });
  }

  warn(message: unknown): void {
    this.logger.warn({ nest: message });
  }

  debug(message: unknown): void {
    this.logger.trace({ nest: message });
  }

  verbose(message: unknown): void {
    this.logger.trace({ nest: message });
  }
}
