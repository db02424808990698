import type { Router } from 'express';
import { z } from 'zod';
import { readTwilioChange } from '../twilio/twilio-settings';
import { sandboxError } from './sandbox-error';
import type { SandboxWorld } from './world';

const sent = z.strictObject({ to: z.string().min(1), body: z.string() });

/** `/__sandbox/twilio`, `/handsets` and `/mailbox`; see `src/twilio/README.md`. */
export function mountMessengerRoutes(router: Router, world: SandboxWorld): void {
  router.get('/twilio', (_req, res) => {
    res.json(world.twilioView());
  });
  router.post('/twilio', (req, res) => {
    world.changeTwilio(readTwilioChange(req.body));
    res.json(world.twilioView());
  });
  router.get('/twilio/creates', (req, res) => {
    res.json({ creates: world.twilioCreates(after(req.query['after'])) });
  });
  router.get('/twilio/messages', (req, res) => {
    res.json({ messages: world.twilioMessages(after(req.query['after'])) });
  });
  router.get('/twilio/callbacks', (_req, res) => {
    res.json({ callbacks: world.twilioStandIn.webhooks() });
  });

  router.get('/handsets', (_req, res) => {
    res.json({ handsets: world.handsets() });
  });
  router.get('/handsets/:mobile', (req, res) => {
    res.json(world.handset(req.params.mobile));
  });
  router.post('/handsets/:mobile/send', (req, res) => {
    const parsed = sent.safeParse(req.body);
    if (!parsed.success) {
      const problem = z.prettifyError(parsed.error).replaceAll('\n', ' ');
      throw sandboxError('REQUEST_NOT_UNDERSTOOD', problem, 'Send {"to": number, "body": text}.');
    }
    res.json({ sid: world.sendText(req.params.mobile, parsed.data.to, parsed.data.body) });
  });

  router.get('/mailbox', (req, res) => {
    res.json({ messages: world.mailbox(after(req.query['after'])) });
  });
  router.get('/mailbox/:n', (req, res, next) => {
    const mail = world.mailServer.mailbox.get(Number(req.params.n));
    if (!mail) return next();
    res.json(mail);
  });
}

function after(given: unknown): number {
  const n = Number(given ?? 0);
  return Number.isInteger(n) && n > 0 ? n : 0;
}
