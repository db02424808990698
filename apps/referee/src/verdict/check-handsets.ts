import type { MessageSettled } from '@studybridge/contracts';
import type { WantedText } from '../scenarios/wanted-texts';

/** What must be 0 where texts are sent. */
export interface TextCounts {
  /** Phones that received a text twice. */
  doubled: number;
  /** Texts that no phone received and of which nobody was told how they ended and why. */
  silentlyLost: number;
  /** Texts of which the opposite of what happened was told. */
  wrongEnds: number;
}

/** What is not as it must be about one text. */
interface TextDifference {
  kind: keyof TextCounts;
  text: string;
  sentence: string;
}

/** How texts ended. */
export interface TextEnds {
  differences: TextDifference[];
  received: number;
  /** Why phones received nothing, and how often: `state REASON`. */
  notReceived: Record<string, number>;
  /** Texts of which nobody knows whether they were sent, listed for a person. */
  withAPerson: string[];
}

/** Ends that may bring nothing to a phone. */
const ends: readonly MessageSettled['state'][] = [
  'undelivered',
  'failed',
  'expired',
  'suppressed',
  'no-receipt',
  'in-doubt',
];

/**
 * The handsets against what was told. `received`: how many texts of a study each phone has; `told`: the last `message.settled` of each
 * request; `listed`: requests of messages in doubt that are brought to a person's attention.
 */
export function checkHandsets(o: {
  wanted: readonly WantedText[];
  received: ReadonlyMap<string, number>;
  told: ReadonlyMap<string, Pick<MessageSettled, 'state' | 'reason'>>;
  listed: ReadonlySet<string>;
}): TextEnds {
  const found: TextEnds = { differences: [], received: 0, notReceived: {}, withAPerson: [] };
  for (const { name, mobile, requestId, doubtsToPeople } of o.wanted) {
    const differ = (kind: keyof TextCounts, sentence: string): void =>
      void found.differences.push({ kind, text: name, sentence });
    const times = o.received.get(mobile) ?? 0;
    const told = o.told.get(requestId);
    if (times > 1) differ('doubled', `the phone received it ${times} times`);
    if (told?.state === 'in-doubt' && o.listed.has(requestId)) found.withAPerson.push(name);
    if (times > 0) {
      found.received += 1;
      if (told?.state !== 'delivered' && told?.state !== 'no-receipt') {
        differ('wrongEnds', `the phone received it, and ${told ? `${told.state} ${told.reason}` : 'nothing'} was told`);
      }
      continue;
    }
    const why = `${told?.state ?? 'nothing told'} ${told?.reason ?? ''}`.trim();
    found.notReceived[why] = (found.notReceived[why] ?? 0) + 1;
    if (told?.state === 'delivered') {
      differ('wrongEnds', 'no phone received it, and its delivery was told');
      continue;
    }
    const isClosed = told !== undefined && told.reason !== null && ends.includes(told.state);
    if (!isClosed) differ('silentlyLost', `no phone received it, and ${why} was told`);
    else if (told.state === 'in-doubt' && doubtsToPeople && !o.listed.has(requestId)) {
      differ('silentlyLost', 'nobody knows whether it was sent, and it is not listed for a person');
    }
  }
  return found;
}
