import { createHash } from 'node:crypto';
import { z } from 'zod';

/** The details of which the hash is made, with their attributes; everything else about a member is the partner's. */
const detailFields = [
  'firstName',
  'lastName',
  'gender',
  'mobile',
  'language',
  'childFirstName',
  'childGender',
  'childDob',
  'siteCode',
  'timezone',
] as const;
const knownFields = new Set<string>([
  ...detailFields,
  ...['attributes', 'memberId', 'externalId', 'version', 'status', 'statusReason', 'statusAt', 'numberCheck', 'optIn'],
  ...['arm', 'randomizedOn', 'counters', 'lastInboundAt', 'participation', 'createdAt', 'updatedAt'],
]);

const instant = z.iso.datetime({ offset: true });

/**
 * A member as any of the partner's answers tells it (studies.md §6): POST and PUT say little, lists say all. What is not
 * known is tolerated.
 */
export const memberAnswerSchema = z.looseObject({
  memberId: z.string().min(1).max(200),
  externalId: z.string().nullish(),
  version: z.number().int().nullish(),
  status: z.string().min(1),
  statusAt: instant,
  optIn: z.looseObject({ sentAt: instant.nullish(), answeredAt: instant.nullish() }).nullish(),
  arm: z.string().nullish(),
});

/** What we keep of a member's answer: nothing identifying. `undefined` = this answer did not say. */
export interface PartnerMember {
  memberId: string;
  externalId: string | null;
  version: number | null;
  status: string;
  statusAt: Date;
  optInAt: Date | null | undefined;
  arm: string | null | undefined;
  /** Hash of the details as the partner has them. */
  detailsHash: string | undefined;
  /** Real time at which the call was begun. */
  realSeenAt: Date;
}

/** Reads an answer that `memberAnswerSchema` accepted. */
export function readMemberAnswer(
  answer: z.infer<typeof memberAnswerSchema>,
  realSeenAt: Date,
): { member: PartnerMember; odd: string[] } {
  return {
    member: {
      memberId: answer.memberId,
      externalId: answer.externalId ?? null,
      version: answer.version ?? null,
      status: statusWord(answer.status),
      statusAt: new Date(answer.statusAt),
      optInAt:
        answer.optIn === undefined ? undefined : answer.optIn?.answeredAt ? new Date(answer.optIn.answeredAt) : null,
      arm: answer.arm,
      detailsHash: answer['firstName'] === undefined ? undefined : hashOfDetails(answer),
      realSeenAt,
    },
    odd: oddOf(answer),
  };
}

/** The code lists of the contract; the status has its own table, in the study. */
const codeLists: Readonly<Record<string, readonly string[]>> = {
  numberCheck: ['pending', 'passed', 'failed'],
  arm: ['OHT', 'CWT'],
  participation: ['active', 'withdrawn'],
  language: ['en', 'es'],
  gender: ['female', 'male', 'another', 'undisclosed'],
  childGender: ['female', 'male', 'another', 'undisclosed'],
  siteCode: ['BMC', 'DOT', 'COD', 'SEC'],
};

/** Names of fields, and of code lists, that an answer holds and the contract does not know; never a value. */
function oddOf(answer: Record<string, unknown>): string[] {
  const fields = Object.keys(answer).filter((field) => !knownFields.has(field));
  const optIn = Object.keys((answer['optIn'] as object | null | undefined) ?? {});
  const codes = Object.entries(codeLists).filter(([field, known]) => {
    const value = answer[field];
    return value !== undefined && value !== null && !known.includes(String(value));
  });
  return [
    ...fields.map(nameOf),
    ...optIn.filter((field) => !['sentAt', 'answeredAt'].includes(field)).map((field) => `optIn.${nameOf(field)}`),
    ...codes.map(([field]) => `code of ${field}`),
  ];
}

/** A name is the partner's text: one that is none does not go into logs as it came. */
function nameOf(field: string): string {
  return /^[A-Za-z][A-Za-z0-9_]{0,59}$/.test(field) ? field : 'a field without a proper name';
}

/** The details of a member's answer, fit to be sent back unchanged; identifying, so for memory only. */
export function detailsOf(answer: Record<string, unknown>): Record<string, unknown> {
  const details: Record<string, unknown> = {};
  for (const field of [...detailFields, 'attributes']) {
    if (answer[field] !== undefined && answer[field] !== null) details[field] = answer[field];
  }
  return details;
}

/**
 * A fingerprint of a member's details that is the same in every installation, so that two plays of one world end in equal
 * cells: the first 16 hex digits of an unkeyed SHA-256. Without `externalId`, which is random. See the README for the
 * trade-off.
 */
export function hashOfDetails(details: object): string {
  const canonical = canonicalJson(detailsOf(details as Record<string, unknown>));
  return createHash('sha256').update(canonical).digest('hex').slice(0, 16);
}

function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`;
  if (value === null || typeof value !== 'object') return JSON.stringify(value) ?? 'null';
  const entries = Object.entries(value)
    .filter(([, item]) => item !== undefined && item !== null)
    .sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${entries.map(([name, item]) => `${JSON.stringify(name)}:${canonicalJson(item)}`).join(',')}}`;
}

/** A status is the partner's free text: a word that is not one does not go into logs and cells as it came. */
function statusWord(raw: string): string {
  return /^[A-Z][A-Z0-9_]{0,59}$/.test(raw)
    ? raw
    : raw
        .toUpperCase()
        .replace(/[^A-Z0-9]+/g, '_')
        .slice(0, 60);
}
