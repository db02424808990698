import { randomUUID } from 'node:crypto';
import type { NextFunction, Request, Response } from 'express';
import { Histogram, type Registry } from 'prom-client';
import { runCorrelated } from '../logging/correlation';

/** Middleware: a correlation id for each request (theirs, when it is a plain word), and how long each route took. */
export function observeRequests(registry: Registry) {
  const seconds = new Histogram({
    name: 'studybridge_http_request_seconds',
    help: 'HTTP requests by method, route and status.',
    labelNames: ['method', 'route', 'status'],
    buckets: [0.005, 0.02, 0.1, 0.5, 2, 10],
    registers: [registry],
  });
  return (request: Request, response: Response, next: NextFunction): void => {
    const given = request.header('x-correlation-id');
    const correlationId = given !== undefined && /^[\w.-]{1,64}$/.test(given) ? given : randomUUID();
    response.setHeader('x-correlation-id', correlationId);
    const stop = seconds.startTimer();
    response.on('finish', () => {
      // The route's pattern, never the path: a path may hold an id.
      const route = (request.route as { path?: unknown } | undefined)?.path;
      stop({
        method: request.method,
        route: typeof route === 'string' ? route : 'none',
        status: String(response.statusCode),
      });
    });
    runCorrelated(correlationId, next);
  };
}
