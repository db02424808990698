import { Catch, HttpException, type ArgumentsHost, type ExceptionFilter } from '@nestjs/common';
import { StudybridgeError } from '@studybridge/contracts';
import type { Response } from 'express';
import { currentCorrelationId } from '../logging/correlation';
import type { Logger } from '../logging/create-logger';
import { scrubText } from '../logging/scrub-text';
import { replyStatus } from './reply-status';

/** Answers errors as `{code, message, remedy}`: ours as they say, anybody else's without any detail. */
@Catch()
export class ErrorFilter implements ExceptionFilter {
  constructor(private readonly logger: Logger) {}

  catch(error: unknown, host: ArgumentsHost): void {
    const response = host.switchToHttp().getResponse<Response>();
    if (response.headersSent) {
      response.end();
      return;
    }
    if (error instanceof StudybridgeError) {
      const { code } = error;
      if (error.errorClass === 'bug') this.logger.error({ err: error }, 'a request failed');
      response.status(replyStatus(error)).json({ code, message: scrubText(error.message), remedy: error.remedy });
      return;
    }
    const status = error instanceof HttpException ? error.getStatus() : statusOf(error);
    if (status === 404) {
      response.status(404).json({ code: 'NOT_FOUND', message: 'There is nothing here.', remedy: 'Check the address.' });
      return;
    }
    if (status !== undefined && status < 500) {
      const message = 'The request cannot be understood.';
      response.status(status).json({ code: 'BAD_REQUEST', message, remedy: 'Send a JSON object as application/json.' });
      return;
    }
    this.logger.error({ err: error }, 'a request failed');
    response.status(500).json({
      code: 'INTERNAL',
      message: 'Something went wrong inside the service.',
      remedy: `Look in its log for the correlation id ${currentCorrelationId() ?? 'of this request'}.`,
    });
  }
}

/** Errors of the body parser carry a status of their own. */
function statusOf(error: unknown): number | undefined {
  const status = (error as { status?: unknown } | null)?.status;
  return typeof status === 'number' && status >= 400 && status < 600 ? status : undefined;
}
