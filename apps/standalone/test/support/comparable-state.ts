import axios from 'axios';
import { createWorld, sandboxToken } from '@studybridge/sandbox';
import type { Cohort } from '@studybridge/studies';

/** A row of REDCap's flat export. */
export type FlatRow = Record<string, string>;

/** A member as the sandbox's partner keeps it. */
export interface KeptMember {
  memberId: string;
  externalId: string;
  status: string;
  arm: string | null;
  details: { mobile: string };
  [more: string]: unknown;
}

/** What the world looks like at the end, without our own random ids: every REDCap cell and every member. */
export interface WorldState {
  cells: FlatRow[];
  members: KeptMember[];
  /** How many changing calls the partner applied to each member. */
  ledger: Record<string, { posts: number; postRepeats: number; puts: number; armPuts: number; armRepeats: number }>;
}

/** Reads a running sandbox. */
export async function worldState(sandboxUrl: string): Promise<WorldState> {
  const form = new URLSearchParams({
    token: sandboxToken('ismile'),
    content: 'record',
    format: 'json',
    type: 'flat',
  });
  const cells = await axios.post<FlatRow[]>(`${sandboxUrl}/redcap/api/`, form);
  const snapshot = await axios.get<{ agile: { members: KeptMember[]; ledger: WorldState['ledger'] } }>(
    `${sandboxUrl}/__sandbox/snapshot`,
  );
  const { members, ledger } = snapshot.data.agile;
  return { cells: cells.data, members: [...members].sort((a, b) => a.memberId.localeCompare(b.memberId)), ledger };
}

/** The part of it that every way of running must agree on: all but our own random id of each participant. */
export function comparable(state: WorldState): { cells: FlatRow[]; members: Omit<KeptMember, 'externalId'>[] } {
  return { cells: state.cells, members: state.members.map(({ externalId: _random, ...member }) => member) };
}

/** Reads the world that a finished standalone run left in its state file. */
export async function keptWorldState(cohort: Cohort, stateFile: string): Promise<WorldState> {
  const world = createWorld({ cohort, stateFile });
  const { url } = await world.listen(0);
  try {
    return await worldState(url);
  } finally {
    await world.close();
  }
}
