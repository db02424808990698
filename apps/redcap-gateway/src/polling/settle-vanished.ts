import type { Cause, Row } from '@studybridge/contracts';
import type { JobRun } from '@studybridge/service-kit';
import type { Gateway } from '../gateway';
import {
  insertParticipants,
  findLiving,
  loadSnapshots,
  type Participant,
} from '../participants/participant.repository';
import { fingerprint, identifies, type SnapshotRow } from '../participants/values';
import { IncompleteAnswerError } from '../projects/gateway-errors';
import type { Checked } from '../projects/project-checks';
import type { RedcapProject } from '../projects/redcap-project';
import { readLogLines } from './log-lines';
import { readRecords, type Expected } from './read-records';
import { moveParticipants, type IdentityMove } from './settle-identity';

/** More than so many, and more than a tenth, gone at once without a trace is not believed. */
const believable = 5;

interface Work {
  gateway: Gateway;
  project: RedcapProject;
  run: JobRun;
  checked: Checked;
  asOf: Date;
}

/**
 * Participants whose record a full list lacks. Absence alone never means deletion: a second, targeted read must agree, and
 * then the log decides: the record's own deletion, or a new record that its lines say had that number. Without a trace where
 * the log may be read, or where it may not and somebody new looks like the one who is gone, both wait for a person. Who
 * waits as somebody new is taken out of `announced`, so that they are not published.
 */
export async function settleVanished(
  work: Work,
  announced: Map<string, ReadonlySet<string>>,
  cause: Cause,
  mark: number,
): Promise<Record<string, number>> {
  const { gateway, project, run, checked, asOf } = work;
  const { dataSource } = gateway.context;
  const living = await findLiving(dataSource, project);
  const absent = living.filter((one) => one.presence === 'present' && !announced.has(one.recordId));
  if (absent.length === 0) return {};
  const nothing: Expected = new Map();
  const records = absent.map((participant) => participant.recordId);
  const there = await readRecords(project, checked, records, nothing, nothing);
  const vanished = absent.filter((participant) => !there.has(participant.recordId));
  for (const record of there.keys()) announced.set(record, new Set());
  const traces = new Map<string, boolean>();
  if (checked.mayReadLog) {
    for (const one of vanished) traces.set(one.recordId, await wasDeleted(project, one.recordId));
  }
  const known = new Set(living.map((participant) => participant.recordId));
  const unknown = [...announced.keys()].filter((record) => !known.has(record));
  const missing = vanished.filter((one) => traces.get(one.recordId) !== true);
  const renamed = checked.mayReadLog ? await findRenamed(project, missing, unknown) : new Map<string, string>();
  const traceless = missing.filter((one) => !renamed.has(one.id));
  if (traceless.length > Math.max(believable, living.length / 10)) throw new IncompleteAnswerError(traceless.length);

  const taken = new Set(renamed.values());
  const lookalikes = await findLookalikes(
    work,
    traceless,
    unknown.filter((record) => !taken.has(record)),
  );
  const moves = vanished.map((one): IdentityMove => {
    const other = lookalikes.get(one.id);
    const recordId = renamed.get(one.id);
    if (recordId !== undefined) return { participantId: one.id, to: 'renamed', recordId };
    if (traces.get(one.recordId) === true) return { participantId: one.id, to: 'deleted' };
    if (!checked.mayReadLog && other === undefined) return { participantId: one.id, to: 'deleted' };
    return { participantId: one.id, to: 'in-doubt', doubt: { kind: 'vanished' } };
  });
  await dataSource.transaction(async (em) => {
    await run.lease.assert(em);
    await moveParticipants(em, gateway, project, { moves, cause, asOf, mark });
    await insertParticipants(
      em,
      gateway.context.sealer,
      project,
      [...lookalikes].map(([other, recordId]) => ({
        recordId,
        presence: 'in-doubt' as const,
        doubt: { kind: 'appeared' as const, other },
      })),
      asOf,
    );
  });
  for (const record of lookalikes.values()) announced.delete(record);
  return { identityMoves: moves.length, inDoubt: moves.filter((move) => move.to === 'in-doubt').length };
}

async function wasDeleted(project: RedcapProject, record: string): Promise<boolean> {
  const lines = await project.client.log({ logtype: 'record', record });
  const { identity } = readLogLines(lines, project.definition.recordIdField);
  return identity.filter((line) => line.record === record).at(-1)?.kind === 'delete';
}

/** For each missing participant the new record whose lines tell that it had that number, where there is exactly one. */
async function findRenamed(
  project: RedcapProject,
  missing: readonly Participant[],
  unknown: readonly string[],
): Promise<Map<string, string>> {
  const found = new Map<string, string[]>();
  if (missing.length === 0) return new Map();
  for (const record of unknown) {
    const lines = await project.client.log({ logtype: 'record', record });
    const told = new Set(readLogLines(lines, project.definition.recordIdField).identity.map((line) => line.record));
    const former = missing.filter((one) => told.has(one.recordId));
    if (former.length === 1) found.set(former[0]!.id, [...(found.get(former[0]!.id) ?? []), record]);
  }
  return new Map([...found].flatMap(([id, records]) => (records.length === 1 ? [[id, records[0]!] as const] : [])));
}

/** For each vanished participant the new record that holds the same identifying values, where there is exactly one. */
async function findLookalikes(
  work: Work,
  vanished: readonly Participant[],
  unknown: readonly string[],
): Promise<Map<string, string>> {
  const { gateway, project, checked } = work;
  if (vanished.length === 0 || unknown.length === 0) return new Map();
  const rows = await readRecords(project, checked, unknown, new Map(), new Map());
  const snapshots = await loadSnapshots(
    gateway.context.dataSource,
    vanished.map((participant) => participant.id),
  );
  const { sealer } = gateway.context;
  const found = new Map<string, string>();
  for (const participant of vanished) {
    const before = new Set((snapshots.get(participant.id) ?? []).flatMap(marksOfSnapshot));
    const alike = [...rows].filter(([, read]) => {
      const marks = read.flatMap((row) => marksOfRow(row));
      return marks.length > 0 && marks.filter((mark) => before.has(mark)).length * 2 > before.size;
    });
    if (alike.length === 1) found.set(participant.id, alike[0]![0]);
  }
  return found;

  function marksOfRow(row: Row): string[] {
    return Object.entries(row.values).map(([field, value]) => {
      const shown = identifies(project, field) ? fingerprint(sealer, project, field, value) : value;
      return JSON.stringify([row.event, row.instrument, row.instance, field, shown]);
    });
  }
}

function marksOfSnapshot(row: SnapshotRow): string[] {
  return [...Object.entries(row.clear), ...Object.entries(row.prints)].map(([field, value]) =>
    JSON.stringify([row.event, row.instrument, row.instance, field, value]),
  );
}
