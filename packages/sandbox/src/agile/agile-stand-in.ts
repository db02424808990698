import { createHash } from 'node:crypto';
import express, { type Request, type Response, type Router } from 'express';
import { meetFault, sendThroughFault } from '../world/apply-fault';
import type { Handset } from '@studybridge/studies';
import type { FaultSpec } from '../world/fault-spec';
import type { StandIn, WorldPort } from '../world/world-port';
import { checkMember, isDate, type FieldError } from './check-member';
import { Lifecycle } from './lifecycle';
import { countersOf, type LedgerEntry, type Member, type MemberDetails } from './member';

const pageSize = 100;
const keyLivesMs = 24 * 3_600_000;

/** The partner's state as plain JSON. */
export interface AgileSnapshot {
  /** In the order they were created. */
  members: Member[];
  ledger: Record<string, LedgerEntry>;
  /** Requests refused, by code; changes nothing, so a kill may lose the last ones (as with the repeats of the ledger). */
  refused: Record<string, number>;
  /** Idempotency keys of the last 24 hours. */
  keys: Record<string, { bodyHash: string; memberId: string; at: string }>;
}

interface Reply {
  status: number;
  body: unknown;
  headers?: Record<string, string>;
}

/** A request the partner refuses, in its own words. */
class Refusal extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
    readonly more: Record<string, unknown> = {},
  ) {
    super(message);
  }
}

/** The texting partner of `studies.md §6`: members, arms, statuses, and a lifecycle driven by the world's clock. */
export class AgileStandIn implements StandIn {
  private members = new Map<string, Member>();
  private ledger: Record<string, LedgerEntry> = {};
  private refused: Record<string, number> = {};
  private keys = new Map<string, { bodyHash: string; memberId: string; at: string }>();
  private readonly lifecycle: Lifecycle;
  private readonly log: (line: string) => void;

  constructor(
    private readonly port: WorldPort,
    private readonly options: {
      key: string;
      programs: string[];
      handsets: readonly Handset[];
      log?: (line: string) => void;
    },
  ) {
    this.log = options.log ?? (() => undefined);
    this.lifecycle = new Lifecycle(port, options.handsets, (id) => this.members.get(id), this.log);
  }

  mount(router: Router): void {
    const members = '/agile/v1/programs/:program/members';
    router.use('/agile', express.text({ type: () => true, limit: '1mb' }));
    router.post(
      members,
      this.answer((call) => this.create(call)),
    );
    router.get(
      members,
      this.answer((call) => this.list(call)),
    );
    router.get(
      `${members}/:memberId/status`,
      this.answer((call) => this.status(call)),
    );
    router.put(
      `${members}/:memberId`,
      this.answer((call) => this.update(call)),
    );
    router.put(
      `${members}/:memberId/arm`,
      this.answer((call) => this.assignArm(call)),
    );
    router.use(
      '/agile',
      this.answer(() => {
        throw new Refusal(404, 'NOT_FOUND', 'There is nothing at this address.');
      }),
    );
  }

  /** A handset answers the programme's short code; a number that no member has is nobody's answer. */
  receiveText(mobile: string, body: string): void {
    const reached = [...this.members.values()].filter(
      (member) => member.details.mobile === mobile && member.status !== 'WITHDRAWN',
    );
    this.log(`text from ${mobile}: ${body}${reached.length === 0 ? ' (no member has this number)' : ''}`);
    for (const member of reached) this.lifecycle.text(member, body);
  }

  /** The partner's own staff set a status, which may be a word nobody knows. */
  forceStatus(mobile: string, status: string): void {
    const found = [...this.members.values()].filter(
      (member) => member.details.mobile === mobile && member.status !== 'WITHDRAWN',
    );
    if (found.length === 0) this.log(`the partner would set ${status} for ${mobile}, but no member has this number`);
    for (const member of found) this.lifecycle.force(member, status);
  }

