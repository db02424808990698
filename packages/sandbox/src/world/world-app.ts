import express, { type Express, type NextFunction, type Request, type Response } from 'express';
import { StudybridgeError } from '@studybridge/contracts';
import { knowRequest, type JournaledRequest } from './request-context';
import { mountPages } from './pages';
import { mountSandboxRoutes } from './sandbox-routes';
import type { SandboxWorld } from './world';

/** The one HTTP application of a world: partners, `/__sandbox/` and the pages for people. */
export function worldApp(world: SandboxWorld, replayed: () => JournaledRequest | null): Express {
  const app = express();
  app.disable('x-powered-by');
  app.set('etag', false);
  const { latencyMs } = world.options;
  const partnerPaths = ['/redcap', '/api', '/surveys', '/agile', '/twilio'];
  if (latencyMs) {
    app.use(partnerPaths, (_req, _res, next) => {
      setTimeout(next, latencyMs);
    });
  }
  app.use(partnerPaths, knowRequest(replayed, world.options.stateFile !== undefined));
  const partners = express.Router();
  world.redcapStandIn.mount(partners);
  world.agileStandIn.mount(partners);
  world.twilioStandIn.mount(partners);
  app.use(partners);
  app.get(['/health/live', '/health/ready'], (_req, res) => {
    res.json({ status: 'ok' });
  });
  mountSandboxRoutes(app, world);
  mountPages(app, world);
  app.use((req, res) => {
    res.status(404).json({ code: 'NOT_FOUND', message: `There is nothing at ${req.method} ${req.path}.` });
  });
  app.use((error: unknown, _req: Request, res: Response, next: NextFunction) => {
    if (res.headersSent) return next(error);
    const { status, body } = describeError(error);
    if (status >= 500) world.say(`an error of the sandbox itself: ${body.message}`);
    res.status(status).json(body);
  });
  return app;
}

function describeError(error: unknown): { status: number; body: { code: string; message: string; remedy?: string } } {
  if (error instanceof StudybridgeError) {
    return {
      status: error.errorClass === 'bug' ? 500 : 400,
      body: { code: error.code, message: error.message, remedy: error.remedy },
    };
  }
  const message = error instanceof Error ? error.message : String(error);
  const given = (error as { status?: unknown }).status;
  const status = typeof given === 'number' && given >= 400 && given < 500 ? given : 500;
  return { status, body: { code: status === 500 ? 'SANDBOX_FAILED' : 'MALFORMED', message } };
}
