import type { Cause } from '@studybridge/contracts';
import type { Lease } from '@studybridge/service-kit';
import type { EntityManager } from 'typeorm';
import type { Gateway } from '../gateway';
import {
  insertParticipants,
  loadSnapshots,
  lockById,
  type Doubt,
  type Participant,
  type Presence,
} from '../participants/participant.repository';
import { tellParticipants } from '../participants/tell-participants';
import { wholeRow } from '../participants/values';
import type { RedcapProject } from '../projects/redcap-project';
import { readLogLines, type IdentityLine } from './log-lines';

/** A decided move of a participant's identity. */
export type IdentityMove =
  | { participantId: string; to: 'deleted' }
  | { participantId: string; to: 'renamed'; recordId: string }
  | { participantId: string; to: 'in-doubt'; doubt: Doubt };

/** A line of the log, and the fingerprint under which it is remembered. */
export interface NewLine extends IdentityLine {
  print: string;
}

/** The lines that were not acted on yet. Equal lines within a minute are told apart by their number. */
export async function newIdentityLines(
  gateway: Gateway,
  project: RedcapProject,
  lines: readonly IdentityLine[],
): Promise<NewLine[]> {
  if (lines.length === 0) return [];
  const { sealer, dataSource } = gateway.context;
  const printed = lines.map((line) => ({
    ...line,
    print: sealer.fingerprint(
      project.study.id,
      'log-line',
      JSON.stringify([line.wallTime, line.username, line.kind, line.record]),
    ),
  }));
  const seen = await dataSource.query<{ print: string; times: number }[]>(
    'SELECT print, times FROM log_seen WHERE binding = $1 AND role = $2 AND print = ANY($3)',
    [project.binding.id, project.role, printed.map((line) => line.print)],
  );
  const left = new Map(seen.map((row) => [row.print, row.times]));
  return printed.filter((line) => {
    const times = left.get(line.print) ?? 0;
    if (times > 0) left.set(line.print, times - 1);
    return times === 0;
  });
}

/** Remembers lines as acted on. */
export async function rememberLines(
  em: EntityManager,
  project: RedcapProject,
  lines: readonly NewLine[],
): Promise<void> {
  if (lines.length === 0) return;
  await em.query(
    `INSERT INTO log_seen AS s (binding, role, print, times, wall_time)
     SELECT $1, $2, print, count(*), min(wall_time) FROM jsonb_to_recordset($3::jsonb) AS i(print text, wall_time text)
      GROUP BY print
     ON CONFLICT (binding, role, print) DO UPDATE SET times = s.times + excluded.times`,
    [
      project.binding.id,
      project.role,
      JSON.stringify(lines.map((line) => ({ print: line.print, wall_time: line.wallTime }))),
    ],
  );
}

/** Who stands behind a number while its lines are followed: one of ours, or somebody new. */
interface Holder {
  name: string;
  participant: Participant | null;
}

/**
 * Decides what new lines of the log mean for the participants, against the full list of records that exist. Lines are taken
 * together by the number under which REDCap tells them now, in the order in which they happened. A deletion needs its line
 * and the record's absence, or a later creation; a rename needs its line and the former number, told by the record's older
 * lines, else by the one participant who is missing. What does not add up is in doubt; `held` are numbers of whom it is not
 * known whether they are somebody new.
 */
export async function decideMoves(
  project: RedcapProject,
  living: readonly Participant[],
  lines: readonly NewLine[],
  existing: ReadonlySet<string>,
): Promise<{ moves: IdentityMove[]; readAgain: string[]; held: string[] }> {
  const known = new Map(living.map((participant) => [participant.recordId, participant]));
  const moves = new Map<string, IdentityMove>();
  const readAgain = new Set<string>();
  const unexplained: string[] = [];
  for (const [current, own] of groupBy(lines, (line) => line.current)) {
    const before = own.some((line) => line.kind === 'rename') ? await namesBefore(project, current, own) : [];
    const holders: Holder[] = before.flatMap((name) => {
      const participant = known.get(name);
      return participant ? [{ name, participant }] : [];
    });
    const removed: Holder[] = [];
    let nameless = false;
    for (const line of own) {
      const at = holders.findIndex((holder) => holder.name === line.record);
      if (line.kind === 'create') holders.push({ name: line.record, participant: null });
      else if (line.kind === 'delete') {
        const participant = known.get(line.record);
        const [holder] = at >= 0 ? holders.splice(at, 1) : [participant ? { name: line.record, participant } : null];
        if (holder) removed.push(holder);
      } else if (at < 0) {
        const mover = holders.at(-1);
        if (mover) mover.name = line.record;
        else if (!known.has(line.record)) nameless = true;
      }
    }
    const now = holders.find((holder) => holder.name === current);
    for (const { participant } of removed) {
      if (!participant) continue;
      const replaced = existing.has(participant.recordId) && !now && current === participant.recordId;
      moves.set(
        participant.id,
        replaced
          ? { participantId: participant.id, to: 'in-doubt', doubt: { kind: 'replaced' } }
          : { participantId: participant.id, to: 'deleted' },
      );
    }
    if (!existing.has(current)) continue;
    if (now || nameless) readAgain.add(current);
    if (now?.participant && now.participant.recordId !== current) {
      moves.set(now.participant.id, { participantId: now.participant.id, to: 'renamed', recordId: current });
    }
    if (!now && nameless) unexplained.push(current);
  }
  const missing = living.filter((one) => !moves.has(one.id) && !existing.has(one.recordId));
  if (unexplained.length === 1 && missing.length === 1) {
    const [participant] = missing;
    moves.set(participant!.id, { participantId: participant!.id, to: 'renamed', recordId: unexplained[0]! });
    unexplained.length = 0;
  }
  return { moves: [...moves.values()], readAgain: [...readAgain], held: missing.length > 0 ? unexplained : [] };
}