  /** How many members there are. */
  get count(): number {
    return this.members.size;
  }

  snapshot(): AgileSnapshot {
    return {
      members: [...this.members.values()],
      ledger: this.ledger,
      refused: this.refused,
      keys: Object.fromEntries(this.keys),
    };
  }

  restore(snapshot: unknown): void {
    const { members, ledger, refused, keys } = snapshot as AgileSnapshot;
    this.members = new Map(members.map((member) => [member.memberId, member]));
    this.ledger = ledger;
    this.refused = refused;
    this.keys = new Map(Object.entries(keys));
  }

  // ---- the calls

  private create(call: Call): Reply {
    const body = call.json();
    const key = call.header('idempotency-key');
    const forgetful = call.fault?.kind === 'forgetful';
    const bodyHash = hashOf(body);
    this.forgetOldKeys();
    const known = key !== undefined && !forgetful ? this.keys.get(`${call.program} ${key}`) : undefined;
    if (known && known.bodyHash !== bodyHash) {
      throw new Refusal(409, 'IDEMPOTENCY_CONFLICT', 'This Idempotency-Key came with another body before.');
    }
    refuseFields(checkMember(body, true));
    const externalId = body['externalId'] as string;
    const details = detailsOf(body);

    const same = forgetful ? undefined : this.ofProgram(call.program).find((m) => m.externalId === externalId);
    if (same) {
      if (!known && hashOf(same.details) !== hashOf(details)) {
        throw new Refusal(409, 'DUPLICATE_EXTERNAL_ID', 'A member with this externalId has other details.');
      }
      this.entry(same.memberId).postRepeats += 1;
      this.log(`${same.memberId}: POST again, nothing changed`);
      return memberReply(200, same);
    }
    this.refuseTakenMobile(call.program, details.mobile, externalId);

    const now = this.port.now().toISOString();
    const member: Member = {
      memberId: this.freeMemberId(details),
      program: call.program,
      externalId,
      details,
      participation: 'active',
      version: 1,
      status: 'RECEIVED',
      statusReason: null,
      statusAt: now,
      before: null,
      numberCheck: 'pending',
      optIn: { sentAt: null, answeredAt: null },
      arm: null,
      randomizedOn: null,
      activeSince: null,
      earlierDays: 0,
      attempt: 0,
      programme: 0,
      createdAt: now,
      updatedAt: now,
      lastInboundAt: null,
      texts: [],
    };
    this.members.set(member.memberId, member);
    this.entry(member.memberId).posts += 1;
    if (key !== undefined) this.keys.set(`${call.program} ${key}`, { bodyHash, memberId: member.memberId, at: now });
    this.log(`${member.memberId}: created`);
    this.lifecycle.begin(member);
    this.port.changed();
    return memberReply(201, member);
  }

  private update(call: Call): Reply {
    const member = this.member(call);
    const body = call.json();
    const expected = call.header('if-match');
    if (expected === undefined) {
      throw new Refusal(400, 'IF_MATCH_REQUIRED', 'A member is updated with If-Match: "<version>".');
    }
    if (expected !== '*' && expected.replace(/^(W\/)?"(.*)"$/, '$2') !== String(member.version)) {
      throw new Refusal(412, 'VERSION_MISMATCH', 'The member has changed since.', { currentVersion: member.version });
    }
    const errors = checkMember(body, false);
    if (body['externalId'] !== undefined && body['externalId'] !== member.externalId) {
      errors.push({ field: 'externalId', code: 'UNKNOWN_VALUE' });
    }
    refuseFields(errors);
    const participation = body['participation'] as Member['participation'] | undefined;
    if (member.status === 'WITHDRAWN' && participation === 'active') {
      throw new Refusal(409, 'MEMBER_WITHDRAWN', 'A withdrawn member does not come back.');
    }
    const details = { ...member.details, ...detailsOf(body) };
    const numberChanged = details.mobile !== member.details.mobile;
    const leaves = participation === 'withdrawn' && member.status !== 'WITHDRAWN';
    if (numberChanged && !leaves && member.status !== 'WITHDRAWN') {
      this.refuseTakenMobile(call.program, details.mobile, member.externalId);
    }
    member.details = details;
    member.version += 1;
    this.entry(member.memberId).puts += 1;
    this.log(`${member.memberId}: updated to version ${member.version}`);
    this.lifecycle.touch(member);
    if (leaves) {
      member.participation = 'withdrawn';
      this.lifecycle.withdraw(member);
    } else if (numberChanged && member.status !== 'WITHDRAWN') {
      this.lifecycle.numberChanged(member);
    }
    return memberReply(200, member);
  }

