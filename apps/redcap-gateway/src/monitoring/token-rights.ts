import { RedcapAccessError, wallTime, type UserRow } from '@studybridge/redcap-client';
import type { RedcapProject } from '../projects/redcap-project';
import type { Finding } from './findings';

/** What a token may do, as far as it can be found out; `null` where REDCap does not let us see it. */
export interface TokenRights {
  logging: boolean;
  /** Whether users and their rights may be seen, and with them our own. */
  users: boolean;
  own: {
    rights: Record<string, number>;
    /** Right to export, by instrument. */
    exports: Record<string, number>;
    /** Data Access Group: a token in one sees a part of the records. */
    group: string;
    /** `YYYY-MM-DD`, empty for never. */
    expiration: string;
  } | null;
}

/** Days before the end of an account from which it is said. */
const expiryNoticeDays = 21;

/** Asks for the rights behind the token. Two calls. Our own name is told only by the log. */
export async function readTokenRights(project: RedcapProject, now: Date): Promise<TokenRights> {
  const users = await orNull(() => project.client.users());
  const beginTime = wallTime(new Date(now.getTime() - 5 * 60_000), project.serverZone).slice(0, 16);
  const log = await orNull(() => project.client.log({ beginTime }));
  const me = log?.find((line) => line.details.startsWith('Export ') && line.details.includes('(API)'))?.username;
  const own = users?.find((user) => user.username === me) ?? (users?.length === 1 ? users[0] : undefined);
  return { logging: log !== null, users: users !== null, own: own ? ownOf(own) : null };
}

/** What `/status` shows of them. */
export function shownRights(rights: TokenRights): Record<string, boolean> {
  const { own } = rights;
  return {
    export: true,
    logging: rights.logging,
    users: rights.users,
    ...(own === null
      ? {}
      : { import: (own.rights.api_import ?? 0) > 0, createRecords: (own.rights.record_create ?? 0) > 0 }),
  };
}

/** What changed since an earlier check, and an account that soon ends. */
export function compareRights(before: TokenRights | null, now: TokenRights, today: string): Finding[] {
  const findings: Finding[] = [];
  const say = (what: string, sentence: string): void => {
    findings.push({ code: 'RIGHTS_CHANGED', what, sentence });
  };
  const told = (what: string, name: string, was: number, is: number): void => {
    if (was === is) return;
    const [word, verb] =
      is === 0
        ? ['lost', 'lost the right']
        : was === 0
          ? ['gained', 'gained the right']
          : ['changed', 'has another right'];
    say(`${what}:${word}`, `The token ${verb} ${name}.`);
  };
  if (before !== null) {
    told('logging', 'to read the log', Number(before.logging), Number(now.logging));
    told('user_rights_view', 'to see users', Number(before.users), Number(now.users));
  }
  if (before?.own && now.own) {
    for (const name of namesOf(before.own.rights, now.own.rights)) {
      if (name === 'logging') continue;
      told(name, name, before.own.rights[name] ?? 0, now.own.rights[name] ?? 0);
    }
    for (const form of namesOf(before.own.exports, now.own.exports)) {
      told(`export ${form}`, `to export ${form}`, before.own.exports[form]!, now.own.exports[form]!);
    }
    if (before.own.group !== now.own.group) {
      say(
        `group:${now.own.group}`,
        now.own.group === ''
          ? 'The token’s user is in no Data Access Group any longer.'
          : `The token’s user was put into the Data Access Group ${now.own.group} and sees only its records.`,
      );
    }
  }
  const end = now.own?.expiration ?? '';
  if (end !== '' && daysBetween(today, end) <= expiryNoticeDays) {
    say(`expires:${end}`, `The account behind the token ends on ${end}.`);
  }
  return findings;
}

function ownOf(user: UserRow): NonNullable<TokenRights['own']> {
  return {
    rights: { ...user.rights },
    exports: { ...user.forms_export },
    group: user.data_access_group,
    expiration: user.expiration,
  };
}

/** Rights that both REDCaps know: one that a new version brings or drops was not given or taken by anybody. */
function namesOf(one: object, other: object): string[] {
  return Object.keys(one)
    .filter((name) => Object.hasOwn(other, name))
    .sort();
}

function daysBetween(from: string, to: string): number {
  return (Date.parse(`${to.slice(0, 10)}T00:00:00Z`) - Date.parse(`${from.slice(0, 10)}T00:00:00Z`)) / 86_400_000;
}

async function orNull<T>(ask: () => Promise<T>): Promise<T | null> {
  try {
    return await ask();
  } catch (error) {
    if (error instanceof RedcapAccessError) return null;
    throw error;
  }
}
