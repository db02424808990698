import type { LogRow } from '@studybridge/redcap-client';

/** A line of the log that may move an identity. `wallTime` is the server's, to the minute. */
export interface IdentityLine {
  /** `rename` is only a possibility: REDCap logs it as an update of the record id field and does not tell the old name. */
  kind: 'create' | 'delete' | 'rename';
  /** The number that the line told when it was written. */
  record: string;
  /** The number under which REDCap tells the line now. */
  current: string;
  wallTime: string;
  username: string;
}

/** A line that tells of changed cells. */
export interface EditLine {
  record: string;
  fields: ReadonlySet<string>;
  wallTime: string;
  /** Whether it came through the API. */
  viaApi: boolean;
}

/** What lines of the log tell. `newest` is the wall time of the last one (to the minute), null without lines. */
export interface LogReading {
  newest: string | null;
  /** Records that the lines speak of. */
  touched: ReadonlySet<string>;
  /** Oldest first. */
  identity: IdentityLine[];
  edits: EditLine[];
}

const action = /^(create|update|delete)d? record\b\s*(\([^)]*\))?\s*(.*)$/i;
const assignments = /(?:^|, )([a-z][a-z0-9_]*)(?:\([^)]*\))? = /g;

/**
 * Reads lines of the log (redcap-api.md §5). After a rename REDCap tells a record's earlier lines under its new name, but
 * their details still hold the name of then: where details tell the record id, that one counts.
 */
export function readLogLines(rows: readonly LogRow[], recordIdField: string): LogReading {
  const touched = new Set<string>();
  const identity: IdentityLine[] = [];
  const edits: EditLine[] = [];
  let newest: string | null = null;
  for (const row of [...rows].reverse()) {
    const wallTime = row.timestamp.slice(0, 16);
    if (newest === null || wallTime > newest) newest = wallTime;
    const match = action.exec(row.action.trim());
    if (!match) continue;
    const verb = match[1]!.toLowerCase();
    const record = (row.record ?? '') || match[3]!.trim();
    if (record === '') continue;
    const told = recordIdIn(row.details, recordIdField);
    const whole = verb !== 'delete' || isWhole(row.details, recordIdField);
    if (verb !== 'delete' || !whole) touched.add(record);
    if ((verb === 'delete' && whole) || verb === 'create') {
      const kind = verb === 'delete' ? 'delete' : 'create';
      identity.push({ kind, record: told ?? record, current: record, wallTime, username: row.username });
    } else if (told !== null && row.details.trim() === `${recordIdField} = '${told}'`) {
      identity.push({ kind: 'rename', record: told, current: record, wallTime, username: row.username });
    } else {
      const fields = new Set([...row.details.matchAll(assignments)].map((found) => found[1]!));
      edits.push({ record, fields, wallTime, viaApi: /\(API\)/i.test(match[2] ?? '') });
    }
  }
  return { newest, touched, identity, edits };
}

/** Whether a deletion is of the record as a whole: one of an event, arm, instrument or instance names it beside the record. */
function isWhole(details: string, recordIdField: string): boolean {
  const rest = details.replace(new RegExp(`^\\s*${recordIdField} = '[^']*'`), '');
  return !/\b(event|arm|instrument|form|instance)\b|^\s*[,(]/i.test(rest);
}

function recordIdIn(details: string, recordIdField: string): string | null {
  const match = /^([a-z][a-z0-9_]*) = '([^']*)'/.exec(details.trim());
  return match && match[1] === recordIdField ? match[2]! : null;
}
