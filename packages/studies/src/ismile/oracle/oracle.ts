import type { ReasonCode } from '@studybridge/contracts';
import type { Cohort, TimelineAction } from '../../define-cohort';
import { ExpectedPartner, type ExpectedMember } from './expected-partner';
import { pollInstants } from './polls';
import { readRecords, type Values } from './read-records';

/** How one record present in REDCap at the end should stand. */
export interface OracleRecord {
  record: string;
  consented: boolean;
  /** Whether the partner has a member for it. */
  member: boolean;
  /** The partner's word, known or not; null without a member. */
  partnerStatus: string | null;
  /** The arm as the partner has it. */
  arm: string | null;
  /** Why a consented family has no member. */
  held: ReasonCode | null;
  /** What `ag_attention_reason` should hold; null = nothing. */
  attention: ReasonCode | null;
  /** `ag_status`, blank without a member. */
  agStatus: string;
  /** `ag_enroll_status` of a consented family; null = the oracle says nothing. */
  agEnrollStatus: string | null;
}

/** How a cohort should end. */
export interface OracleResult {
  /** Present records with a consent date, withdrawn ones included. */
  consented: number;
  /** Of them, those with a member. */
  enrolled: number;
  /** Of them, those whose arm the partner has. */
  armAssigned: number;
  /** Of them, those whose `ag_status` says what the partner says; 99 says it for a word that is not known. */
  statusWritten: number;
  held: Record<string, number>;
  /** By the reason that is written into REDCap. */
  attention: Record<string, number>;
  records: OracleRecord[];
  /** All members at the partner, those of deleted records included. */
  partnerMembers: { mobile: string; status: string; arm: string | null }[];
}

/** One record number's present life, as the oracle follows it. */
interface Life {
  values: Values;
  /** Consented when first seen: nothing goes out by itself. */
  baseline: boolean;
  changed: boolean;
  member: ExpectedMember | null;
  refusal: { reason: ReasonCode; details: string } | null;
  armConflict: boolean;
}

const statusCodes: Record<string, string> = {
  RECEIVED: '10',
  NUMBER_CHECKING: '11',
  INVALID_NUMBER: '12',
  SHORTCODE_BLOCKED: '13',
  OPT_IN_SENT: '20',
  OPT_IN_EXPIRED: '21',
  OPTED_IN: '30',
  ACTIVE: '40',
  PAUSED: '41',
  UNDELIVERABLE: '42',
  COMPLETED: '50',
  BOOSTER_SCHEDULED: '60',
  BOOSTER_ACTIVE: '61',
  BOOSTER_COMPLETED: '62',
  OPTED_OUT: '70',
  WITHDRAWN: '80',
};
const armNames: Record<string, string> = { '2': 'OHT', '3': 'CWT' };
const hour = 3_600_000;

/**
 * How the cohort should end, computed from its XML and timeline alone and written from studies.md §1.5, §1.6 and §6. It
 * shares no code with what the services use, so that the two can be compared.
 */
export function oracle(cohort: Cohort): OracleResult {
  const lines = new Map(cohort.handsets.map((handset) => [handset.mobile, handset.line]));
  const partner = new ExpectedPartner(lines);
  const lives = new Map<string, Life>();
  for (const [record, values] of readRecords(cohort.projectXml)) {
    lives.set(record, { ...newLife(), values, baseline: isConsented(values) });
  }
  const polls = pollInstants(cohort.startAt, cohort.endAt);
  const endAt = Date.parse(cohort.endAt);
  let next = 0;
  const pollUntil = (instant: number): void => {
    for (; next < polls.length && (polls[next] as number) < instant; next += 1) {
      poll(lives, partner, polls[next] as number);
    }
  };
  for (const action of cohort.timeline) {
    const at = Date.parse(action.at);
    pollUntil(at);
    happen(lives, partner, action, at);
  }
  pollUntil(endAt);
  // when the timeline is over every job runs once more
  poll(lives, partner, endAt);
  partner.catchUp(endAt);
  return summarise(lives, partner, endAt);
}

