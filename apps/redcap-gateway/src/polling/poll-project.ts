import { projectPolled, type Cause, type Row } from '@studybridge/contracts';
import { RedcapUnknownFieldsError, wallTime } from '@studybridge/redcap-client';
import type { JobRun } from '@studybridge/service-kit';
import type { DataSource } from 'typeorm';
import type { Gateway } from '../gateway';
import { findLiving, loadSnapshots, type Participant } from '../participants/participant.repository';
import { clearFindings, noteFindings } from '../monitoring/findings';
import { UnknownCodes } from '../monitoring/unknown-codes';
import type { Checked } from '../projects/project-checks';
import { loadProject, nextReadMark, noteTrouble, type ProjectState } from '../projects/project.repository';
import type { RedcapProject } from '../projects/redcap-project';
import { changedSince, type Changes } from './changed-since';
import { flagOverwrites } from './flag-overwrites';
import { announcedRows, readRecords, type Expected } from './read-records';
import { applyMoves, decideMoves, newIdentityLines, rememberLines } from './settle-identity';
import { settleVanished } from './settle-vanished';
import { flatRowKeyOf } from './split-rows';
import { storeRecords } from './store-records';

/** How often rows that moved on under an export are read again before the next poll gets them. */
const rereads = 5;

type Counts = Record<string, number>;

/**
 * One look at a project (travel step 1). `ids`: what changed since the last time. `full`: that, and then everything, the
 * nightly safety net. The first look of a binding reads everything as baseline.
 */
export async function pollProject(
  gateway: Gateway,
  project: RedcapProject,
  kind: 'ids' | 'full',
  run: JobRun,
): Promise<Counts> {
  const { context } = gateway;
  try {
    const counts = await look(gateway, project, kind, run);
    await noteTrouble(context.dataSource, project, null, context.clock.now());
    gateway.wakeWriter();
    return counts;
  } catch (error) {
    // The dictionary changed since the last check: the next attempt looks again and reads what is left.
    if (error instanceof RedcapUnknownFieldsError) gateway.checks.expire(project);
    await noteTrouble(context.dataSource, project, error, context.clock.now());
    throw error;
  }
}

async function look(gateway: Gateway, project: RedcapProject, kind: 'ids' | 'full', run: JobRun): Promise<Counts> {
  const { context, checks } = gateway;
  let checked = await checks.ensure(project);
  const state = await loadProject(context.dataSource, project);
  const asOf = context.clock.now();
  // Decided from a database that may not be the newest it would have to be taken back.
  await gateway.bus.mayAct(context.dataSource);
  const restored = await readRestored(context.dataSource, project);
  const work = {
    gateway,
    project,
    run,
    state,
    asOf,
    cause: restored === null ? ('live' as const) : ('restore' as const),
  };
  if (state.baselineAt === null) return readEverything({ ...work, checked }, 'baseline');
  if (run.from !== undefined) state.cursorAt = run.from;
  if (restored !== null && !run.dryRun) await passOverHistory({ ...work, checked }, restored);
  let counts: Counts;
  try {
    counts = await readChanges({ ...work, checked });
  } catch (error) {
    if (!(error instanceof RedcapUnknownFieldsError)) throw error;
    checks.expire(project);
    checked = await checks.ensure(project);
    counts = await readChanges({ ...work, checked });
  }
  const sameFields = state.declaredHash === project.declaredHash;
  // Drift that healed: what it had stopped is read once more, and acts like any late news.
  const { reread } = await loadProject(context.dataSource, project);
  if (kind === 'ids' && sameFields && restored === null && !reread) return counts;
  checked = await checks.ensure(project);
  const cause = restored !== null ? 'restore' : sameFields ? 'reconcile' : 'schema';
  const more = await readEverything({ ...work, checked }, cause);
  for (const [name, count] of Object.entries(more)) counts[name] = (counts[name] ?? 0) + count;
  return counts;
}

interface Work {
  gateway: Gateway;
  project: RedcapProject;
  run: JobRun;
  state: ProjectState;
  checked: Checked;
  asOf: Date;
  /** Of what is new since the last look. */
  cause: Cause;
}

