import { Module, type DynamicModule } from '@nestjs/common';
import { ScheduleModule } from '@nestjs/schedule';
import { HealthController } from '../http/health.controller';
import { IdleController } from '../idle/idle.controller';
import type { JobEngine } from '../jobs/job-engine';
import { JobTicker } from '../jobs/job-ticker';
import { OpsController } from '../ops/ops.controller';
import type { ServiceContext } from './service-context';
import { CLOCK, DATA_SOURCE, JOB_ENGINE, LOGGER, OPS_TOKEN, SERVICE_CONTEXT } from './tokens';

/** What every service has in common, as one global module. */
@Module({})
export class KitModule {
  static for(context: ServiceContext, engine: JobEngine, opsToken: string | null): DynamicModule {
    const providers = [
      { provide: SERVICE_CONTEXT, useValue: context },
      { provide: CLOCK, useValue: context.clock },
      { provide: LOGGER, useValue: context.logger },
      { provide: DATA_SOURCE, useValue: context.dataSource },
      { provide: JOB_ENGINE, useValue: engine },
      { provide: OPS_TOKEN, useValue: opsToken },
    ];
    return {
      module: KitModule,
      global: true,
      imports: [ScheduleModule.forRoot()],
      controllers: [HealthController, IdleController, OpsController],
      providers: [...providers, JobTicker],
      exports: [SERVICE_CONTEXT, CLOCK, LOGGER, DATA_SOURCE],
    };
  }
}
