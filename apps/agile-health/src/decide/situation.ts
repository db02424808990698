import type { ReasonCode } from '@studybridge/contracts';

/** A call to the partner that was refused, and for which content. */
export interface Refusal {
  kind: SendKind;
  reason: ReasonCode;
  /** Hash of the details, or the arm. */
  content: string;
  /** Which fields the partner refused, as `field:CODE`; names only. */
  fields: string[];
}

/** What can be asked of the partner. `adopt` only looks. */
export type SendKind = 'adopt' | 'enrol' | 'update' | 'arm' | 'withdraw';

/** The causes that send nothing by themselves (law 7). */
export type HoldCause = 'baseline' | 'schema' | 'restore';

/** Everything that a decision about one participant may depend on. Dates are `YYYY-MM-DD` in the study's zone. */
export interface Situation {
  presence: 'present' | 'deleted' | 'in-doubt';
  consented: boolean;
  consentDate: string | null;
  withdrawn: boolean;
  /** The enrolment gate's first reason (studies.md §1.5). */
  gate: ReasonCode | null;
  /** The mapped details as a hash, or why they cannot be mapped. */
  details: { hash: string } | { problem: ReasonCode };
  arm: { arm: string; randomizedOn: string } | { problem: ReasonCode } | null;
  /** Law 7: whether the last cause may reach the outside by itself. */
  acts: boolean;
  released: boolean;
  /** A baseline found the family ready and unknown at the partner; stays until a person releases it. */
  baselineHold: boolean;
  /** What a baseline, a change of schema or a restore found to differ, and which may not go out by itself: details, arm. */
  heldDetails: string | null;
  heldArm: string | null;
  /** Why something is held, or would be now. */
  holdCause: HoldCause | null;
  /** What came of looking for the family at the partner without sending anything. */
  adoption: 'none' | 'pending' | 'missing' | 'found';
  goLiveOn: string | null;
  today: string;
  expiresAfterDays: number;
  member: { sentHash: string | null; arm: string | null; withdrawn: boolean } | null;
  /** The content of effects that were given out and have not ended. */
  open: { enrol: string | null; update: string | null; arm: string | null; withdraw: string | null };
  refusal: Refusal | null;
}

/** What is to be. `sends` says, per kind, the content that should be under way now; null = nothing should be. */
export interface Decision {
  /** Why a consented family has no member; null for all others. */
  held: ReasonCode | null;
  /** What the service itself met and staff should look at; the partner's statuses come on top. */
  problems: ReasonCode[];
  sends: { adopt: boolean; enrol: string | null; update: string | null; arm: string | null; withdraw: string | null };
  /** What was refused has changed: the partner may be asked again. */
  refusalOver: boolean;
  baselineHold: boolean;
  heldDetails: string | null;
  heldArm: string | null;
}
