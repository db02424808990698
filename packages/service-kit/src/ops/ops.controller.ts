import { createHash, timingSafeEqual } from 'node:crypto';
import { Body, Controller, Get, HttpCode, Inject, Post, Req } from '@nestjs/common';
import { StudybridgeError } from '@studybridge/contracts';
import type { Request } from 'express';
import { z } from 'zod';
import type { ServiceContext } from '../service/service-context';
import { OPS_TOKEN, SERVICE_CONTEXT } from '../service/tokens';

const requestSchema = z.strictObject({
  command: z.string().min(1),
  arguments: z.record(z.string(), z.unknown()).default({}),
});

/** The operator's door: `GET /ops` lists the commands, `POST /ops {command, arguments}` answers `{command, result}`. */
@Controller('ops')
export class OpsController {
  constructor(
    @Inject(SERVICE_CONTEXT) private readonly context: ServiceContext,
    @Inject(OPS_TOKEN) private readonly token: string | null,
  ) {}

  @Get()
  list(@Req() request: Request): object {
    this.admit(request);
    return { service: this.context.name, commands: this.context.ops.list() };
  }

  @Post()
  @HttpCode(200)
  async run(@Req() request: Request, @Body() body: unknown): Promise<object> {
    this.admit(request);
    const parsed = requestSchema.safeParse(body);
    if (!parsed.success) {
      throw new StudybridgeError('This is not a command.', {
        code: 'BAD_ARGUMENTS',
        errorClass: 'participant',
        remedy: 'Send {"command": "jobs.list", "arguments": {}} as application/json.',
      });
    }
    const { command } = parsed.data;
    this.context.logger.info({ command }, 'operator command');
    return { command, result: (await this.context.ops.dispatch(command, parsed.data.arguments)) ?? null };
  }

  private admit(request: Request): void {
    if (this.token === null) {
      // Without a token only programs on this machine may ask, not a web page in its browser.
      if (request.header('origin') === undefined) return;
      throw refused('FORBIDDEN', 'Set OPS_TOKEN to give commands from a browser.');
    }
    const given = /^Bearer (.+)$/.exec(request.header('authorization') ?? '')?.[1] ?? '';
    const digest = (text: string): Buffer => createHash('sha256').update(text).digest();
    if (!timingSafeEqual(digest(given), digest(this.token))) {
      throw refused('UNAUTHORIZED', 'Send the value of OPS_TOKEN as a bearer token.');
    }
  }
}

function refused(code: string, remedy: string): StudybridgeError {
  return new StudybridgeError('Commands are not open to this request.', { code, errorClass: 'setting', remedy });
}
