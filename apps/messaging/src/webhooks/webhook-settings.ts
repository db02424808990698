import { z } from 'zod';

/** Settings of the opt-in webhook profile. */
export const webhookSettings = {
  /** `on`: Twilio may call us, which only makes things sooner. Off, nothing listens but health, metrics and the operator's door. */
  WEBHOOKS: z.enum(['on', 'off']).default('off'),
  /** Our address as Twilio calls it, e.g. https://messages.example.org: signatures are checked against it, never against the Host header. */
  PUBLIC_BASE_URL: z
    .url()
    .transform((url) => url.replace(/\/+$/, ''))
    .optional(),
  /** Accepted beside TWILIO_AUTH_TOKEN while the token is changed. */
  TWILIO_AUTH_TOKEN_NEXT: z.string().min(8).optional(),
};
