import type { Cause, MemberChanged, ReasonCode, Row, Sealed } from '@studybridge/contracts';
import type { EntityManager } from 'typeorm';
import type { HoldCause, Refusal } from '../decide/situation';

/** One participant as this service keeps it. Instants are study time. */
export interface Participant {
  participantId: string;
  binding: string;
  study: string;
  recordId: string;
  incarnation: number;
  presence: 'present' | 'deleted' | 'in-doubt';
  cause: Cause;
  correlationId: string;
  asOf: Date;
  /** Values that do not identify; the others are in `sealed`. */
  rows: Row[];
  sealed: Sealed;
  acts: boolean;
  released: boolean;
  baselineHold: boolean;
  /** See `Situation`. */
  heldDetails: string | null;
  heldArm: string | null;
  holdCause: HoldCause | null;
  /** What these rows were to the partner when they were heard: another value later means that the mapping changed. */
  detailsHash: string | null;
  adoption: 'none' | 'pending' | 'missing' | 'found';
  consented: boolean;
  /** What should be sent now, by kind: read again right before each send. */
  wanted: Partial<Record<'enrol' | 'update' | 'arm' | 'withdraw', string>>;
  held: ReasonCode | null;
  attention: ReasonCode[];
  adoptNo: number;
  enrolNo: number;
  enrolOpen: string | null;
  updateNo: number;
  updateOpen: string | null;
  armNo: number;
  armOpen: string | null;
  withdrawNo: number;
  withdrawOpen: string | null;
  refusal: Refusal | null;
  /** Something changed while nothing was to be decided, after the database was put back. */
  undecided: boolean;
  /** The last `memberChanged`. */
  said: MemberChanged | null;
}

/** Property and column of everything but the primary key. */
const columns = [
  ['binding', 'binding'],
  ['study', 'study'],
  ['recordId', 'record_id'],
  ['incarnation', 'incarnation'],
  ['presence', 'presence'],
  ['cause', 'cause'],
  ['correlationId', 'correlation_id'],
  ['asOf', 'as_of'],
  ['rows', 'rows'],
  ['sealed', 'sealed'],
  ['acts', 'acts'],
  ['released', 'released'],
  ['baselineHold', 'baseline_hold'],
  ['heldDetails', 'held_details'],
  ['heldArm', 'held_arm'],
  ['holdCause', 'hold_cause'],
  ['detailsHash', 'details_hash'],
  ['adoption', 'adoption'],
  ['consented', 'consented'],
  ['wanted', 'wanted'],
  ['held', 'held'],
  ['attention', 'attention'],
  ['adoptNo', 'adopt_no'],
  ['enrolNo', 'enrol_no'],
  ['enrolOpen', 'enrol_open'],
  ['updateNo', 'update_no'],
  ['updateOpen', 'update_open'],
  ['armNo', 'arm_no'],
  ['armOpen', 'arm_open'],
  ['withdrawNo', 'withdraw_no'],
  ['withdrawOpen', 'withdraw_open'],
  ['refusal', 'refusal'],
  ['undecided', 'undecided'],
  ['said', 'said'],
] as const satisfies readonly (readonly [keyof Participant, string])[];

const asJson = new Set<keyof Participant>(['rows', 'wanted', 'sealed', 'refusal', 'said']);
const selectList = columns.map(([property, column]) => `${column} AS "${property}"`).join(', ');

/**
 * Serialises everything that concerns one participant until the transaction ends. Taken before any row of the participant
 * is touched, also for one that is not there yet.
 */
export async function lockParticipant(em: EntityManager, participantId: string): Promise<void> {
  await em.query('SELECT pg_advisory_xact_lock(hashtextextended($1, 20180904))', [participantId]);
}

/** The participant, or null when we never heard of it. */
export async function readParticipant(em: EntityManager, participantId: string): Promise<Participant | null> {
  const found: Participant[] = await em.query(
    `SELECT participant_id AS "participantId", ${selectList} FROM participant WHERE participant_id = $1`,
    [participantId],
  );
  return found[0] ?? null;
}

/** Inserts or replaces. */
export async function saveParticipant(em: EntityManager, participant: Participant): Promise<void> {
  const values = columns.map(([property]) => {
    const value = participant[property];
    return asJson.has(property) && value !== null ? JSON.stringify(value) : value;
  });
  const names = columns.map(([, column]) => column);
  await em.query(
    `INSERT INTO participant (participant_id, ${names.join(', ')})
     VALUES ($1, ${names.map((_, index) => `$${index + 2}`).join(', ')})
     ON CONFLICT (participant_id) DO UPDATE SET ${names.map((name) => `${name} = excluded.${name}`).join(', ')}`,
    [participant.participantId, ...values],
  );
}

/** Whether an effect's content is still what should be sent, asked immediately before it is. */
export async function stillWanted(
  em: EntityManager,
  participantId: string,
  kind: keyof Participant['wanted'],
  content: string,
): Promise<boolean> {
  const found: { content: string | null }[] = await em.query(
    'SELECT wanted ->> $2 AS content FROM participant WHERE participant_id = $1',
    [participantId, kind],
  );
  return found[0]?.content === content;
}

/** What goes along with everything said about a participant: one correlation id from the poll to the write-back. */
export function metaOf(participant: Participant): {
  binding: string;
  study: string;
  cause: Cause;
  correlationId: string;
} {
  const { binding, study, cause, correlationId } = participant;
  return { binding, study, cause, correlationId };
}
