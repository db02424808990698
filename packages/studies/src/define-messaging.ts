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
  /** How many SMS segments the longest text may have (messaging.md §4). */
  maxSegments?: number;
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
  /** Where the study's SMS log of this message stands; null = no write-back. */
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

/** An earlier message of the same campaign to the same participant. */
export interface SentBefore {
  purpose: string;
  occurrence: string;
  /** `YYYY-MM-DD` in the participant's zone; null while it waits. */
  sentOn: string | null;
}

/** A run over all participants at a schedule: who is due what. Decided by the study folder alone, from the rows. */
export interface MessageCampaign {
  /** Name of the job, e.g. `survey-invitations`; its schedule stands in the study's `schedules`. */
  job: string;
  purposes: readonly string[];
  /** `person` holds clear and identifying rows merged; `today` is `YYYY-MM-DD` in the participant's zone. A reason for those who get nothing now. */
  due(
    person: readonly Row[],
    facts: { today: string; sentBefore: readonly SentBefore[] },
  ): DueMessage[] | ReasonCode | null;
  /** Asked again right before the send: the first reason why it must not go any more; null = it may. */
  stillDue(person: readonly Row[], message: DueMessage): ReasonCode | null;
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