/** The cursor that the copy held, when the database was put back and the project was not read anew since. */
async function readRestored(
  dataSource: DataSource,
  project: RedcapProject,
): Promise<{ copyCursorAt: Date | null } | null> {
  const [row] = await dataSource.query<{ at: Date | null; copyCursorAt: Date | null }[]>(
    'SELECT restored_at AS at, copy_cursor_at AS "copyCursorAt" FROM project WHERE binding = $1 AND role = $2',
    [project.binding.id, project.role],
  );
  return row?.at ? { copyCursorAt: row.copyCursorAt } : null;
}

/** What the log tells of the time between the copy and the last look before it was put back was acted on then. */
async function passOverHistory(work: Work, restored: { copyCursorAt: Date | null }): Promise<void> {
  const { gateway, project, run, state, checked, asOf } = work;
  const { dataSource, config } = gateway.context;
  if (!checked.mayReadLog || state.cursorAt === null || restored.copyCursorAt === null) return;
  const { log } = await changedSince(project, {
    since: restored.copyCursorAt,
    now: asOf,
    overlapMs: config.REDCAP_OVERLAP_MINUTES * 60_000,
    mayReadLog: true,
    logNewest: null,
  });
  const until = wallTime(new Date(state.cursorAt.getTime() + (project.skewMs ?? 0)), project.serverZone).slice(0, 16);
  const history = (log?.identity ?? []).filter((line) => line.wallTime < until);
  const lines = await newIdentityLines(gateway, project, history);
  await dataSource.transaction(async (em) => {
    await run.lease.assert(em);
    await rememberLines(em, project, lines);
  });
}

async function readChanges(before: Work): Promise<Counts> {
  const { gateway, project, run, state, asOf } = before;
  const { dataSource, config, logger } = gateway.context;
  const mark = await nextReadMark(dataSource);
  const changes = await changedSince(project, {
    since: state.cursorAt ?? asOf,
    now: asOf,
    overlapMs: config.REDCAP_OVERLAP_MINUTES * 60_000,
    mayReadLog: before.checked.mayReadLog,
    logNewest: state.logNewest,
  });
  const work = { ...before, checked: await gateway.checks.glance(project, before.checked, changes.lines) };
  const moved = run.dryRun ? { moves: 0, readAgain: [] } : await followIdentities(work, changes, mark);
  for (const record of moved.readAgain) if (!changes.announced.has(record)) changes.announced.set(record, new Set());
  if (!run.dryRun) moved.moves += await suspectNewcomers(work, changes, mark);
  const counts = await readAndStore(work, changes.announced, mark, work.cause);
  counts.identityMoves = moved.moves;
  if (run.dryRun) return counts;
  await dataSource.transaction(async (em) => {
    await run.lease.assert(em);
    if (changes.log) counts.overwritten = await flagOverwrites(em, project, changes.log.edits, asOf);
    await finish(em, work, { kind: 'ids', seen: counts.records ?? 0, changed: counts.changed ?? 0 }, changes);
  });
  if ((counts.changed ?? 0) > 0) logger.info({ project: project.name, ...counts }, 'changes published');
  return counts;
}

/** Deletions and renames that the log tells, before the rows are compared. */
async function followIdentities(
  work: Work,
  changes: Changes,
  mark: number,
): Promise<{ moves: number; readAgain: string[] }> {
  const { gateway, project, run, asOf } = work;
  const lines = changes.log ? await newIdentityLines(gateway, project, changes.log.identity) : [];
  if (lines.length === 0) return { moves: 0, readAgain: [] };
  const living = await findLiving(gateway.context.dataSource, project);
  const present = living.filter((participant) => participant.presence === 'present');
  const knownRecords = new Set(present.map((participant) => participant.recordId));
  const matters = lines.some((line) =>
    line.kind === 'delete' ? knownRecords.has(line.record) : line.kind === 'rename',
  );
  let decided: Awaited<ReturnType<typeof decideMoves>> = { moves: [], readAgain: [], held: [] };
  if (matters) {
    const existing = await announcedRows(project);
    decided = await decideMoves(project, present, lines, new Set(existing.keys()));
  }
  const unseen = unseenDeletions(lines, knownRecords);
  await applyMoves(gateway, project, run.lease, { ...decided, unseen, lines, cause: work.cause, asOf, mark });
  return { moves: decided.moves.length, readAgain: decided.readAgain };
}

