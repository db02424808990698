import { Inject, Injectable } from '@nestjs/common';
import { Interval } from '@nestjs/schedule';
import type { ServiceContext } from '../service/service-context';
import { JOB_ENGINE, SERVICE_CONTEXT } from '../service/tokens';
import type { JobEngine } from './job-engine';

/** `@nestjs/schedule` gives the beat; what is due stands in the database. */
@Injectable()
export class JobTicker {
  private ill = false;

  constructor(
    @Inject(SERVICE_CONTEXT) private readonly context: ServiceContext,
    @Inject(JOB_ENGINE) private readonly engine: JobEngine,
  ) {}

  @Interval(1_000)
  async beat(): Promise<void> {
    if (!this.engine.started) return;
    try {
      await this.context.clock.refresh();
      await this.engine.tick();
      if (this.ill) this.context.logger.info('jobs are looked after again');
      this.ill = false;
    } catch (error) {
      // Said once per outage: the next beat tries again.
      if (!this.ill) this.context.logger.warn({ err: error }, 'due jobs could not be looked up');
      this.ill = true;
    }
  }
}
