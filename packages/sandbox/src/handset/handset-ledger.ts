import type { Handset } from '@studybridge/studies';

/** A text that a phone really got. */
export interface ReceivedText {
  sid: string;
  from: string;
  body: string;
  /** Study time, ISO UTC. */
  at: string;
  /** Real time, epoch milliseconds with fractions: when the phone had it, and when the request that caused it came. */
  realAt: number;
  sentRealAt: number;
  segments: number;
  /** Whose word it is: sent through the API, an answer of a webhook, or the carrier's own answer to STOP, START and HELP. */
  by: 'api' | 'reply' | 'carrier';
}

/** A text that a phone sent. */
export interface SentText {
  to: string;
  body: string;
  at: string;
  realAt: number;
  /** Twilio's name for it; null when it went elsewhere. */
  sid: string | null;
}

/** What one phone holds, oldest first. */
export interface HandsetView {
  line: Handset['line'] | 'voip' | null;
  received: ReceivedText[];
  sent: SentText[];
}

/** What each phone really received and sent: the truth that every account of the messages is held against. */
export class HandsetLedger {
  private phones = new Map<string, { received: ReceivedText[]; sent: SentText[] }>();

  received(mobile: string, text: ReceivedText): void {
    this.phone(mobile).received.push(text);
  }

  sent(mobile: string, text: SentText): void {
    this.phone(mobile).sent.push(text);
  }

  /** Every phone that sent or received anything, by number. */
  all(): [mobile: string, texts: { received: ReceivedText[]; sent: SentText[] }][] {
    return [...this.phones].sort(([a], [b]) => (a < b ? -1 : 1));
  }

  /** One phone's texts; empty for one that was never heard of. */
  of(mobile: string): { received: ReceivedText[]; sent: SentText[] } {
    return this.phones.get(mobile) ?? { received: [], sent: [] };
  }

  snapshot(): unknown {
    return Object.fromEntries(this.phones);
  }

  restore(snapshot: unknown): void {
    this.phones = new Map(
      Object.entries((snapshot ?? {}) as Record<string, { received: ReceivedText[]; sent: SentText[] }>),
    );
  }

  private phone(mobile: string): { received: ReceivedText[]; sent: SentText[] } {
    let phone = this.phones.get(mobile);
    if (!phone) this.phones.set(mobile, (phone = { received: [], sent: [] }));
    return phone;
  }
}
