/** What the study tells about a member (`studies.md §6`), everything but the external id. */
export interface MemberDetails {
  firstName: string;
  lastName?: string;
  gender: string;
  /** E.164. */
  mobile: string;
  language: string;
  childFirstName: string;
  childGender: string;
  /** `YYYY-MM-DD`. */
  childDob: string;
  siteCode: string;
  /** IANA name. */
  timezone: string;
  attributes: Record<string, unknown>;
}

/** One text between the programme's short code and a handset. */
interface Text {
  /** Study time, ISO UTC. */
  at: string;
  from: 'programme' | 'handset';
  body: string;
}

/** A member as the partner keeps it; all instants ISO UTC in study time. */
export interface Member {
  memberId: string;
  program: string;
  externalId: string;
  details: MemberDetails;
  participation: 'active' | 'withdrawn';
  version: number;
  status: string;
  statusReason: string | null;
  statusAt: string;
  /** What `stale` answers with. */
  before: { status: string; statusReason: string | null; statusAt: string } | null;
  numberCheck: 'pending' | 'passed' | 'failed';
  optIn: { sentAt: string | null; answeredAt: string | null };
  arm: string | null;
  randomizedOn: string | null;
  /** Since when texts of the programme go out without a pause; null while none do. */
  activeSince: string | null;
  /** Whole days of earlier spells of texting. */
  earlierDays: number;
  /** Counts the number checks and opt-ins begun; a timer of an earlier one does nothing. */
  attempt: number;
  /** Counts the programmes begun; likewise. */
  programme: number;
  createdAt: string;
  updatedAt: string;
  lastInboundAt: string | null;
  texts: Text[];
}

/** How many changing calls were applied to one member: doubles show here. */
export interface LedgerEntry {
  /** Members created by POST (1, and 0 never). */
  posts: number;
  /** POSTs of a member that was there already, answered 200. */
  postRepeats: number;
  puts: number;
  armPuts: number;
  /** PUTs of the arm the member had already. */
  armRepeats: number;
}

/** Texts a day of the programme, and how many of ten are answered. */
const textsPerDay = 1;
const repliesOfTen = 4;
const dayMs = 86_400_000;

/** `{sent, delivered, replies}` as of `now`: the opt-in texts written down, the programme's daily ones reckoned. */
export function countersOf(member: Member, now: Date): { sent: number; delivered: number; replies: number } {
  const running = member.activeSince === null ? 0 : daysBetween(member.activeSince, now);
  const daily = (member.earlierDays + running) * textsPerDay;
  const own = member.texts.filter((text) => text.from === 'programme').length;
  const received = member.texts.length - own;
  return { sent: own + daily, delivered: own + daily, replies: received + Math.floor((daily * repliesOfTen) / 10) };
}

/** Whole days from one instant to another. */
export function daysBetween(from: string, to: Date): number {
  return Math.max(0, Math.floor((to.getTime() - Date.parse(from)) / dayMs));
}