  private assignArm(call: Call): Reply {
    const member = this.member(call);
    const { arm, randomizedOn } = call.json();
    const errors: FieldError[] = [];
    if (arm === undefined) errors.push({ field: 'arm', code: 'REQUIRED' });
    else if (arm !== 'OHT' && arm !== 'CWT') errors.push({ field: 'arm', code: 'UNKNOWN_VALUE' });
    if (randomizedOn === undefined) errors.push({ field: 'randomizedOn', code: 'REQUIRED' });
    else if (typeof randomizedOn !== 'string' || !isDate(randomizedOn)) {
      errors.push({ field: 'randomizedOn', code: 'MALFORMED' });
    }
    refuseFields(errors);
    if (member.arm !== null && member.arm !== arm) {
      throw new Refusal(409, 'ARM_LOCKED', 'The arm is set and cannot be changed.');
    }
    if (member.arm === arm) {
      this.entry(member.memberId).armRepeats += 1;
      return memberReply(200, member);
    }
    member.arm = arm as string;
    member.randomizedOn = randomizedOn as string;
    this.entry(member.memberId).armPuts += 1;
    this.log(`${member.memberId}: arm set`);
    this.lifecycle.touch(member);
    this.lifecycle.armSet(member);
    return memberReply(200, member);
  }

  private status(call: Call): Reply {
    const member = this.member(call);
    const { externalId: _externalId, version: _version, ...view } = this.statusView(member, call.fault);
    return { status: 200, body: view };
  }

  private list(call: Call): Reply {
    const externalId = call.query('externalId');
    const all = this.ofProgram(call.program);
    const drop = call.fault?.kind === 'missing-rows' ? (call.fault.rows ?? 1) : 0;
    if (externalId !== undefined) {
      const found = all.filter((member) => member.externalId === externalId);
      return { status: 200, body: { members: this.views(found, call.fault).slice(drop), nextCursor: null } };
    }
    const since = call.query('changedSince');
    const sinceMs = since === undefined ? -Infinity : Date.parse(since);
    if (Number.isNaN(sinceMs)) throw new Refusal(400, 'MALFORMED', 'changedSince is no instant.');
    const after = readCursor(call.query('cursor'));
    const wanted = all
      .filter((member) => Date.parse(member.updatedAt) >= sinceMs)
      .map((member) => ({ member, place: `${member.updatedAt} ${member.memberId}` }))
      .filter(({ place }) => after === null || place > after)
      .sort((a, b) => (a.place < b.place ? -1 : 1));
    const page = wanted.slice(0, pageSize);
    const last = page.at(-1);
    return {
      status: 200,
      body: {
        members: this.views(
          page.map(({ member }) => member),
          call.fault,
        ).slice(drop),
        nextCursor: wanted.length > pageSize && last ? Buffer.from(last.place).toString('base64url') : null,
      },
    };
  }

  // ---- what the calls share

