import { z } from 'zod';

/** Settings of the mail server. Without `SMTP_HOST` no mail leaves; messages by mail are held. */
export const mailSettings = {
  SMTP_HOST: z.string().min(1).optional(),
  SMTP_PORT: z.coerce.number().int().min(1).max(65_535).default(587),
  /** `implicit`: from the first byte; `required`: by STARTTLS; `offered`: where the server offers it; `off`: never. */
  SMTP_TLS: z.enum(['implicit', 'required', 'offered', 'off']).default('required'),
  SMTP_USER: z.string().min(1).optional(),
  SMTP_PASSWORD: z.string().min(1).optional(),
  /** How long the server may be silent, real time. */
  SMTP_TIMEOUT_MS: z.coerce.number().int().min(100).max(600_000).default(60_000),
  /** The address that mails come from, alone or as `iSMILE study <ismile@example.org>`. */
  MAIL_FROM: z
    .string()
    .regex(/^([^<>\r\n]*<)?[^\s<>@]+@[^\s<>@]+>?$/)
    .optional(),
};
