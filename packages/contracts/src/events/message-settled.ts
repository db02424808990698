import { z } from 'zod';
import { reasonCodes } from '../reasons';
import { defineEvent } from './define-event';

/** How a message can end. `no-receipt`: a carrier took it and never said more. `in-doubt`: a person must look. */
export const messageStates = [
  'delivered',
  'no-receipt',
  'undelivered',
  'failed',
  'expired',
  'suppressed',
  'in-doubt',
] as const;
/** One of {@link messageStates}. */
export type MessageState = (typeof messageStates)[number];

/**
 * What became of a requested message. Said by messaging when a message reaches an end, and again should that end change
 * (a late receipt, a person's decision): the last one counts. No text, no number.
 */
export const messageSettled = defineEvent({
  type: 'message.settled',
  version: 1,
  schema: z.object({
    requestId: z.string().min(1),
    messageId: z.uuid(),
    participantId: z.uuid().nullable(),
    purpose: z.string().min(1),
    channel: z.enum(['sms', 'email']),
    state: z.enum(messageStates),
    reason: z.enum(reasonCodes).nullable(),
    /** Study time, ISO UTC. */
    settledAt: z.iso.datetime(),
  }),
  key: (payload) => payload.participantId ?? payload.requestId,
  example: {
    requestId: 'ismile.sandbox|7b0f4b0e-5d0c-4f0e-9d57-0d7c3d0f5a11|survey-2m|1',
    messageId: '0a0f4b0e-5d0c-4f0e-9d57-0d7c3d0f5a12',
    participantId: '7b0f4b0e-5d0c-4f0e-9d57-0d7c3d0f5a11',
    purpose: 'survey-2m',
    channel: 'sms',
    state: 'delivered',
    reason: null,
    settledAt: '2018-11-03T20:51:00Z',
  },
});
/** What {@link messageSettled} says. */
export type MessageSettled = z.infer<typeof messageSettled.schema>;
