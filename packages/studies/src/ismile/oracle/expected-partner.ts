/** What the oracle expects the partner to hold of one member. */
export interface ExpectedMember {
  mobile: string;
  status: string;
  /** Milliseconds since 1970. */
  statusAt: number;
  arm: string | null;
  details: string;
  /** When the number check began; null when none is running. */
  checkBegan: number | null;
  optInSentAt: number | null;
}

type Line = 'mobile' | 'landline' | 'blocks-short-codes';

const minute = 60_000;
const checkedAfter = 5 * minute;
const checkingAfter = minute;
const expiresAfter = 72 * 60 * minute;
const freephone = /^\+1(800|833|844|855|866|877|888|900)/;

/**
 * The partner as studies.md §6 describes it, as little as is needed to know how a timeline ends. Everything is asked with
 * the present instant, up to which time-driven changes are made up for.
 */
export class ExpectedPartner {
  readonly members: ExpectedMember[] = [];

  constructor(private readonly lines: ReadonlyMap<string, Line>) {}

  /** Enrolls; or says why not. */
  create(mobile: string, details: string, now: number): ExpectedMember | 'DUPLICATE_MOBILE' | 'REFUSED_FIELDS' {
    if (freephone.test(mobile)) return 'REFUSED_FIELDS';
    if (this.holderOf(mobile)) return 'DUPLICATE_MOBILE';
    const member: ExpectedMember = {
      mobile,
      details,
      status: 'RECEIVED',
      statusAt: now,
      arm: null,
      checkBegan: now,
      optInSentAt: null,
    };
    this.members.push(member);
    return member;
  }

  update(
    member: ExpectedMember,
    mobile: string,
    details: string,
    now: number,
  ): 'done' | 'DUPLICATE_MOBILE' | 'REFUSED_FIELDS' {
    if (member.mobile !== mobile) {
      if (freephone.test(mobile)) return 'REFUSED_FIELDS';
      if (this.holderOf(mobile)) return 'DUPLICATE_MOBILE';
      member.mobile = mobile;
      // the check itself takes four minutes, and a changed number is checked at once
      member.checkBegan = now - checkingAfter;
      member.optInSentAt = null;
      this.move(member, 'NUMBER_CHECKING', now);
    }
    member.details = details;
    return 'done';
  }

  assignArm(member: ExpectedMember, arm: string, now: number): void {
    this.catchUp(now);
    member.arm ??= arm;
    if (member.status === 'OPTED_IN') this.move(member, 'ACTIVE', now);
  }

  withdraw(member: ExpectedMember, now: number): void {
    this.force(member, 'WITHDRAWN', now);
  }

  receiveText(mobile: string, body: string, now: number): void {
    this.catchUp(now);
    const member = this.holderOf(mobile);
    if (!member) return;
    const { status } = member;
    if (body === 'STOP' && !['RECEIVED', 'NUMBER_CHECKING', 'INVALID_NUMBER', 'SHORTCODE_BLOCKED'].includes(status)) {
      this.move(member, 'OPTED_OUT', now);
    } else if (body === 'START' && status === 'OPTED_OUT') {
      this.sendOptIn(member, now);
    } else if ((body === 'YES' || body === 'SI') && status === 'OPT_IN_SENT') {
      this.move(member, member.arm === null ? 'OPTED_IN' : 'ACTIVE', now);
    }
  }

  partnerSets(mobile: string, status: string, now: number): void {
    this.catchUp(now);
    const member = this.holderOf(mobile);
    if (member) this.force(member, status, now);
  }

  /** Makes up for what time alone has done until now. */
  catchUp(now: number): void {
    for (const member of this.members) {
      if (member.checkBegan !== null && member.status === 'RECEIVED' && now >= member.checkBegan + checkingAfter) {
        this.move(member, 'NUMBER_CHECKING', member.checkBegan + checkingAfter);
      }
      if (
        member.checkBegan !== null &&
        member.status === 'NUMBER_CHECKING' &&
        now >= member.checkBegan + checkedAfter
      ) {
        this.endCheck(member, member.checkBegan + checkedAfter);
      }
      if (member.status === 'OPT_IN_SENT' && member.optInSentAt !== null && now >= member.optInSentAt + expiresAfter) {
        this.move(member, 'OPT_IN_EXPIRED', member.optInSentAt + expiresAfter);
      }
    }
  }

  private endCheck(member: ExpectedMember, at: number): void {
    member.checkBegan = null;
    const line = this.lines.get(member.mobile) ?? 'mobile';
    if (line === 'landline') this.move(member, 'INVALID_NUMBER', at);
    else if (line === 'blocks-short-codes') this.move(member, 'SHORTCODE_BLOCKED', at);
    else this.sendOptIn(member, at);
  }

  private sendOptIn(member: ExpectedMember, at: number): void {
    member.optInSentAt = at;
    this.move(member, 'OPT_IN_SENT', at);
  }

  private force(member: ExpectedMember, status: string, at: number): void {
    member.checkBegan = null;
    member.optInSentAt = null;
    this.move(member, status, at);
  }

  private move(member: ExpectedMember, status: string, at: number): void {
    member.status = status;
    member.statusAt = at;
  }

  /** Who uses the number now; a withdrawn member has given it back. */
  private holderOf(mobile: string): ExpectedMember | undefined {
    return this.members.find((member) => member.mobile === mobile && member.status !== 'WITHDRAWN');
  }
}
