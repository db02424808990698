import type { ReasonCode, Row } from '@studybridge/contracts';

/** A language in which the study writes. */
export type MessageLanguage = 'en' | 'es';

/** A text or mail in every language of the study. `D` is what it is filled with. */
export interface MessageTemplate<D extends Record<string, string> = Record<string, string>> {
  channel: 'sms' | 'email';
  /** Mail only. */
  subject?: Record<MessageLanguage, (data: D) => string>;
  body: Record<MessageLanguage, (data: D) => string>;
  /** The longest data that may be expected, for the linter's count of segments. */
  longest: D;
  /** Fields of the data that may be empty; any other empty or missing one is TEMPLATE_DATA_MISSING. */
  optional?: readonly (keyof D & string)[];
  /** How many SMS segments the longest text may have; default 1 (messaging.md §4). */
  maxSegments?: number;
  /** Fields of the data that hold a person's name, which the study allows in this text. Any other identifier never may stand in one. */
  names?: readonly (keyof D & string)[];
}

/** Why a message is sent: caps, switches and the answer to doubt hang on it. */
export interface MessagePurpose {
  /** One sentence for staff. */
  title: string;
  channel: 'sms' | 'email';
  /** Study texts need the participant's agreement to be texted; `operator` goes to the people who run Studybridge. */
  audience: 'participant' | 'operator' | 'staff';
  /** What happens at a closed send window: wait for the next one (within `expiresAt`), or give the message up. */
  atClosedWindow: 'hold' | 'drop';
  /** A send of unknown outcome that was never found in the provider's list: closed as not resent, or listed for a person. */
  inDoubt: 'close' | 'person';
  /** Per participant; null = only the study's own caps. */
  cap: { perDay: number; perWeek: number } | null;
}

/** A message that a campaign wants sent. */
export interface DueMessage {
  purpose: string;
  template: string;
  /** Makes the effect key permanent together with participant and purpose, e.g. `1` for the first attempt. */
  occurrence: string;
  /** Where the study's SMS log of this message stands: `instance` where the live project repeats the log, else its one row; null = no write-back. */
  log: { event: string; instance: number } | null;
  /** Survey whose link the text carries as `data.link`; null = none. */
  link: { event: string; instrument: string; instance: number } | null;
  data: Record<string, string>;
  /** `YYYY-MM-DD` in the study's zone: the fact that decided it (randomisation, visit), for `goLiveAt` (law 7). */
  decidedOn: string;
  /** First and last day (`YYYY-MM-DD`, participant's zone, inclusive) on which it may go out. */
  firstDay: string;
  lastDay: string;
}

/** An earlier message of the same campaign to the same participant; also one that was closed without having gone out. */
export interface SentBefore {
  purpose: string;
  occurrence: string;
  /** `YYYY-MM-DD` in the participant's zone; null while it waits, and when it did not go out. One in doubt counts as sent. */
  sentOn: string | null;
  /** The same as an instant, ISO UTC: for spacings in hours. */
  sentAt: string | null;
  /** Whether it may still go out. */
  waiting: boolean;
}

/** What a campaign decides from beside the rows. */
export interface CampaignFacts {
  /** `YYYY-MM-DD` in the participant's zone. */
  today: string;
  /** ISO UTC, study time. */
  now: string;
  sentBefore: readonly SentBefore[];
}

/** A run over all participants at a schedule: who is due what. Decided by the study folder alone, from the rows. */
export interface MessageCampaign {
  /** Name of the job, e.g. `survey-invitations`; its schedule stands in the study's `schedules`. */
  job: string;
  purposes: readonly string[];
  /**
   * `person` holds clear and identifying rows merged. Asks `mayReceive` too, so that nothing is planned for who may not be
   * written to. The reason for those who get nothing now; null where there is nothing
   * to say (not due yet, all sent). Throws a MappingError for a code that is not known.
   */
  due(person: readonly Row[], facts: CampaignFacts): DueMessage[] | ReasonCode | null;
  /** Asked again right before the send, `today` in the participant's zone: the first reason why it must not go any more; null = it may. */
  stillDue(person: readonly Row[], message: DueMessage, today: string): ReasonCode | null;
}

/** The fields of the study's SMS log (messaging.md §0), by what they mean. All are the messaging service's but `manualDate`. */
export interface SmsLogFields {
  message: string;
  lastTimestamp: string;
  mobileNumber: string;
  sid: string;
  status: string;
  dateCreated: string;
  dateUpdated: string;
  errorCode: string;
  errorMessage: string;
  manualDate: string;
  complete: string;
}

/** A template as its campaign uses it. */
export interface DefinedTemplate<D extends Record<string, string>> extends MessageTemplate {
  /** The data of a `DueMessage`: everything but the survey's link, which is found right before the send. */
  data(values: Omit<D, 'link'>): Record<string, string>;
}

/** Declares a template: a field that the data does not have, and a missing language, do not compile. */
export function defineTemplate<D extends Record<string, string>>(template: MessageTemplate<D>): DefinedTemplate<D> {
  // the linter has shown that every body resolves with the fields of `longest`, and nothing is sent without them
  return { ...(template as unknown as MessageTemplate), data: (values) => ({ ...values }) };
}

/** How a study texts and mails its participants. A `person` is all rows of one participant, clear and identifying values merged. */
export interface MessagingDefinition {
  project: 'main';
  languages: readonly MessageLanguage[];
  /** The participant's IANA zone: quiet hours are theirs (law 10). */
  zoneOf(person: readonly Row[]): string;
  /** Wall time `HH:MM` in the participant's zone, both within 08:00–21:00 (messaging.md §4). */
  sendWindow: { from: string; to: string };
  /** E.164; null when none is recorded. Throws a MappingError (PHONE_INVALID). */
  mobile(person: readonly Row[]): string | null;
  email(person: readonly Row[]): string | null;
  /** Null = not chosen: nothing is sent. */
  language(person: readonly Row[]): MessageLanguage | null;
  /** The first reason why this person is not written to on a channel (consent, withdrawal, no number); null = may be. */
  mayReceive(person: readonly Row[], channel: 'sms' | 'email'): ReasonCode | null;
  purposes: Readonly<Record<string, MessagePurpose>>;
  templates: Readonly<Record<string, MessageTemplate>>;
  campaigns: readonly MessageCampaign[];
  /** Over all purposes, per participant and per run of a campaign. */
  caps: { perParticipantPerDay: number; perParticipantPerWeek: number; perRun: number };
  /** The study's SMS log; null = nothing is written back. `repeating` is asked of the live project. */
  log: { instrument: string; fields: SmsLogFields } | null;
  /** Automatic answers to replies, per language; `referral` is the one for a reply nobody expects (messaging.md §9.7). */
  replies: { referral: Record<MessageLanguage, string>; help: Record<MessageLanguage, string> };
}