/** The numbers, before the new lines, of the records whose lines are told under `current` now. */
async function namesBefore(project: RedcapProject, current: string, own: readonly NewLine[]): Promise<string[]> {
  const rows = await project.client.log({ logtype: 'record', record: current });
  const { identity } = readLogLines(rows, project.definition.recordIdField);
  const key = (line: IdentityLine) => JSON.stringify([line.wallTime, line.username, line.kind, line.record]);
  const fresh = new Map<string, number>();
  for (const line of own) fresh.set(key(line), (fresh.get(key(line)) ?? 0) + 1);
  const old = identity
    .reverse()
    .filter((line) => {
      const left = fresh.get(key(line)) ?? 0;
      if (left > 0) fresh.set(key(line), left - 1);
      return left === 0;
    })
    .reverse();
  const names: string[] = [];
  for (const line of old) {
    const at = names.indexOf(line.record);
    if (line.kind === 'create') names.push(line.record);
    else if (line.kind === 'delete') names.splice(at, at < 0 ? 0 : 1);
    else if (at < 0) names.splice(-1, 1, line.record);
  }
  return names;
}

function groupBy<T>(items: readonly T[], keyOf: (item: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const item of items) groups.set(keyOf(item), [...(groups.get(keyOf(item)) ?? []), item]);
  return groups;
}

/** Carries moves out and says them, in one transaction under the lease. */
export async function applyMoves(
  gateway: Gateway,
  project: RedcapProject,
  lease: Lease,
  o: {
    moves: readonly IdentityMove[];
    held: readonly string[];
    /** Numbers of records that came and went unseen: whoever comes next under one is not the first. */
    unseen: readonly string[];
    lines: readonly NewLine[];
    cause: Cause;
    asOf: Date;
    mark: number;
  },
): Promise<void> {
  await gateway.context.dataSource.transaction(async (em) => {
    await lease.assert(em);
    await rememberLines(em, project, o.lines);
    await moveParticipants(em, gateway, project, o);
    const doubt: Doubt = { kind: 'appeared' };
    const held = o.held.map((recordId) => ({ recordId, presence: 'in-doubt' as const, doubt }));
    const { sealer } = gateway.context;
    await insertParticipants(em, sealer, project, held, o.asOf);
    for (const recordId of o.unseen) {
      await insertParticipants(em, sealer, project, [{ recordId, presence: 'deleted' }], o.asOf);
    }
  });
}

/** Carries moves out and says them, in the caller's transaction. */
export async function moveParticipants(
  em: EntityManager,
  gateway: Gateway,
  project: RedcapProject,
  o: { moves: readonly IdentityMove[]; cause: Cause; asOf: Date; mark: number },
): Promise<void> {
  if (o.moves.length === 0) return;
  const locked = await lockById(
    em,
    o.moves.map((move) => move.participantId),
  );
  const participants = new Map(locked.map((participant) => [participant.id, participant]));
  const snapshots = await loadSnapshots(em, [...participants.keys()]);
  // First off their numbers, then onto the new ones: two may have changed places.
  const renamed = o.moves.filter((move) => move.to === 'renamed');
  await em.query('UPDATE participant SET record_id = id::text WHERE id = ANY($1::uuid[])', [
    renamed.map((move) => move.participantId),
  ]);
  const news = [];
  for (const move of order(o.moves)) {
    const participant = participants.get(move.participantId);
    if (!participant) continue;
    const presence: Presence = move.to === 'renamed' ? 'present' : move.to;
    const recordId = move.to === 'renamed' ? move.recordId : participant.recordId;
    const [row] = (
      await em.query<[{ incarnation: number }[], number]>(
        `UPDATE participant p SET presence = $2, record_id = $3, doubt = $4, read_mark = $5, changed_at = $6,
            incarnation = CASE WHEN $7 THEN 1 + coalesce((SELECT max(o.incarnation) FROM participant o
                WHERE o.binding = p.binding AND o.role = p.role AND o.record_id = $3 AND o.id <> p.id), 0)
              ELSE p.incarnation END
          WHERE id = $1 RETURNING incarnation`,
        [
          participant.id,
          presence,
          recordId,
          move.to === 'in-doubt' ? JSON.stringify(move.doubt) : null,
          o.mark,
          o.asOf,
          recordId !== participant.recordId,
        ],
      )
    )[0];
    if (!participant.published) continue;
    news.push({
      participant: { id: participant.id, recordId, presence, incarnation: row?.incarnation ?? participant.incarnation },
      rows: (snapshots.get(participant.id) ?? []).map((one) => wholeRow(gateway.context.sealer, project, one)),
      changed: [],
    });
  }
  const { bus } = gateway;
  await tellParticipants(em, { bus, sealer: gateway.context.sealer, project, news, cause: o.cause, asOf: o.asOf });
}

/** Deletions free numbers that renames then take. */
function order(moves: readonly IdentityMove[]): IdentityMove[] {
  return [...moves.filter((move) => move.to === 'deleted'), ...moves.filter((move) => move.to !== 'deleted')];
}
