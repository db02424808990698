import type { Cause, MessageSettled, ReasonCode, Sealed } from '@studybridge/contracts';
import type { DueMessage, MessageLanguage } from '@studybridge/studies';

/**
 * Where a message is (messaging.md §9.1). `planned`: waits for something of its own (a link, its day); `held`: for what `reason`
 * says; `queued`: for its sender; `dispatching`: the provider may have it; `in-doubt`: nobody knows, it is looked for.
 */
export const messageRowStates = [
  'planned',
  'held',
  'queued',
  'dispatching',
  'in-doubt',
  'accepted',
  'sent',
  'delivered',
  'undelivered',
  'failed',
  'canceled',
  'no-receipt',
  'expired',
  'suppressed',
  'dry-run',
] as const;
/** One of {@link messageRowStates}. */
export type MessageRowState = (typeof messageRowStates)[number];

/** States in which nothing has been handed to a provider yet. */
export const waitingStates: readonly MessageRowState[] = ['planned', 'held', 'queued'];

/** One attempt to tell somebody something. Instants are study time but for `realDispatchedAt`. */
export interface Message {
  id: string;
  requestId: string;
  attempt: number;
  retryOf: string | null;
  binding: string;
  study: string;
  /** Null: to a mailbox or an operator, named in the data as `to`. */
  participantId: string | null;
  purpose: string;
  channel: 'sms' | 'email';
  template: string;
  cause: Cause;
  /** A person let it go on although its cause or date holds it (law 7). */
  released: boolean;
  correlationId: string;
  runId: string | null;
  /** What the campaign said, without its data. */
  due: Omit<DueMessage, 'data'> | null;
  /** Opens (context `message:<requestId>`) to `Record<string, string>`. */
  data: Sealed;
  notBefore: Date | null;
  expiresAt: Date;
  /** `link`: not before {@link giveData} brought the survey's link. */
  waitsFor: 'link' | null;
  state: MessageRowState;
  reason: ReasonCode | null;
  lookAt: Date | null;
  sender: string | null;
  language: MessageLanguage | null;
  /** Opens (context `letter:<id>`) to a `Letter`; noted right before the call. */
  letter: Sealed | null;
  toPrint: string | null;
  bodyPrint: string | null;
  encoding: string | null;
  segments: number | null;
  effectNo: number;
  plannedAt: Date;
  dispatchedAt: Date | null;
  realDispatchedAt: Date | null;
  sid: string | null;
  /** The provider's own word. */
  providerStatus: string | null;
  errorCode: string | null;
  /** US dollars, as billed. */
  price: string | null;
  providerCreatedAt: Date | null;
  providerUpdatedAt: Date | null;
  acceptedAt: Date | null;
  settledAt: Date | null;
  checks: number;
  checkAt: Date | null;
  /** What staff should look at. */
  attention: ReasonCode | null;
  /** The last `message.settled`. */
  said: MessageSettled | null;
}

/** What is handed to a provider. Lives in memory or sealed. */
export interface Letter {
  to: string;
  /** Null for a text. */
  subject: string | null;
  body: string;
}
