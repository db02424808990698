import type { LogRow } from '@studybridge/redcap-client';

/** What the log says of the project itself rather than of its records. */
export interface DesignHints {
  /** Newest line of that kind so far: its server minute and how many there are in it; null when there never was one. */
  mark: string | null;
  /** Somebody may have changed dictionary, events or event map. */
  design: boolean;
  /** Somebody may have changed users, roles, groups or tokens. */
  rights: boolean;
}

/** Lines that only read or do everyday work, by their first word: everything else may be a change of the design. */
const harmless =
  /^(export|download|view|print|send|execute|schedule|automatically|generate|survey|search|login|logout|invite|email|alert|randomize)\b/i;
const ofRecords = /^(create|update|delete)d? (record|survey response)\b|^(data export|lock|page view)/i;
const ofRights = /\b(users?|roles?|rights|privileges|tokens?|dags?|data access groups?)\b/i;

/**
 * Reads hints out of log lines (redcap-api.md §5), newest first as REDCap gives them. `seen` is the mark of an earlier look:
 * only later lines count. A word that REDCap's next version may use differently costs a look at the design, no more.
 */
export function readDesignHints(lines: readonly LogRow[], seen: string | null): DesignHints {
  const [seenMinute = '', seenCount = '0'] = (seen ?? '').split('#');
  const found = lines.filter((line) => isAboutProject(line));
  const newest = found.reduce((latest, line) => (minuteOf(line) > latest ? minuteOf(line) : latest), '');
  const inNewest = found.filter((line) => minuteOf(line) === newest).length;
  // Lines of one minute come newest first: those counted before are the last ones.
  const fresh = found.filter((line) => minuteOf(line) > seenMinute);
  const same = found.filter((line) => minuteOf(line) === seenMinute);
  fresh.push(...same.slice(0, Math.max(0, same.length - Number(seenCount))));
  return {
    mark: newest === '' || newest < seenMinute ? seen : `${newest}#${inNewest}`,
    design: fresh.some((line) => !isAboutRights(line)),
    rights: fresh.some(isAboutRights),
  };
}

function isAboutProject(line: LogRow): boolean {
  const action = line.action.trim();
  if (ofRecords.test(action)) return false;
  return /^manage\/design/i.test(action) ? !harmless.test(line.details.trim()) : isAboutRights(line);
}

function isAboutRights(line: LogRow): boolean {
  return ofRights.test(line.action) || (/^manage\/design/i.test(line.action.trim()) && ofRights.test(line.details));
}

const minuteOf = (line: LogRow): string => line.timestamp.slice(0, 16);
