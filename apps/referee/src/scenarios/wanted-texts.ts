import { createHash } from 'node:crypto';
import type { TwilioChange } from '@studybridge/sandbox';
import { points, type Strike } from '../faults/strike';
import { seeded, type Random } from '../random';

/** A text that is asked for, each for a family and a phone of its own. */
export interface WantedText {
  /** What people call it: t0001, t0002, … */
  name: string;
  requestId: string;
  participantId: string;
  record: string;
  /** E.164, made up. */
  mobile: string;
  /** The code of `part_lang`. */
  language: '1' | '2';
  purpose: string;
  template: string;
  data: Record<string, string>;
  /** One in doubt is brought to a person's attention; else it is closed, as its purpose says. */
  doubtsToPeople: boolean;
  /** What becomes of a text to this phone. */
  outcome: NonNullable<NonNullable<TwilioChange['phones']>[string]>['outcome'];
}

/** There are no more made-up numbers than these. */
const mostTexts = 9_000;
/** Of a hundred phones; the others get what is sent to them. */
const fates = [
  { part: 2, outcome: 'sent' },
  { part: 2, outcome: 'lost' },
  { part: 2, outcome: 'undelivered-30005' },
  { part: 1, outcome: 'undelivered-30003' },
  { part: 1, outcome: 'refused-21211' },
] as const;
const frozenPart = 0.3;
const anywherePart = 0.15;

/** The texts of a run, the same whenever the seed is: invitations and tests of numbers in two languages, of one and two segments. */
export function wantedTexts(o: { seed: number; messages: number; binding: string }): WantedText[] {
  if (o.messages > mostTexts) throw new Error(`There are made-up numbers for ${mostTexts} texts at most.`);
  const random = seeded(o.seed * 6_151 + 3);
  return Array.from({ length: o.messages }, (_, index) => {
    const name = `t${String(index + 1).padStart(4, '0')}`;
    const participantId = idOf(o.seed, name);
    const language = random.next() < 0.2 ? '2' : '1';
    const kind = random.next();
    const purpose = kind < 0.75 ? 'survey-2m' : 'number-test';
    const template = kind < 0.5 ? 'survey-invitation' : kind < 0.75 ? 'survey-reminder' : 'number-test';
    const link = `https://redcap.example.org/surveys/?s=${name.toUpperCase()}`;
    const data: Record<string, string> = purpose === 'survey-2m' ? { months: '2', link } : {};
    return {
      name,
      requestId: `${o.binding}|${participantId}|${purpose}|${name}`,
      participantId,
      record: String(index + 1),
      mobile: `+1617555${String(index + 1).padStart(4, '0')}`,
      language,
      purpose,
      template,
      data,
      doubtsToPeople: purpose === 'survey-2m',
      outcome: fateOf(random),
    };
  });
}

/** Strikes from a seed: the named points in turn, a few at any moment, some of them freezes. */
export function strikesOf(o: { seed: number; kills: number }): Strike[] {
  const random = seeded(o.seed * 7_919 + 5);
  const named = points['messaging'] ?? [];
  return Array.from({ length: o.kills }, (_, index): Strike => {
    const what = random.next() < frozenPart ? 'freeze' : 'kill';
    if (index >= named.length && random.next() < anywherePart) {
      return { what, service: 'messaging', point: null, after: random.between(0, 3) };
    }
    return { what, service: 'messaging', point: named[index % named.length] ?? null, after: 0 };
  });
}

function fateOf(random: Random): WantedText['outcome'] {
  let drawn = random.next() * 100;
  for (const { part, outcome } of fates) {
    if (drawn < part) return outcome;
    drawn -= part;
  }
  return 'delivered';
}

/** An id with the form of a UUID, from seed and name. */
function idOf(seed: number, name: string): string {
  const hex = createHash('sha256').update(`${seed} ${name}`).digest('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}
