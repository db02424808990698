import type { TwilioNumber } from './twilio-options';
import type { Line, Outcome, TwilioSettings } from './twilio-settings';

/** What becomes of a message once it leaves Twilio. */
export type Fate =
  { kind: 'delivered' | 'sent' | 'lost' } | { kind: 'undelivered' | 'failed' | 'refused'; code: number };

/** Errors that Twilio's own magic numbers meet, by their number. */
const magicTo: Record<string, number> = {
  '+15005550001': 21211,
  '+15005550002': 21612,
  '+15005550003': 21408,
  '+15005550004': 21610,
  '+15005550009': 21614,
};
const magicFrom: Record<string, number | null> = {
  '+15005550006': null,
  '+15005550001': 21212,
  '+15005550007': 21606,
  '+15005550008': 21611,
};

/** Codes with which a message fails at Twilio; with any other, the carrier refused it. */
const failing = new Set([14107, 21610, 30001, 30002, 30024, 30032, 30034, 30035, 30036, 30410, 30500]);

/** The error that a sender meets with test credentials; null: none. */
export function testFromError(from: string): number | null {
  const known = magicFrom[from];
  return known === undefined ? 21606 : known;
}

/** What will become of a message: the text, what is said of the phone, its line, its number, and what is usual, in this order. */
export function fateOf(
  message: { to: string; body: string },
  sender: TwilioNumber | undefined,
  settings: TwilioSettings,
  line: Line | null,
): Fate {
  const magic = magicTo[message.to];
  if (magic !== undefined) return { kind: 'refused', code: magic };
  if (settings.filtered.some((words) => message.body.includes(words))) return { kind: 'undelivered', code: 30007 };
  const said = settings.phones[message.to]?.outcome;
  if (said) return read(said);
  if (line === 'landline') return { kind: 'undelivered', code: 30006 };
  if (line === 'blocks-short-codes' && sender?.kind === 'short-code') return { kind: 'undelivered', code: 30004 };
  const own = /^\+150055([23]\d{4})$/.exec(message.to)?.[1];
  if (own !== undefined) return { kind: failing.has(Number(own)) ? 'failed' : 'undelivered', code: Number(own) };
  return read(settings.outcome);
}

function read(outcome: Outcome): Fate {
  const [kind, code] = outcome.split('-') as [Fate['kind'], string | undefined];
  return code === undefined ? ({ kind } as Fate) : ({ kind, code: Number(code) } as Fate);
}