/** A number for each deletion that concerns nobody we know. */
function unseenDeletions(lines: readonly { kind: string; record: string }[], known: ReadonlySet<string>): string[] {
  const ours = new Set(known);
  return lines.filter(({ kind, record }) => kind === 'delete' && !ours.delete(record)).map(({ record }) => record);
}

/**
 * A record that we do not know, and that no line of the log says was created, may be one of ours under another number: before
 * it is taken in as somebody new, whoever of ours is missing is looked for.
 */
async function suspectNewcomers(work: Work, changes: Changes, mark: number): Promise<number> {
  const { gateway, project } = work;
  const living = await gateway.context.dataSource.query<{ record: string }[]>(
    `SELECT record_id AS record FROM participant
      WHERE binding = $1 AND role = $2 AND presence <> 'deleted' AND record_id = ANY($3)`,
    [project.binding.id, project.role, [...changes.announced.keys()]],
  );
  const known = new Set(living.map((row) => row.record));
  const created = new Set(
    (changes.log?.identity ?? []).filter((line) => line.kind === 'create').map((line) => line.current),
  );
  if ([...changes.announced.keys()].every((record) => known.has(record) || created.has(record))) return 0;
  const everyone = await announcedRows(project);
  return (await settleVanished(work, everyone, work.cause, mark)).identityMoves ?? 0;
}

async function readEverything(work: Work, cause: Cause): Promise<Counts> {
  const { gateway, project, run, checked, asOf } = work;
  const { dataSource, config } = gateway.context;
  const mark = await nextReadMark(dataSource);
  const announced = await announcedRows(project);
  let changes: Changes | null = null;
  if (cause === 'baseline') {
    // What the log tells of the time before is history: remembered, so that later polls do not act on it.
    changes = await changedSince(project, {
      since: asOf,
      now: asOf,
      overlapMs: config.REDCAP_OVERLAP_MINUTES * 60_000,
      mayReadLog: checked.mayReadLog,
      logNewest: null,
    });
  }
  const counts: Counts = run.dryRun || cause === 'baseline' ? {} : await settleVanished(work, announced, cause, mark);
  const stored = await readAndStore(work, announced, mark, cause);
  for (const [name, count] of Object.entries(stored)) counts[name] = (counts[name] ?? 0) + count;
  if (run.dryRun) return counts;
  const lines = changes?.log ? await newIdentityLines(gateway, project, changes.log.identity) : [];
  await dataSource.transaction(async (em) => {
    await run.lease.assert(em);
    await rememberLines(em, project, lines);
    if (cause === 'restore') {
      await em.query('UPDATE project SET restored_at = NULL, copy_cursor_at = NULL WHERE binding = $1 AND role = $2', [
        project.binding.id,
        project.role,
      ]);
    }
    await finish(em, work, { kind: 'full', seen: counts.records ?? 0, changed: counts.changed ?? 0 }, changes);
  });
  return counts;
}

/**
 * Reads records in bounded parts and stores each in a transaction of its own, while the next part is read; what moved on
 * meanwhile is read again.
 */
async function readAndStore(
  work: Work,
  announced: ReadonlyMap<string, ReadonlySet<string>>,
  firstMark: number,
  cause: Cause,
): Promise<Counts> {
  const { gateway, project, run, checked, asOf } = work;
  const { dataSource } = gateway.context;
  const counts: Counts = { records: 0, changed: 0, added: 0 };
  const unknownCodes = new UnknownCodes(project, checked);
  let queue = [...announced.keys()];
  let expected: Expected = announced;
  let mark = firstMark;
  for (let round = 0; queue.length > 0 && round <= rereads; round += 1) {
    const again: string[] = [];
    for await (const records of readParts(work, queue, expected)) {
      unknownCodes.look(records);
      await gateway.at('poll:staged');
      counts.records! += records.size;
      if (run.dryRun) continue;
      const stored = await storeRecords(gateway, project, checked, run.lease, { records, mark, cause, asOf });
      await gateway.at('poll:stored');
      counts.changed! += stored.changed;
      counts.added! += stored.added;
      again.push(...stored.readAgain);
    }
    queue = again;
    expected = new Map();
    mark = await nextReadMark(dataSource);
  }
  if (!run.dryRun) await noteFindings(dataSource, project, unknownCodes.findings(), asOf);
  return counts;
}

