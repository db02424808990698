import type { ModuleMetadata } from '@nestjs/common';
import { CreateCampaignTables1700000210000 } from './campaigns/create-campaign-tables';
import { defineCampaigns } from './campaigns/define-campaigns';
import { CreateJobTables1700000230000 } from './job-results/create-job-tables';
import { defineJobResults } from './job-results/define-job-results';
import { mailChannelOf } from './mail/mail-channel-of';
import { CreateReplyTables1700000220000 } from './replies/create-reply-tables';
import { defineReplies } from './replies/define-replies';
import type { Room } from './room';
import { addWebhooks } from './webhooks/add-webhooks';
import { CreateLogTables1700000240000 } from './write-back/create-log-tables';
import { defineWriteBack } from './write-back/define-write-back';

/** The tables of everything around the core, in order. */
export const featureMigrations = [
  CreateCampaignTables1700000210000,
  CreateReplyTables1700000220000,
  CreateJobTables1700000230000,
  CreateLogTables1700000240000,
];

/** Everything around the core, each through the room's seams; what Nest has to know of it. */
export function addFeatures(room: Room): Pick<ModuleMetadata, 'controllers' | 'providers'> {
  const mail = mailChannelOf(room.context.config, room.context.clock);
  if (mail) room.channels.set('email', mail);
  defineCampaigns(room);
  defineReplies(room);
  defineJobResults(room);
  defineWriteBack(room);
  return addWebhooks(room);
}