function newLife(): Life {
  return { values: {}, baseline: false, changed: true, member: null, refusal: null, armConflict: false };
}

function happen(lives: Map<string, Life>, partner: ExpectedPartner, action: TimelineAction, at: number): void {
  switch (action.do) {
    case 'save': {
      const life = lives.get(action.record) ?? newLife();
      lives.set(action.record, life);
      Object.assign(life.values, action.values);
      life.changed = true;
      return;
    }
    case 'delete-record':
      // its member stays at the partner
      lives.delete(action.record);
      return;
    case 'rename-record': {
      const life = lives.get(action.record);
      if (!life) return;
      lives.delete(action.record);
      lives.set(action.to, life);
      return;
    }
    case 'text':
      // to the study's own number: an opt-out there is none at the partner (studies.md §1.5)
      if (action.to !== undefined) return;
      return partner.receiveText(action.mobile, action.body, at);
    case 'partner':
      return partner.partnerSets(action.mobile, action.status, at);
    case 'fault':
      // a fault must change nothing in the end
      return;
  }
}

function poll(lives: Map<string, Life>, partner: ExpectedPartner, now: number): void {
  partner.catchUp(now);
  for (const life of lives.values()) {
    if (!life.changed) continue;
    life.changed = false;
    act(life, partner, now);
  }
}

function act(life: Life, partner: ExpectedPartner, now: number): void {
  const { values } = life;
  if (!isConsented(values)) return;
  if (values.part_withdrawn === '1') {
    if (life.member && life.member.status !== 'WITHDRAWN') partner.withdraw(life.member, now);
    life.refusal = null;
    return;
  }
  if (heldByGate(values) !== null || life.baseline) return;
  const mobile = e164(values.part_mobile_number ?? '') ?? '';
  const details = detailsOf(values);
  if (life.member === null) {
    if (life.refusal?.details === details) return;
    const created = partner.create(mobile, details, now);
    if (typeof created === 'string') {
      life.refusal = { reason: created, details };
      return;
    }
    life.refusal = null;
    life.member = created;
  } else if (life.member.details !== details && life.refusal?.details !== details) {
    const outcome = partner.update(life.member, mobile, details, now);
    life.refusal = outcome === 'done' ? null : { reason: outcome, details };
  }
  const arm = armNames[values.rand_arm ?? ''];
  if (arm === undefined || (values.rand_date ?? '') === '') return;
  if (life.member.arm === null) {
    if (life.refusal === null) partner.assignArm(life.member, arm, now);
  } else {
    life.armConflict = life.member.arm !== arm;
  }
}

function isConsented(values: Values): boolean {
  return (values.part_consent_date ?? '') !== '';
}

/** The gate of studies.md §1.5; the order is the one in which staff are told. */
function heldByGate(values: Values): ReasonCode | null {
  const has = (...fields: string[]): boolean => fields.every((field) => (values[field] ?? '').trim() !== '');
  if (values.part_withdrawn === '1') return 'WITHDRAWN';
  if (values.eligible !== '1') return 'NOT_ELIGIBLE';
  if (!has('part_first_name', 'part_last_name')) return 'CAREGIVER_NAME_MISSING';
  if (!has('part_mobile_number')) return 'PHONE_MISSING';
  if (e164(values.part_mobile_number ?? '') === null) return 'PHONE_INVALID';
  if (values.part_mobile_ok_to_text !== '1') return 'TEXTING_NOT_ALLOWED';
  if (!has('part_lang')) return 'LANGUAGE_MISSING';
  if (!has('child_first_name', 'child_gender', 'child_dob')) return 'CHILD_DETAILS_MISSING';
  if (!has('site_id')) return 'SITE_MISSING';
  if (values.baseline_survey_complete !== '2') return 'BASELINE_SURVEY_INCOMPLETE';
  return null;
}