/** Records in bounded parts, each read to its end and counted; one more part is read while its reader is busy, not more. */
async function* readParts(
  work: Work,
  queue: readonly string[],
  expected: Expected,
): AsyncGenerator<ReadonlyMap<string, Row[]>> {
  const { gateway, project, run, checked } = work;
  const size = gateway.context.config.REDCAP_RECORDS_PER_EXPORT;
  const given = new AbortController();
  const read = async (from: number): Promise<ReadonlyMap<string, Row[]>> => {
    const part = queue.slice(from, from + size);
    return readRecords(project, checked, part, expected, await knownRows(work, part), given);
  };
  let next: Promise<ReadonlyMap<string, Row[]>> | null = null;
  try {
    for (let from = 0; from < queue.length; from += size) {
      run.signal.throwIfAborted();
      const records = await (next ?? read(from));
      next = from + size < queue.length ? read(from + size) : null;
      // Whoever waits for it hears of its failure; nobody does once the reader has given up.
      next?.catch(() => undefined);
      yield records;
    }
  } finally {
    given.abort();
    await next?.catch(() => undefined);
  }
}

/** The flat rows in which what we know of records must come. */
async function knownRows(work: Work, records: readonly string[]): Promise<Expected> {
  const { dataSource } = work.gateway.context;
  const { project, checked } = work;
  const participants = await dataSource.query<Pick<Participant, 'id' | 'recordId'>[]>(
    `SELECT id, record_id AS "recordId" FROM participant
      WHERE binding = $1 AND role = $2 AND record_id = ANY($3) AND presence = 'present'`,
    [project.binding.id, project.role, records],
  );
  const snapshots = await loadSnapshots(
    dataSource,
    participants.map((participant) => participant.id),
  );
  return new Map(
    participants.map((participant) => [
      participant.recordId,
      new Set(
        (snapshots.get(participant.id) ?? [])
          .filter((row) => !checked.drift.stopsPlace(row.event, row.instrument))
          .map((row) => flatRowKeyOf(checked.design, row)),
      ),
    ]),
  );
}

/** The last transaction of a look: the cursor moves only now, and the poll is said to be done. */
async function finish(
  em: Parameters<typeof rememberLines>[0],
  work: Work,
  done: { kind: 'ids' | 'full'; seen: number; changed: number },
  changes: Changes | null,
): Promise<void> {
  const { gateway, project, asOf, state } = work;
  const newest = changes?.log?.newest ?? null;
  await em.query(
    `UPDATE project SET baseline_at = coalesce(baseline_at, $3), cursor_at = $3, declared_hash = $4, polled_at = $3,
        compared_at = CASE WHEN $5 THEN $3 ELSE compared_at END, log_newest = greatest(log_newest, $6),
        reread = reread AND NOT ($5 AND design_hash = $7)
      WHERE binding = $1 AND role = $2`,
    [
      project.binding.id,
      project.role,
      asOf,
      project.declaredHash,
      done.kind === 'full',
      newest,
      work.checked.design.hash,
    ],
  );
  if (done.kind === 'full') await clearFindings(em, project, 'UNKNOWN_CODE', asOf);
  if (newest !== null && state.logNewest !== newest) {
    await em.query(`DELETE FROM log_seen WHERE binding = $1 AND role = $2 AND wall_time < $3`, [
      project.binding.id,
      project.role,
      daysBefore(newest, 7),
    ]);
  }
  await gateway.bus.publish(
    em,
    projectPolled,
    {
      project: project.role,
      kind: done.kind,
      asOf: asOf.toISOString(),
      recordsSeen: done.seen,
      participantsChanged: done.changed,
      binding: project.binding.id,
    },
    {
      binding: project.binding.id,
      study: project.study.id,
      cause: 'live',
      correlationId: work.run.id,
      occurredAt: asOf,
    },
  );
}

function daysBefore(wall: string, days: number): string {
  const at = new Date(`${wall.slice(0, 10)}T00:00:00Z`);
  return new Date(at.getTime() - days * 24 * 3_600_000).toISOString().slice(0, 10);
}
