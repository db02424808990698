import { sandboxToken } from '@studybridge/sandbox';
import type { Cohort } from '@studybridge/studies';
import type { System } from '../system/start-system';

/** A row of REDCap's flat export. */
export type FlatRow = Record<string, string>;

/** A member as the sandbox's partner keeps it. */
export interface KeptMember {
  memberId: string;
  externalId: string;
  status: string;
  arm: string | null;
  details: { firstName: string; lastName?: string; mobile: string; childFirstName: string };
}

/** How many changing calls the partner applied to a member; see the sandbox. */
interface LedgerEntry {
  posts: number;
  postRepeats: number;
  puts: number;
  armPuts: number;
  armRepeats: number;
}

/** What the outside shows: every REDCap cell, every member, every call that the partner applied. */
export interface WorldState {
  rows: FlatRow[];
  members: KeptMember[];
  ledger: Record<string, LedgerEntry>;
}

/** Reads the outside as it is. */
export async function worldState(system: System): Promise<WorldState> {
  const { agile } = system.world.snapshot() as { agile: { members: KeptMember[]; ledger: WorldState['ledger'] } };
  return { rows: await exportRows(system), members: agile.members, ledger: agile.ledger };
}

/** Every cell of the cohort's project, as REDCap exports it. */
export async function exportRows(system: System): Promise<FlatRow[]> {
  const form = new URLSearchParams({ token: sandboxToken('ismile'), content: 'record', format: 'json', type: 'flat' });
  const answer = await fetch(`${system.worldUrl}/redcap/api/`, { method: 'POST', body: form });
  return (await answer.json()) as FlatRow[];
}

/** The cells that staff own, as they must stand at the end: those of the start with everything saved since. */
export function staffCells(start: readonly FlatRow[], cohort: Cohort): Map<string, string> {
  const cells = new Map<string, string>();
  const put = (record: string, event: string, field: string, value: string): void => {
    cells.set(JSON.stringify([record, event, field]), value);
  };
  for (const row of start) {
    for (const [field, value] of Object.entries(row)) {
      if (value !== '') put(row['record_id'] ?? '', row['redcap_event_name'] ?? '', field, value);
    }
  }
  const entriesOf = (record: string): [string, [string, string, string]][] =>
    [...cells.keys()]
      .map((key): [string, [string, string, string]] => [key, JSON.parse(key) as [string, string, string]])
      .filter(([, parts]) => parts[0] === record);
  for (const action of cohort.timeline) {
    if (action.do === 'save') {
      for (const [field, value] of Object.entries(action.values)) put(action.record, action.event, field, value);
    } else if (action.do === 'delete-record') {
      for (const [key] of entriesOf(action.record)) cells.delete(key);
    } else if (action.do === 'rename-record') {
      for (const [key, [, event, field]] of entriesOf(action.record)) {
        put(action.to, event, field, cells.get(key) ?? '');
        cells.delete(key);
      }
    }
  }
  for (const key of [...cells.keys()]) {
    const [, , field] = JSON.parse(key) as [string, string, string];
    if (field === 'record_id' || field.startsWith('redcap_')) cells.delete(key);
  }
  return cells;
}
