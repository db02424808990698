import type { ReasonCode } from '@studybridge/contracts';

/**
 * What is done about a provider's error code.
 * `retry`: a new message with the same text after `afterMinutes`, inside its window, `times` at most; then `reason` for staff.
 * `flag`: nothing more to this number. `opt-out`: the person does not want it. `stop-sender`: nothing more from this sender until a
 * person switches it on. `staff`: no retry, somebody looks. `close`: no retry, nobody needs to look.
 */
export interface ErrorRule {
  action: 'retry' | 'flag' | 'opt-out' | 'stop-sender' | 'staff' | 'close';
  reason: ReasonCode;
  afterMinutes?: number;
  times?: number;
  /** Counts for the rule that stops a sender whose messages are refused as such (messaging.md §9.5). */
  suspicious?: true;
}

const hour = 60;

/**
 * Twilio's error codes (messaging.md §3), whether they come as the answer to a create or as a message's end. A code that is not
 * here has {@link unknownRule}: codes are refined over time.
 */
export const errorTable: Readonly<Record<string, ErrorRule>> = {
  // The answer to a create.
  '21211': { action: 'flag', reason: 'NUMBER_FLAGGED' },
  '21212': { action: 'stop-sender', reason: 'SENDER_NOT_READY' },
  '21265': { action: 'flag', reason: 'NUMBER_FLAGGED' },
  '21266': { action: 'flag', reason: 'NUMBER_FLAGGED' },
  '21268': { action: 'flag', reason: 'NUMBER_FLAGGED' },
  '21408': { action: 'stop-sender', reason: 'SENDER_NOT_READY' },
  '21602': { action: 'staff', reason: 'CONTENT_REFUSED' },
  '21603': { action: 'stop-sender', reason: 'SENDER_NOT_READY' },
  '21606': { action: 'stop-sender', reason: 'SENDER_NOT_READY' },
  '21609': { action: 'stop-sender', reason: 'SENDER_NOT_READY' },
  '21610': { action: 'opt-out', reason: 'OPTED_OUT' },
  '21611': { action: 'retry', reason: 'SENDER_NOT_READY', afterMinutes: hour, times: 3 },
  '21612': { action: 'staff', reason: 'UNREACHABLE' },
  '21614': { action: 'flag', reason: 'NUMBER_FLAGGED' },
  '21617': { action: 'staff', reason: 'CONTENT_REFUSED' },
  '21619': { action: 'staff', reason: 'CONTENT_REFUSED' },
  '21635': { action: 'flag', reason: 'NUMBER_FLAGGED' },
  '21659': { action: 'stop-sender', reason: 'SENDER_NOT_READY' },
  '21660': { action: 'stop-sender', reason: 'SENDER_NOT_READY' },
  '21661': { action: 'stop-sender', reason: 'SENDER_NOT_READY' },
  '21662': { action: 'stop-sender', reason: 'SENDER_NOT_READY' },
  '21663': { action: 'stop-sender', reason: 'SENDER_NOT_READY' },
  '21664': { action: 'stop-sender', reason: 'SENDER_NOT_READY' },
  '21701': { action: 'stop-sender', reason: 'SENDER_NOT_READY' },
  '21703': { action: 'stop-sender', reason: 'SENDER_NOT_READY' },
  '21704': { action: 'stop-sender', reason: 'SENDER_NOT_READY' },
  '21705': { action: 'stop-sender', reason: 'SENDER_NOT_READY' },
  // The end of a message.
  '14107': { action: 'staff', reason: 'UNREACHABLE' },
  '30001': { action: 'retry', reason: 'UNREACHABLE', afterMinutes: hour, times: 2 },
  '30002': { action: 'stop-sender', reason: 'SENDER_NOT_READY', suspicious: true },
  '30003': { action: 'retry', reason: 'UNREACHABLE', afterMinutes: 4 * hour, times: 2 },
  '30004': { action: 'staff', reason: 'CARRIER_BLOCKED' },
  '30005': { action: 'flag', reason: 'NUMBER_FLAGGED' },
  '30006': { action: 'flag', reason: 'NUMBER_FLAGGED' },
  '30007': { action: 'staff', reason: 'FILTERED', suspicious: true },
  '30008': { action: 'retry', reason: 'UNREACHABLE', afterMinutes: 2 * hour, times: 1 },
  '30017': { action: 'retry', reason: 'UNREACHABLE', afterMinutes: hour, times: 2 },
  '30019': { action: 'staff', reason: 'CONTENT_REFUSED' },
  '30022': { action: 'retry', reason: 'SENDER_NOT_READY', afterMinutes: hour, times: 2 },
  '30023': { action: 'retry', reason: 'SENDER_NOT_READY', afterMinutes: 24 * hour, times: 2 },
  '30024': { action: 'stop-sender', reason: 'SENDER_NOT_READY', suspicious: true },
  '30027': { action: 'retry', reason: 'SENDER_NOT_READY', afterMinutes: 24 * hour, times: 2 },
  '30032': { action: 'stop-sender', reason: 'SENDER_NOT_READY', suspicious: true },
  '30034': { action: 'stop-sender', reason: 'SENDER_NOT_READY', suspicious: true },
  '30035': { action: 'stop-sender', reason: 'SENDER_NOT_READY', suspicious: true },
  // Its window closed in Twilio's queue: decided anew, which finds the next one or gives it up.
  '30036': { action: 'retry', reason: 'OUTSIDE_WINDOW', afterMinutes: 0, times: 2 },
  '30047': { action: 'retry', reason: 'UNREACHABLE', afterMinutes: hour, times: 1 },
  '30410': { action: 'retry', reason: 'UNREACHABLE', afterMinutes: 4 * hour, times: 1 },
  '30450': { action: 'retry', reason: 'UNREACHABLE', afterMinutes: 30, times: 2, suspicious: true },
  '30500': { action: 'retry', reason: 'UNREACHABLE', afterMinutes: hour, times: 2 },
  '30610': { action: 'retry', reason: 'OUTSIDE_WINDOW', afterMinutes: 12 * hour, times: 2 },
  '63038': { action: 'retry', reason: 'SENDER_NOT_READY', afterMinutes: 24 * hour, times: 2 },
  // Our own: a person said that it was not sent and stays so; a mistake of ours before the call.
  abandoned: { action: 'close', reason: 'SEND_IN_DOUBT' },
  // A mail server's final no, and its "not now" when it lasted.
  'mail-refused': { action: 'staff', reason: 'MAIL_REFUSED' },
};

const unknownRule: ErrorRule = { action: 'staff', reason: 'UNREACHABLE' };

/** A toll-free number's STOP is kept by the network and shows as a block (messaging.md §4). */
const tollfreeBlock: ErrorRule = { action: 'opt-out', reason: 'OPTED_OUT' };

/** What is blocked from a short code may well be reached from a long one. */
const shortCodeBlock: ErrorRule = { action: 'staff', reason: 'SHORTCODE_BLOCKED' };

/** The rule for a code (null: failed without one), from a sender of a kind. */
export function ruleOf(code: string | null, senderKind: string | null): ErrorRule {
  if (code === '30004' && senderKind === 'tollfree') return tollfreeBlock;
  if (code === '30004' && senderKind === 'short') return shortCodeBlock;
  return (code === null ? undefined : errorTable[code]) ?? unknownRule;
}