/** The North American plan: area code and exchange begin with 2 to 9, and no area code is N11. */
function e164(text: string): string | null {
  const digits = text.replace(/[^0-9]/g, '').replace(/^1(?=\d{10}$)/, '');
  return /^[2-9]\d{2}[2-9]\d{6}$/.test(digits) && !/^\d11/.test(digits) ? `+1${digits}` : null;
}

/** Everything that the partner is told of a family, as one text to compare. */
function detailsOf(values: Values): string {
  const told = [
    'part_first_name', 'part_last_name', 'part_gender', 'part_lang', 'child_first_name', 'child_gender', 'child_dob', 'site_id',
    'bs_brush_freq', 'bs_last_dental_visit', 'bs_bottle_bed', 'bs_topic_choice',
  ]; // prettier-ignore
  return JSON.stringify([e164(values.part_mobile_number ?? ''), ...told.map((field) => values[field] ?? '')]);
}

function summarise(lives: Map<string, Life>, partner: ExpectedPartner, endAt: number): OracleResult {
  const records = [...lives]
    .map(([record, life]) => recordOf(record, life, endAt))
    .sort((a, b) => Number(a.record) - Number(b.record));
  const consented = records.filter((record) => record.consented);
  const enrolled = consented.filter((record) => record.member);
  return {
    consented: consented.length,
    enrolled: enrolled.length,
    armAssigned: enrolled.filter((record) => record.arm !== null).length,
    statusWritten: enrolled.filter((record) => record.agStatus !== '').length,
    held: countBy(consented.map((record) => record.held)),
    attention: countBy(records.map((record) => record.attention)),
    records,
    partnerMembers: partner.members
      .map(({ mobile, status, arm }) => ({ mobile, status, arm }))
      .sort((a, b) => a.mobile.localeCompare(b.mobile)),
  };
}

function recordOf(record: string, life: Life, endAt: number): OracleRecord {
  const { member, values } = life;
  const consented = isConsented(values);
  const held = !consented || member ? null : heldReason(life);
  return {
    record,
    consented,
    member: member !== null,
    partnerStatus: member?.status ?? null,
    arm: member?.arm ?? null,
    held,
    attention: attentionOf(life, endAt),
    agStatus: member ? (statusCodes[member.status] ?? '99') : '',
    agEnrollStatus: consented ? enrollStatus(life) : null,
  };
}

function heldReason(life: Life): ReasonCode | null {
  return heldByGate(life.values) ?? life.refusal?.reason ?? (life.baseline ? 'BASELINE_NOT_RELEASED' : null);
}

/** studies.md §1.3: 2 confirmed, 8 held, 9 refused by the partner. */
function enrollStatus(life: Life): string {
  if (life.member) return '2';
  return life.refusal && heldByGate(life.values) === null ? '9' : '8';
}

/** studies.md §6, "Needs attention"; what concerns the arm and the number comes first. */
function attentionOf(life: Life, endAt: number): ReasonCode | null {
  const { member } = life;
  if (member?.status === 'WITHDRAWN') return null;
  if (life.armConflict) return 'ARM_CONFLICT';
  if (life.refusal && life.values.part_withdrawn !== '1') return life.refusal.reason;
  if (!member) return null;
  const age = endAt - member.statusAt;
  switch (member.status) {
    case 'INVALID_NUMBER':
    case 'SHORTCODE_BLOCKED':
    case 'OPT_IN_EXPIRED':
    case 'UNDELIVERABLE':
      return member.status;
    case 'OPT_IN_SENT':
      return age > 72 * hour ? 'OPT_IN_WAITING' : null;
    case 'OPTED_IN':
      return age > 24 * hour ? 'ARM_WAITING' : null;
    case 'OPTED_OUT':
      // the span is shorter than the four months, so every opt-out is within them
      return 'OPTED_OUT_EARLY';
    default:
      return statusCodes[member.status] === undefined ? 'UNKNOWN_STATUS' : null;
  }
}

function countBy(reasons: readonly (ReasonCode | null)[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const reason of [...reasons].filter((each) => each !== null).sort()) counts[reason] = (counts[reason] ?? 0) + 1;
  return counts;
}
