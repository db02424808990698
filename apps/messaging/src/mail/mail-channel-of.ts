import type { MessagingSettings } from '../settings';
import type { Channel } from '../send/channel';
import { mailChannel } from './mail-channel';
import type { Clock } from '@studybridge/contracts';

/** The channel of mails as the settings describe it; null where there is no mail server. */
export function mailChannelOf(config: MessagingSettings, clock: Clock): Channel | null {
  const { SMTP_HOST: host, MAIL_FROM: from, SMTP_USER: user, SMTP_PASSWORD: pass } = config;
  if (host === undefined || from === undefined) return null;
  return mailChannel({
    access: {
      host,
      port: config.SMTP_PORT,
      tls: config.SMTP_TLS,
      login: user === undefined ? null : { user, pass: pass ?? '' },
      timeoutMs: config.SMTP_TIMEOUT_MS,
    },
    from,
    clock,
  });
}
