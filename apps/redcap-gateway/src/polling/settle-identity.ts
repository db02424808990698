import { randomUUID } from 'node:crypto';
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
import { namesIn, type IdentityLine } from './log-lines';

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

/**
 * Decides what new lines of the log mean for the participants, in the order in which they happened, against the full list of
 * records that exist. A deletion needs the line and the record's absence, or a later creation under the same number; a rename
 * needs a line, and either a former name of that record in its own log or a single participant that went missing. What does
 * not add up is in doubt; `held` are record numbers of whom it is not known whether they are somebody new.
 */
export async function decideMoves(
  project: RedcapProject,
  living: readonly Participant[],
  lines: readonly NewLine[],
  existing: ReadonlySet<string>,
): Promise<{ moves: IdentityMove[]; readAgain: string[]; held: string[] }> {
  const byRecord = new Map(living.map((participant) => [participant.recordId, participant]));
  const moves: IdentityMove[] = [];
  const readAgain = new Set<string>();
  const unexplained = new Set<string>();
  const deletedLast = new Map<string, Participant>();
  for (const line of lines) {
    const there = byRecord.get(line.record);
    if (line.kind === 'delete' && there) {
      byRecord.delete(line.record);
      deletedLast.set(line.record, there);
    } else if (line.kind === 'create') {
      const gone = deletedLast.get(line.record);
      if (gone) moves.push({ participantId: gone.id, to: 'deleted' });
      deletedLast.delete(line.record);
      readAgain.add(line.record);
    } else if (line.kind === 'rename' && existing.has(line.record)) {
      const former = await formerOf(project, line.record, byRecord, existing);
      if (!former && !byRecord.has(line.record)) unexplained.add(line.record);
      if (former) {
        byRecord.delete(former.recordId);
        byRecord.set(line.record, { ...former, recordId: line.record });
        moves.push({ participantId: former.id, to: 'renamed', recordId: line.record });
        readAgain.add(line.record);
      }
    }
  }
  for (const [record, participant] of deletedLast) {
    if (!existing.has(record)) moves.push({ participantId: participant.id, to: 'deleted' });
    else moves.push({ participantId: participant.id, to: 'in-doubt', doubt: { kind: 'replaced' } });
  }
  // A number that came from a rename, while several of ours are missing: it must not be taken for somebody new.
  const missing = [...byRecord.keys()].some((record) => !existing.has(record));
  const held = missing ? [...unexplained].filter((record) => !byRecord.has(record)) : [];
  return { moves: lastMoves(moves), readAgain: [...readAgain], held };
}

/** The participant who now goes by another name: told by the record's own log, else the only one who went missing. */
async function formerOf(
  project: RedcapProject,
  record: string,
  byRecord: ReadonlyMap<string, Participant>,
  existing: ReadonlySet<string>,
): Promise<Participant | null> {
  const occupied = byRecord.has(record);
  const names = namesIn(await project.client.log({ logtype: 'record', record }), project.definition.recordIdField);
  names.delete(record);
  const told = [...names].flatMap((name) => byRecord.get(name) ?? []);
  // Where the number is already ours, only somebody who is gone can have moved there.
  const candidates = occupied ? told.filter((participant) => !existing.has(participant.recordId)) : told;
  if (candidates.length === 1) return candidates[0]!;
  if (occupied || candidates.length > 1) return null;
  const missing = [...byRecord.values()].filter((participant) => !existing.has(participant.recordId));
  return missing.length === 1 ? missing[0]! : null;
}

/** A participant renamed twice moves once. */
function lastMoves(moves: readonly IdentityMove[]): IdentityMove[] {
  return [...new Map(moves.map((move) => [move.participantId, move])).values()];
}

/** Carries moves out and says them, in one transaction under the lease. */
export async function applyMoves(
  gateway: Gateway,
  project: RedcapProject,
  lease: Lease,
  o: {
    moves: readonly IdentityMove[];
    held: readonly string[];
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
    const held = o.held.map((recordId) => ({ id: randomUUID(), recordId, presence: 'in-doubt' as const, doubt }));
    await insertParticipants(em, project, held, o.asOf);
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