  private answer(work: (call: Call) => Reply) {
    return async (req: Request, res: Response): Promise<void> => {
      const body = typeof req.body === 'string' ? req.body : '';
      const fault = this.port.fault('agile', { method: req.method, path: req.originalUrl, body });
      if (await meetFault(fault, req)) return;
      const reply = this.reply(req, body, fault, work);
      await sendThroughFault(fault, req, res, {
        status: reply.status,
        type: 'application/json; charset=utf-8',
        body: JSON.stringify(reply.body),
        headers: { Date: this.skewed(this.port.now(), fault).toUTCString(), ...reply.headers },
      });
    };
  }

  private reply(req: Request, body: string, fault: FaultSpec | null, work: (call: Call) => Reply): Reply {
    try {
      this.admit(req);
      if (fault?.kind === '429') {
        const seconds = Math.ceil((fault.ms ?? 1_000) / 1_000);
        throw new Refusal(429, 'TOO_MANY_REQUESTS', 'Slow down.', { headers: { 'Retry-After': String(seconds) } });
      }
      if (fault?.kind === '503') throw new Refusal(503, 'UNAVAILABLE', 'We are being maintained.');
      return work(new Call(req, body, fault));
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      this.refused[error.code] = (this.refused[error.code] ?? 0) + 1;
      this.log(`refused ${req.method}: ${error.status} ${error.code}`);
      const { headers, ...more } = error.more;
      return {
        status: error.status,
        body: { code: error.code, message: error.message, fields: [], ...more },
        headers: headers as Record<string, string> | undefined,
      };
    }
  }

  private admit(req: Request): void {
    const bearer = /^Bearer +(.+)$/i.exec(req.headers.authorization ?? '')?.[1];
    if (bearer === undefined) throw new Refusal(401, 'UNAUTHENTICATED', 'Send Authorization: Bearer <key>.');
    if (bearer !== this.options.key) throw new Refusal(403, 'FORBIDDEN', 'This key opens nothing here.');
    const program = req.params['program'];
    if (program !== undefined && !this.options.programs.includes(String(program))) {
      throw new Refusal(404, 'UNKNOWN_PROGRAM', 'There is no such programme.');
    }
  }

  private member(call: Call): Member {
    const member = this.members.get(call.memberId);
    if (member && member.program === call.program) return member;
    throw new Refusal(404, 'UNKNOWN_MEMBER', 'There is no such member.');
  }

  private ofProgram(program: string): Member[] {
    return [...this.members.values()].filter((member) => member.program === program);
  }

  private entry(memberId: string): LedgerEntry {
    return (this.ledger[memberId] ??= { posts: 0, postRepeats: 0, puts: 0, armPuts: 0, armRepeats: 0 });
  }

  /** A number belongs to one member at a time; who has withdrawn has given it back. */
  private refuseTakenMobile(program: string, mobile: string, externalId: string): void {
    const taken = this.ofProgram(program).some(
      (m) => m.details.mobile === mobile && m.externalId !== externalId && m.status !== 'WITHDRAWN',
    );
    if (taken) throw new Refusal(409, 'DUPLICATE_MOBILE', 'Another member has this mobile number.');
  }

  /** From the details alone, so that two plays of one cohort give the same ids. */
  private freeMemberId(details: MemberDetails): string {
    const base = `m_${hashOf(details).slice(0, 10)}`;
    for (let n = 1; ; n += 1) {
      const id = n === 1 ? base : `${base}_${n}`;
      if (!this.members.has(id)) return id;
    }
  }

  private forgetOldKeys(): void {
    const oldest = this.port.now().getTime() - keyLivesMs;
    for (const [key, { at }] of this.keys) {
      if (Date.parse(at) > oldest) return;
      this.keys.delete(key);
    }
  }

  private views(members: Member[], fault: FaultSpec | null): unknown[] {
    return members.map((member) => ({
      ...this.statusView(member, fault),
      ...member.details,
      participation: member.participation,
      randomizedOn: member.randomizedOn,
      createdAt: this.tell(member.createdAt, fault),
      updatedAt: this.tell(member.updatedAt, fault),
    }));
  }

