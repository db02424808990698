import type { ReasonCode, Row } from '@studybridge/contracts';

/** Details of the family that tailor the texts; an attribute that the survey left blank is left out. */
export interface MemberAttributes {
  brushFrequency?: 'less_than_daily' | 'once_daily' | 'twice_daily_or_more';
  lastDentalVisit?: 'within_6_months' | '6_to_12_months' | 'over_a_year' | 'never';
  bottleInBed?: boolean;
  topic?: 'bottle' | 'sugary_drinks' | 'fluoride' | 'physical_activity' | 'second_hand_smoke' | 'stress';
}

/** How the texting partner words a person's gender. */
export type MemberGender = 'female' | 'male' | 'another' | 'undisclosed';

/** A member as the texting partner takes it (studies.md §6), everything but `externalId`. */
export interface MemberBody {
  firstName: string;
  lastName: string;
  /** Left out when REDCap holds none. */
  gender?: MemberGender;
  /** E.164. */
  mobile: string;
  language: 'en' | 'es';
  childFirstName: string;
  childGender: MemberGender;
  /** `YYYY-MM-DD`. */
  childDob: string;
  siteCode: 'BMC' | 'DOT' | 'COD' | 'SEC';
  /** IANA zone of the family. */
  timezone: string;
  attributes: MemberAttributes;
}

/** The trial's arms as the partner names them. Blinded: see law 8. */
export type AgileArm = 'OHT' | 'CWT';

/** One partner status: the code of `ag_status` and the label written beside it. */
export interface AgileStatus {
  code: string;
  label: string;
}

/** What `attentionOf` decides from. Instants are study time. */
export interface AttentionFacts {
  /** The partner's own word, known or not; null before there is a member. */
  status: string | null;
  statusAt: Date | null;
  /** Whether the last change of status was one that `mayMove` allows. */
  moveAllowed: boolean;
  /** `rand_date` as `YYYY-MM-DD`, null when not randomised. */
  randomizedOn: string | null;
  /** What the service itself met and has not seen put right, e.g. DUPLICATE_MOBILE, REFUSED_FIELDS, ARM_CONFLICT. */
  problems: readonly ReasonCode[];
  now: Date;
}

/** The fields of the form that agile-health owns, by what they mean. */
export interface AgileFields {
  memberId: string;
  enrollStatus: string;
  status: string;
  statusLabel: string;
  /** Study-zone wall time. */
  statusDate: string;
  optinDate: string;
  optoutDate: string;
  /** Holds the code of the randomisation field, e.g. `2`. */
  armSent: string;
  armSentTs: string;
  lastSentHash: string;
  lastError: string;
  lastTimestamp: string;
  needsAttention: string;
  attentionReason: string;
}

/** How a study works with the texting partner. A `person` is all rows of one participant, clear and identifying values merged. */
export interface AgileHealthDefinition {
  /** The partner's programme, one per study: its name must not give the arm away. */
  program: string;
  project: 'main';
  /** The zone that is sent as the family's. */
  timezone: string;
  consented(person: readonly Row[]): boolean;
  /** `YYYY-MM-DD`; null when not consented. */
  consentDate(person: readonly Row[]): string | null;
  withdrawn(person: readonly Row[]): boolean;
  /** The enrolment gate (studies.md §1.5): the first reason that holds, null = may enrol. Asked of consented families only. */
  gate(person: readonly Row[]): ReasonCode | null;
  /** Throws a MappingError (participant; UNKNOWN_CODE or PHONE_INVALID). */
  member(person: readonly Row[]): MemberBody;
  /** The way back: the REDCap cells that hold this member, as rows. Throws a MappingError for a word that no code stands for. */
  fromMember(member: MemberBody): Row[];
  /** Null until both the arm and the date are there. Throws a MappingError for an unknown arm code. */
  arm(person: readonly Row[]): { arm: AgileArm; randomizedOn: string } | null;
  /** The REDCap code of an arm, for `armSent`. */
  armCode(arm: AgileArm): string;
  /** By the partner's word. A word that is not here is `unknownStatus`, with the raw word as its label. */
  statuses: Readonly<Record<string, AgileStatus>>;
  unknownStatus: AgileStatus;
  /** The partner's word for an `ag_status` code; null for the unknown one and for blank. */
  statusOfCode(code: string): string | null;
  /**
   * Whether a status may follow another. Polls see last states, so one or several allowed moves in a row count; staying
   * is allowed, and so is anything after null or after an unknown word. An unknown word is never allowed.
   */
  mayMove(from: string | null, to: string): boolean;
  /** What staff should look at, the most pressing first: that one goes into REDCap. Empty for a withdrawn member. */
  attentionOf(facts: AttentionFacts): ReasonCode[];
  /** Codes of `cells.fields.enrollStatus`. */
  enrollStatuses: { notSent: string; sent: string; confirmed: string; held: string; refused: string };
  /** Where the service writes. */
  cells: { event: string; instrument: string; fields: AgileFields };
}
