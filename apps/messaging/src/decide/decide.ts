import type { Cause, ReasonCode } from '@studybridge/contracts';
import { actsByItself } from '@studybridge/contracts';
import type { MessagePurpose } from '@studybridge/studies';
import { openingAt, type SendTimes, windowEndOf } from './send-window';

/** All that a decision about one message hangs on. Instants are study time. */
export interface Situation {
  now: Date;
  plannedAt: Date;
  cause: Cause;
  /** A person let it go on although its cause or date would hold it. */
  released: boolean;
  /** `YYYY-MM-DD` in the study's zone: the day that decided it, and the day from which on it counts; null = none. */
  decidedOn: string | null;
  goLiveOn: string | null;
  atClosedWindow: MessagePurpose['atClosedWindow'];
  times: SendTimes;
  waitsForLink: boolean;
  /** The first reason why the person gets nothing on this channel: from the rows, the number, the template. */
  obstacle: ReasonCode | null;
  optedOut: ReasonCode | null;
  numberFlagged: boolean;
  /** The message carries to the same number what went there within a day. */
  sameText: boolean;
  /** Why sending is switched off for it. */
  switchedOff: ReasonCode | null;
  /** Nobody is set up to send it. */
  noSender: boolean;
  /** When the caps have room again; null = they have. `never`: not by the passing of time. */
  cappedUntil: Date | 'never' | null;
  /** Less than this before its window closes is too late. Ms of study time. */
  leastValidityMs: number;
}

/** What should become of a message now. */
export type Decision =
  | { go: 'now'; until: Date }
  | { go: 'wait'; state: 'planned' | 'held'; reason: ReasonCode | null; lookAt: Date }
  | { go: 'never'; state: 'suppressed' | 'expired'; reason: ReasonCode };

/** Reasons that end a message; any other only holds it, because a change in the record may lift it. */
const final = new Set<ReasonCode>([
  'WITHDRAWN',
  'RECORD_DELETED',
  'SURVEY_DONE',
  'TEXTED_BY_HAND',
  'OPTED_OUT',
  'EXPIRED',
  'OUTSIDE_WINDOW',
]);

/** Decides about one message. Deciding twice gives the same; asked again right before the call (messaging.md §9.9). */
export function decide(s: Situation): Decision {
  const { now, times } = s;
  const { expiresAt } = times;
  if (now >= expiresAt) return { go: 'never', state: 'expired', reason: 'EXPIRED' };
  if (s.optedOut === 'OPTED_OUT') return { go: 'never', state: 'suppressed', reason: s.optedOut };
  if (s.obstacle && final.has(s.obstacle)) return { go: 'never', state: 'suppressed', reason: s.obstacle };
  const hold = (reason: ReasonCode, lookAt: Date = expiresAt): Decision => ({
    go: 'wait',
    state: 'held',
    reason,
    lookAt: lookAt < expiresAt ? lookAt : expiresAt,
  });
  if (!s.released) {
    if (!actsByItself(s.cause)) return hold(s.cause === 'restore' ? 'RESTORE_NOT_RELEASED' : 'BASELINE_NOT_RELEASED');
    if (s.goLiveOn !== null && s.decidedOn !== null && s.decidedOn < s.goLiveOn) return hold('BEFORE_GO_LIVE');
  }
  const opening = openingAt(bounded(s), now);
  const tooLate = opening.open && opening.until.getTime() - now.getTime() < s.leastValidityMs;
  const next = opening.open ? (tooLate ? nextAfter(s, opening.until) : null) : opening.next;
  if ((!opening.open || tooLate) && next === null) return { go: 'never', state: 'expired', reason: 'OUTSIDE_WINDOW' };
  // Asked to stop in their own words: until a person has read it.
  const held = s.optedOut ?? s.obstacle;
  if (held) return hold(held);
  if (s.numberFlagged) return hold('NUMBER_FLAGGED');
  if (s.waitsForLink) return { go: 'wait', state: 'planned', reason: null, lookAt: expiresAt };
  if (next !== null) return { go: 'wait', state: 'planned', reason: null, lookAt: next };
  if (s.noSender) return hold('SENDER_NOT_READY');
  if (s.switchedOff) return hold(s.switchedOff);
  if (s.sameText) return { go: 'never', state: 'suppressed', reason: 'CAP_REACHED' };
  if (s.cappedUntil === 'never') return hold('CAP_REACHED');
  if (s.cappedUntil !== null && s.cappedUntil > now) return hold('CAP_REACHED', s.cappedUntil);
  return { go: 'now', until: opening.open ? opening.until : expiresAt };
}

/** What gives up at a closed window is bound to the window of its first day (messaging.md §4: hold, or drop). */
function bounded(s: Situation): SendTimes {
  const { times } = s;
  if (s.atClosedWindow === 'hold' || times.window === null) return times;
  const wanted = times.notBefore !== null && times.notBefore > s.plannedAt ? times.notBefore : s.plannedAt;
  const first = openingAt({ ...times, window: null }, wanted);
  const start = first.open ? wanted : first.next;
  if (start === null) return times;
  const end = windowEndOf(times, start);
  return end < times.expiresAt ? { ...times, expiresAt: end } : times;
}

function nextAfter(s: Situation, at: Date): Date | null {
  const opening = openingAt(bounded(s), at);
  return opening.open ? at : opening.next;
}