  private statusView(member: Member, fault: FaultSpec | null) {
    const shown = fault?.kind === 'stale' && member.before ? member.before : member;
    return {
      memberId: member.memberId,
      externalId: member.externalId,
      version: member.version,
      status: shown.status,
      statusReason: shown.statusReason,
      statusAt: this.tell(shown.statusAt, fault),
      numberCheck: member.numberCheck,
      optIn: { sentAt: this.tell(member.optIn.sentAt, fault), answeredAt: this.tell(member.optIn.answeredAt, fault) },
      arm: member.arm,
      counters: countersOf(member, this.port.now()),
      lastInboundAt: this.tell(member.lastInboundAt, fault),
    };
  }

  private skewed(at: Date, fault: FaultSpec | null): Date {
    return fault?.kind === 'clock-skew' ? new Date(at.getTime() + (fault.ms ?? 0)) : at;
  }

  /** An instant as the partner writes it: UTC, whole seconds. */
  private tell(at: string | null, fault: FaultSpec | null): string | null {
    return at === null ? null : seconds(this.skewed(new Date(at), fault));
  }
}

/** One request to the partner. */
class Call {
  constructor(
    private readonly req: Request,
    private readonly body: string,
    readonly fault: FaultSpec | null,
  ) {}

  get program(): string {
    return String(this.req.params['program']);
  }

  get memberId(): string {
    return String(this.req.params['memberId']);
  }

  header(name: string): string | undefined {
    const value = this.req.headers[name];
    return Array.isArray(value) ? value[0] : value;
  }

  query(name: string): string | undefined {
    const value = this.req.query[name];
    if (value === undefined) return undefined;
    if (typeof value !== 'string') throw new Refusal(400, 'MALFORMED', `${name} is given more than once.`);
    return value;
  }

  json(): Record<string, unknown> {
    let value: unknown;
    try {
      value = JSON.parse(this.body);
    } catch {
      throw new Refusal(400, 'MALFORMED', 'The body is no JSON.');
    }
    if (value !== null && typeof value === 'object' && !Array.isArray(value)) return value as Record<string, unknown>;
    throw new Refusal(400, 'MALFORMED', 'The body is no JSON object.');
  }
}

function memberReply(status: number, member: Member): Reply {
  const { memberId, externalId, version, arm } = member;
  return {
    status,
    body: { memberId, externalId, version, status: member.status, statusAt: seconds(new Date(member.statusAt)), arm },
    headers: { ETag: `"${version}"` },
  };
}

function refuseFields(fields: FieldError[]): void {
  if (fields.length > 0) throw new Refusal(422, 'INVALID_FIELDS', 'Some fields cannot be taken.', { fields });
}

function detailsOf(body: Record<string, unknown>): MemberDetails {
  const { externalId: _externalId, participation: _participation, ...details } = body;
  return details as unknown as MemberDetails;
}

function readCursor(cursor: string | undefined): string | null {
  if (cursor === undefined || cursor === '') return null;
  const place = Buffer.from(cursor, 'base64url').toString('utf8');
  if (/^\S+ \S+$/.test(place)) return place;
  throw new Refusal(400, 'MALFORMED', 'This cursor is none of ours.');
}

function seconds(at: Date): string {
  return at.toISOString().replace(/\.\d{3}Z$/, 'Z');
}

/** SHA-256 of a value's JSON with sorted keys, hex. */
function hashOf(value: unknown): string {
  return createHash('sha256').update(canonical(value)).digest('hex');
}

function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`;
  if (value !== null && typeof value === 'object') {
    const entries = Object.entries(value)
      .filter(([, v]) => v !== undefined)
      .sort(([a], [b]) => (a < b ? -1 : 1));
    return `{${entries.map(([name, v]) => `${JSON.stringify(name)}:${canonical(v)}`).join(',')}}`;
  }
  return JSON.stringify(value) ?? 'null';
}
