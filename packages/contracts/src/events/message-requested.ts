import { z } from 'zod';
import { sealedSchema } from '../sealed';
import { defineEvent } from './define-event';

/**
 * A service asks that a message be sent. messaging decides at the moment of sending whether it still may (consent,
 * opt-out, window, caps, kill switch) and says what became of it in `message.settled`. The same `requestId` asked again
 * is the same message: it is a permanent effect key, e.g. `ismile.production|<participant>|survey-2m|1`.
 */
export const messageRequested = defineEvent({
  type: 'message.requested',
  version: 1,
  schema: z.object({
    requestId: z.string().min(1),
    /** Whose consent, phone, language and zone count; null for a message to a mailbox or an operator. */
    participantId: z.uuid().nullable(),
    /** What it is for, a name of the study's purposes, e.g. `survey-2m`; caps and kill switches know it. */
    purpose: z.string().min(1),
    channel: z.enum(['sms', 'email']),
    /** A name of the study's templates. */
    template: z.string().min(1),
    /**
     * Opens (context `message:<requestId>`) to `Record<string, string>`: what the template needs beside the participant's
     * own rows; for a message without participant also `to` (E.164 or address) and `language`.
     */
    data: sealedSchema,
    /** Study time, ISO UTC: not before. Null = at once. */
    notBefore: z.iso.datetime().nullable(),
    /** Study time, ISO UTC: later than this it is closed as expired, never sent. */
    expiresAt: z.iso.datetime(),
  }),
  key: (payload) => payload.participantId ?? payload.requestId,
  example: {
    requestId: 'ismile.sandbox|7b0f4b0e-5d0c-4f0e-9d57-0d7c3d0f5a11|survey-2m|1',
    participantId: '7b0f4b0e-5d0c-4f0e-9d57-0d7c3d0f5a11',
    purpose: 'survey-2m',
    channel: 'sms',
    template: 'survey-invitation',
    data: { keyId: 'k1', nonce: 'AAAAAAAAAAAAAAAA', data: 'AAAA' },
    notBefore: null,
    expiresAt: '2018-11-04T03:00:00Z',
  },
});
/** What {@link messageRequested} says. */
export type MessageRequested = z.infer<typeof messageRequested.schema>;
