import type { Message, MessageRowState } from './message';
import type { News } from './news';

/** What the provider's news decide of a message. */
export type Told = Pick<
  Message,
  'state' | 'providerStatus' | 'errorCode' | 'segments' | 'price' | 'providerCreatedAt' | 'providerUpdatedAt'
>;

/**
 * A receipt beats anything; any other end beats what is no end; what is no end only moves forward (messaging.md §9.1). Ends that contradict
 * each other have an order of their own, so that the order in which news come decides nothing. `no-receipt` is ours: every
 * word of the provider's about an end beats it.
 */
const ranks: Partial<Record<MessageRowState, number>> = {
  accepted: 1,
  sent: 2,
  'no-receipt': 3,
  canceled: 4,
  failed: 5,
  undelivered: 6,
  delivered: 7,
};

/** Twilio's words. One that is not here (they are added without notice) moves nothing but is kept. */
const words: Readonly<Record<string, MessageRowState>> = {
  accepted: 'accepted',
  scheduled: 'accepted',
  queued: 'accepted',
  sending: 'accepted',
  sent: 'sent',
  delivered: 'delivered',
  read: 'delivered',
  undelivered: 'undelivered',
  failed: 'failed',
  canceled: 'canceled',
};
const order = Object.keys(words);

/**
 * Takes news in. Order and repetition of news decide nothing: each field is the greatest of what was said, by an order of its
 * own, and an error code counts only for the failure it came with.
 */
export function mergeNews<T extends Told>(before: T, news: News): T {
  const state = words[news.status] ?? 'accepted';
  const [mine, theirs] = [ranks[before.state] ?? 0, ranks[state] ?? 0];
  const code = state === 'failed' || state === 'undelivered' ? news.errorCode : null;
  const told = {
    segments: greatest(before.segments, news.segments, (n) => n),
    price: greatest(before.price, news.price, (text) => Math.abs(Number(text))),
    providerCreatedAt: greatest(before.providerCreatedAt, news.createdAt, (at) => -at.getTime()),
    providerUpdatedAt: greatest(before.providerUpdatedAt, news.updatedAt, (at) => at.getTime()),
  };
  if (theirs > mine) return { ...before, ...told, state, providerStatus: news.status, errorCode: code };
  if (theirs < mine) return { ...before, ...told };
  return {
    ...before,
    ...told,
    providerStatus: laterWord(before.providerStatus, news.status),
    errorCode: greatest(before.errorCode, code, (text) => Number(text) || 0),
  };
}

/** Whether more may be said of a message in this state than that it failed or arrived. */
export function isOpen(state: MessageRowState): boolean {
  return state === 'accepted' || state === 'sent';
}

function laterWord(before: string | null, word: string): string {
  if (before === null) return word;
  const [a, b] = [order.indexOf(before), order.indexOf(word)];
  if (a === b) return before > word ? before : word;
  return a > b ? before : word;
}

function greatest<V>(before: V | null, now: V | null, size: (value: V) => number): V | null {
  if (before === null || now === null) return before ?? now;
  if (size(before) === size(now)) return String(before) >= String(now) ? before : now;
  return size(before) > size(now) ? before : now;
}
