import { Controller, Get, Header, HttpStatus, Inject, Res } from '@nestjs/common';
import type { Response } from 'express';
import type { ServiceContext } from '../service/service-context';
import { SERVICE_CONTEXT } from '../service/tokens';

/** `/health/live` and `/health/ready`, `/metrics`, `/status`: what machines and operators look at. */
@Controller()
export class HealthController {
  constructor(@Inject(SERVICE_CONTEXT) private readonly context: ServiceContext) {}

  @Get('health/live')
  live(): object {
    return { service: this.context.name, live: true };
  }

  @Get('health/ready')
  async ready(@Res() response: Response): Promise<void> {
    const checks = await this.context.health.ask();
    const ready = Object.values(checks).every((result) => result === 'ok');
    response
      .status(ready ? HttpStatus.OK : HttpStatus.SERVICE_UNAVAILABLE)
      .json({ service: this.context.name, ready, checks });
  }

  @Get('metrics')
  @Header('content-type', 'text/plain; version=0.0.4; charset=utf-8')
  metrics(): Promise<string> {
    return this.context.registry.metrics();
  }

  @Get('status')
  async status(): Promise<object> {
    return { service: this.context.name, ...(await this.context.ops.status()) };
  }
}
