import express, { type Express } from 'express';
import { z } from 'zod';
import { StudybridgeError } from '@studybridge/contracts';
import { readFaults } from './faults';
import { StaffActionError } from '../redcap/records/save-record';
import { serverActions, type ServerAction } from '../redcap/server-hands';
import { mountMessengerRoutes } from './messenger-routes';
import { playWorld } from './play-world';
import { sandboxError } from './sandbox-error';
import { sandboxToken } from './tokens';
import type { SandboxWorld, TimelineStep } from './world';

const text = z.string();
const actions = z.discriminatedUnion('do', [
  z.strictObject({
    do: z.literal('save'),
    record: text,
    event: text,
    values: z.record(text, text),
    instrument: text.optional(),
    instance: z.number().int().min(1).optional(),
    user: text,
  }),
  z.strictObject({ do: z.literal('delete-record'), record: text, user: text }),
  z.strictObject({ do: z.literal('rename-record'), record: text, to: text, user: text }),
  z.strictObject({ do: z.literal('text'), mobile: text, body: text, to: text.optional() }),
  z.strictObject({ do: z.literal('partner'), mobile: text, status: text }),
]);

const clockChange = z.union([
  z.strictObject({ advanceTo: z.iso.datetime({ offset: true }) }),
  z.strictObject({ speed: z.number().positive() }),
  z.strictObject({ pause: z.literal(true) }),
]);

const playRequest = z.strictObject({
  services: z.array(z.strictObject({ name: text.min(1), url: z.url() })).min(1),
  opsToken: text.optional(),
  until: z.iso.datetime({ offset: true }).optional(),
  timeoutMs: z.number().int().positive().optional(),
});

/** `/__sandbox/…`: the world's strings, for tests, the conductor and whoever wants to see what happens. */
export function mountSandboxRoutes(app: Express, world: SandboxWorld): void {
  const router = express.Router();
  app.use('/__sandbox', express.json({ limit: '256mb', type: () => true }), router);

  router.get('/clock', (_req, res) => {
    res.json({
      now: world.now.toISOString(),
      changedAt: world.changedAt.toISOString(),
      textedAt: world.textedAt.toISOString(),
    });
  });
  router.post('/clock', (req, res) => {
    const change = understood(clockChange, req.body, 'Send {"advanceTo": instant}, {"speed": n} or {"pause": true}.');
    if ('advanceTo' in change) world.advanceTo(new Date(change.advanceTo));
    else if ('speed' in change) world.run(change.speed);
    else world.pause();
    res.json({
      now: world.now.toISOString(),
      changedAt: world.changedAt.toISOString(),
      textedAt: world.textedAt.toISOString(),
      nextEventAt: world.nextEventAt()?.toISOString() ?? null,
      ended: world.ended,
      speed: world.speed,
    });
  });

  router.get('/faults', (_req, res) => {
    res.json({ faults: world.faults() });
  });
  router.post('/faults', (req, res) => {
    const added = readFaults(req.body).map(({ target, fault }) => world.addFault(target, fault));
    res.status(201).json({ faults: added });
  });
  router.delete(['/faults', '/faults/:id'], (req, res) => {
    const id = req.params['id'];
    world.clearFaults(id === undefined ? undefined : Number(id));
    res.json({ faults: world.faults() });
  });

  router.post('/act', (req, res) => {
    const action: TimelineStep = understood(actions, req.body, 'Send one action of a timeline, without its instant.');
    world.act(action);
    res.json({ now: world.now.toISOString() });
  });
  router.get('/projects', (_req, res) => {
    res.json({ projects: world.redcapStandIn.glance?.() ?? [] });
  });
  router.post('/redcap', (req, res) => {
    const asked: ServerAction = understood(serverActions, req.body, 'Send one action on the server, with its project.');
    // A token is given before the journal has the action, so that the same one comes back from it.
    const named = asked.do === 'add-token' && asked.token === undefined;
    const action = named ? { ...asked, token: sandboxToken(`${asked.project} ${asked.username}`) } : asked;
    try {
      res.json({ ...world.onRedcap(action), now: world.now.toISOString() });
    } catch (error) {
      if (!(error instanceof StaffActionError)) throw error;
      throw sandboxError('ACTION_REFUSED', error.message, 'Look at the project, then try another action.', error);
    }
  });
  router.post('/snapshot', (req, res) => {
    world.restore(
      understood(z.record(z.string(), z.unknown()), req.body, 'Send what GET /__sandbox/snapshot answered.'),
    );
    res.json({ now: world.now.toISOString() });
  });
  router.get('/snapshot', (_req, res) => {
    res.json(world.snapshot());
  });
  router.post('/reset', (_req, res) => {
    world.reset();
    res.json({ now: world.now.toISOString() });
  });
  router.get('/log', (_req, res) => {
    res.json({ lines: world.log(400) });
  });

  mountMessengerRoutes(router, world);

  router.post('/play', async (req, res) => {
    const asked = understood(
      playRequest,
      req.body,
      'Send {"services":[{"name","url"}],"opsToken"?,"until"?,"timeoutMs"?}.',
    );
    res.status(200).setHeader('Content-Type', 'application/x-ndjson');
    const tell = (line: unknown) => res.write(`${JSON.stringify(line)}\n`);
    const stopped = new AbortController();
    res.on('close', () => stopped.abort());
    try {
      const result = await playWorld({
        world,
        services: asked.services,
        opsToken: asked.opsToken,
        until: asked.until === undefined ? undefined : new Date(asked.until),
        timeoutMs: asked.timeoutMs,
        signal: stopped.signal,
        onProgress: (progress) => tell({ progress }),
      });
      tell({ result });
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      tell(
        error instanceof StudybridgeError
          ? { error: `${message} ${error.remedy}`, code: error.code }
          : { error: message, code: 'SANDBOX_FAILED' },
      );
    }
    res.end();
  });
}

function understood<S extends z.ZodType>(schema: S, body: unknown, remedy: string): z.infer<S> {
  const parsed = schema.safeParse(body);
  if (parsed.success) return parsed.data;
  throw sandboxError('REQUEST_NOT_UNDERSTOOD', z.prettifyError(parsed.error).replaceAll('\n', ' '), remedy);
}
