import { z } from 'zod';
import { defineEvent } from './define-event';

/** An operator's command to one service, the same ones that `npm run ops` gives over HTTP. `by` names who gave it. */
export const commandGiven = defineEvent({
  type: 'ops.command-given',
  version: 1,
  schema: z.object({
    commandId: z.uuid(),
    service: z.string().min(1),
    command: z.string().min(1),
    arguments: z.record(z.string(), z.unknown()),
    by: z.string().min(1),
  }),
  key: (payload) => payload.service,
  example: {
    commandId: '0a0f4b0e-5d0c-4f0e-9d57-0d7c3d0f5a11',
    service: 'redcap-gateway',
    command: 'jobs.run',
    arguments: { name: 'redcap-poll' },
    by: 'operator',
  },
});
/** What {@link commandGiven} says. */
export type CommandGiven = z.infer<typeof commandGiven.schema>;
