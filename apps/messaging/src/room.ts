import type { Effects } from '@studybridge/effects';
import type { EventBus } from '@studybridge/event-bus';
import type { Binding, ServiceContext } from '@studybridge/service-kit';
import type { MessagePurpose, MessageTemplate, MessagingDefinition, StudyDefinition } from '@studybridge/studies';
import type { EntityManager } from 'typeorm';
import type { Message } from './messages/message';
import type { Participant } from './participants/participant-store';
import type { Channel } from './send/channel';
import type { Senders } from './senders/senders';
import type { MessagingSettings } from './settings';
import type { TwilioClient } from './twilio/twilio-client';

/** One binding of a study that texts or mails its participants. */
export interface Place {
  binding: Binding;
  study: StudyDefinition;
  messaging: MessagingDefinition;
  /** `goLiveAt` as a day in the study's zone; null = not live yet, or no bound where `live` says so. */
  goLiveOn: string | null;
}

/** Called inside the transaction that changes the message, after it was saved. It must not call the outside. */
type MessageHook = (em: EntityManager, message: Message) => Promise<void>;

/** Where a process may die around a send, and between a question about a message and the note of its answer. For proofs only: no app sets it from its environment. */
export type MessagingPoint = 'message.noted' | 'message.posted' | 'message.asked';

/** What the parts of this service share. */
export interface Room {
  context: ServiceContext<MessagingSettings>;
  bus: EventBus;
  effects: Effects;
  /** By the binding's id. */
  places: ReadonlyMap<string, Place>;
  senders: Senders;
  /** The one client of Twilio; null where no account is set. */
  twilio: TwilioClient | null;
  /** The start of our own webhooks' addresses, where the webhook profile is on; see `callbackFor` of the texts' channel. */
  webhookBase: string | null;
  /** Where Twilio's news of a message are wanted; set by the webhook profile. */
  callbackFor: ((messageId: string) => string) | null;
  checkSenders: (() => Promise<{ checked: number; problems: number }>) | null;
  channels: Map<Message['channel'], Channel>;
  /** Purposes and templates that no study declares (job results, alerts), added while the module is built. */
  ownPurposes: Map<string, MessagePurpose>;
  ownTemplates: Map<string, MessageTemplate>;
  hooks: {
    /** The message reached an end, or another end than before. */
    settled: MessageHook[];
    /** Anything that is told of a message changed: state, SID, error, price. */
    changed: MessageHook[];
    /** A participant's state in REDCap changed; called after what waits was decided upon anew. */
    participant: ((em: EntityManager, participant: Participant) => Promise<void>)[];
  };
  /** May throw or kill; see {@link MessagingPoint}. */
  at(point: MessagingPoint): Promise<void>;
}
