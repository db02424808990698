import type { ModuleMetadata } from '@nestjs/common';
import { SettingsError } from '@studybridge/service-kit';
import type { Room } from '../room';
import { WEBHOOK_ROOM, WebhooksController } from './webhooks.controller';

/**
 * The opt-in profile in which Twilio calls us: two addresses below `PUBLIC_BASE_URL`, `/twilio/status/<message>` and `/twilio/inbound`
 * (to be set at the number). Off, there are no such addresses. Throws a SettingsError for a profile without what it needs.
 */
export function addWebhooks(room: Room): Pick<ModuleMetadata, 'controllers' | 'providers'> {
  const { config, name } = room.context;
  if (config.WEBHOOKS === 'off') return {};
  const { PUBLIC_BASE_URL: base } = config;
  if (base === undefined || room.twilio === null) {
    const sentence = 'WEBHOOKS is on, and PUBLIC_BASE_URL or the Twilio account is missing.';
    throw new SettingsError(name, [{ sentence, remedy: 'Set both, or WEBHOOKS=off: nothing depends on them.' }]);
  }
  room.webhookBase = base;
  room.callbackFor = (messageId) => `${base}/twilio/status/${messageId}`;
  return { controllers: [WebhooksController], providers: [{ provide: WEBHOOK_ROOM, useValue: room }] };
}
