import { randomUUID } from 'node:crypto';
import type { CellValue, Row } from '@studybridge/contracts';
import { LeaseLostError, type Lease } from '@studybridge/service-kit';
import type { EntityManager } from 'typeorm';
import type { Gateway } from '../gateway';
import {
  findById,
  loadSnapshots,
  lockById,
  storeSnapshots,
  type Participant,
} from '../participants/participant.repository';
import { cellKey, keepValue, openValue, rowKey, toSnapshotRow, wholeRow } from '../participants/values';
import type { Checked } from '../projects/project-checks';
import { nextReadMark } from '../projects/project.repository';
import type { RedcapProject } from '../projects/redcap-project';
import { desiredColumns, settleCells, type DesiredCell, type Settlement } from './desired-cells';
import { judgeRow, refuseByDesign, type SeenCell, type WantedCell } from './guard';
import { importCells, type OutgoingCell, type RefusedOutgoing } from './import-cells';
import { readCells } from './read-cells';

/** A value that REDCap took without an error, yet does not hold afterwards, is sent so often. */
const attemptsToTake = 3;

type OpenCell = WantedCell & { cell: DesiredCell };

/** A cell of a batch as the attempting row remembers it. */
interface BatchCell {
  participantId: string;
  record: string;
  event: string;
  instrument: string;
  instance: number;
  field: string;
  version: number;
  value: CellValue;
  before: CellValue;
}

interface Place {
  gateway: Gateway;
  project: RedcapProject;
  checked: Checked;
  lease: Lease;
  /** Whether the lease holds by this process's own clock, which knows of a freeze before the database is asked. */
  surelyMine(): boolean;
}

/**
 * Takes a batch of wanted cells through the guard, notes the attempt, imports, reads back and settles (travel step 5).
 * Whatever fails between the note and the settlement leaves the note behind: `resumeBatches` reads back and decides.
 */
export async function writeBatch(place: Place, cells: readonly DesiredCell[]): Promise<void> {
  const { gateway, project, checked, lease } = place;
  const { dataSource, sealer } = gateway.context;
  const ids = [...new Set(cells.map((cell) => cell.participantId))];
  const participants = new Map((await findById(dataSource, ids)).map((one) => [one.id, one]));
  const snapshots = await loadSnapshots(dataSource, ids);
  const settlements: Settlement[] = [];
  const standing: OpenCell[] = [];
  const clear = new Map<string, Row[]>(
    [...snapshots].map(([id, rows]) => [id, rows.map((row) => ({ ...row, values: row.clear }))]),
  );
  for (const cell of cells) {
    const open = openCell(place, cell);
    const rows = clear.get(cell.participantId) ?? [];
    const reason = refuseByDesign(project, checked, participants.get(cell.participantId), rows, open);
    if (reason === null) standing.push(open);
    else settlements.push({ cell, outcome: 'refused', current: null, reason });
  }

  const sending: (SeenCell<OpenCell> & { record: string })[] = [];
  if (standing.length > 0) {
    const recordOf = (one: OpenCell) => participants.get(one.cell.participantId)!.recordId;
    const reading = await readCells(
      project,
      checked.design,
      [...new Set(standing.map(recordOf))],
      standing.map((one) => one.field),
    );
    for (const row of groupByRow(standing)) {
      const record = recordOf(row[0]!);
      if (!reading.hasRecord(record)) {
        for (const one of row) {
          settlements.push({ cell: one.cell, outcome: 'refused', current: null, reason: 'UNKNOWN_RECORD' });
        }
        continue;
      }
      const seen = row.map((wanted) => ({ wanted, current: reading.value(record, wanted) }));
      const verdict = judgeRow(project, seen, reading.hasRow(record, row[0]!));
      for (const { wanted, current } of verdict.already) {
        settlements.push({ cell: wanted.cell, outcome: 'applied', current, lastWritten: wanted.cell.value });
      }
      for (const { wanted, current, reason } of verdict.refused) {
        settlements.push({ cell: wanted.cell, outcome: 'refused', current, reason });
      }
      for (const one of verdict.send) sending.push({ ...one, record });
    }
  }

  const batch: BatchCell[] = sending.map(({ wanted, current, record }) => ({
    participantId: wanted.cell.participantId,
    record,
    event: wanted.event,
    instrument: wanted.instrument,
    instance: wanted.instance,
    field: wanted.field,
    version: wanted.cell.version,
    value: wanted.cell.value,
    before: keepValue(sealer, project, wanted.cell, current),
  }));
  const id = randomUUID();
  await dataSource.transaction(async (em) => {
    await lease.assert(em);
    await settleCells(em, gateway, project, settlements);
    if (batch.length > 0) await noteAttempt(em, place, id, batch);
  });
  if (batch.length === 0) return;

  await gateway.at('write:attempting');
  const { refused, unknownFields } = await importCells(
    project,
    checked.design,
    sending.map(({ wanted, record }) => ({ ...outgoing(wanted), record })),
    () => {
      // A writer that was frozen must not import what its successor has meanwhile decided anew.
      if (!place.surelyMine()) throw new LeaseLostError(lease.name);
    },
  );
  if (unknownFields) gateway.checks.expire(project);
  await gateway.at('write:imported');
  await settleBatch(place, id, batch, refused);
}

/** Decides what became of batches whose outcome was never noted: reads back, as after every write. */
export async function resumeBatches(place: Place): Promise<number> {
  const { gateway, project } = place;
  const open = await gateway.context.dataSource.query<{ id: string; cells: BatchCell[] }[]>(
    `SELECT id, cells FROM write_batch WHERE binding = $1 AND role = $2 AND state = 'attempting' ORDER BY started_at`,
    [project.binding.id, project.role],
  );
  for (const batch of open) await settleBatch(place, batch.id, batch.cells, []);
  return open.length;
}

async function noteAttempt(em: EntityManager, place: Place, id: string, batch: readonly BatchCell[]): Promise<void> {
  const { project, lease, gateway } = place;
  await em.query(
    `INSERT INTO write_batch (id, binding, role, epoch, state, cells, records, started_at)
     VALUES ($1, $2, $3, $4, 'attempting', $5, $6, $7)`,
    [
      id,
      project.binding.id,
      project.role,
      lease.epoch,
      JSON.stringify(batch),
      new Set(batch.map((cell) => cell.record)).size,
      gateway.context.clock.now(),
    ],
  );
  await em.query(
    `UPDATE desired_cell d SET state = 'attempting'
       FROM jsonb_to_recordset($1::jsonb) AS i("participantId" uuid, event text, instrument text, instance integer,
            field text, version integer)
      WHERE d.participant_id = i."participantId" AND d.event = i.event AND d.instrument = i.instrument
        AND d.instance = i.instance AND d.field = i.field AND d.version = i.version`,
    [JSON.stringify(batch)],
  );
}

/** Reads written cells back and settles them, their snapshots and the batch in one transaction. */
async function settleBatch(
  place: Place,
  id: string,
  batch: readonly BatchCell[],
  refused: readonly RefusedOutgoing[],
): Promise<void> {
  const { gateway, project, checked, lease } = place;
  const { dataSource, clock } = gateway.context;
  const mark = await nextReadMark(dataSource);
  const reading = await readCells(
    project,
    checked.design,
    [...new Set(batch.map((cell) => cell.record))],
    batch.map((cell) => cell.field),
  );
  await gateway.at('write:read-back');
  const messages = new Map(refused.map(({ cell, message }) => [`${cell.record}/${cellKey(cell)}`, message]));
  await dataSource.transaction(async (em) => {
    await lease.assert(em);
    const participants = await lockById(em, [...new Set(batch.map((cell) => cell.participantId))]);
    const desired = await lockDesired(em, batch);
    const settlements = batch.flatMap((cell) => {
      const one = desired.get(`${cell.participantId}/${cellKey(cell)}`);
      if (!one) return [];
      const current = reading.hasRecord(cell.record) ? reading.value(cell.record, cell) : null;
      const message = messages.get(`${cell.record}/${cellKey(cell)}`);
      // Judged by the version that was sent, whatever was requested since.
      return [judgeOutcome(place, { ...one, version: cell.version, value: cell.value }, cell, current, message)];
    });
    await updateSnapshots(em, place, participants, settlements, mark);
    await settleCells(em, gateway, project, settlements);
    await em.query(`UPDATE write_batch SET state = 'settled', settled_at = $2, cells = '[]' WHERE id = $1`, [
      id,
      clock.now(),
    ]);
  });
}

/** What the read-back means for one cell of a batch. */
function judgeOutcome(
  place: Place,
  cell: DesiredCell,
  sent: BatchCell,
  current: string | null,
  message: string | undefined,
): Settlement {
  const { sealer } = place.gateway.context;
  const { project } = place;
  const target = openValue(sealer, project, cell, sent.value);
  const before = openValue(sealer, project, cell, sent.before);
  if (current === null) return { cell, outcome: 'refused', current, reason: 'UNKNOWN_RECORD' };
  if (current === target) return { cell, outcome: 'applied', current, lastWritten: sent.value };
  if (message !== undefined) return { cell, outcome: 'refused', current, reason: 'REDCAP_REFUSED', message };
  const basedOn = keepValue(sealer, project, cell, current);
  if (current === before) {
    if (cell.attempts + 1 >= attemptsToTake) {
      const kept = 'REDCap took the value without an error, but does not hold it.';
      return { cell, outcome: 'refused', current, reason: 'REDCAP_REFUSED', message: kept };
    }
    return {
      cell,
      outcome: 'wanted',
      current,
      next: { basedOn, reasserted: cell.reasserted, attempts: cell.attempts + 1 },
    };
  }
  // Neither what was there nor what we sent: a person saved in the middle.
  if (cell.reasserted) return { cell, outcome: 'refused', current, reason: 'STAFF_OVERWROTE', overwrote: true };
  return { cell, outcome: 'wanted', current, overwrote: true, next: { basedOn, reasserted: true, attempts: 0 } };
}

async function lockDesired(em: EntityManager, batch: readonly BatchCell[]): Promise<Map<string, DesiredCell>> {
  const cells = await em.query<DesiredCell[]>(
    `SELECT ${desiredColumns} FROM desired_cell WHERE participant_id = ANY($1::uuid[])
      ORDER BY participant_id, event, instrument, instance, field FOR UPDATE`,
    [[...new Set(batch.map((cell) => cell.participantId))]],
  );
  return new Map(cells.map((cell) => [`${cell.participantId}/${cellKey(cell)}`, cell]));
}

/** Applied cells go into the snapshot, so that no poll takes them for news. */
async function updateSnapshots(
  em: EntityManager,
  place: Place,
  participants: readonly Participant[],
  settlements: readonly Settlement[],
  mark: number,
): Promise<void> {
  const { project, gateway } = place;
  const { sealer } = gateway.context;
  const declared = new Set(project.definition.declaredFields);
  // Whoever was read after our read-back began is newer already.
  const behind = new Set(participants.filter((one) => one.readMark < mark).map((one) => one.id));
  const applied = settlements.filter(
    ({ cell, outcome }) =>
      outcome === 'applied' && behind.has(cell.participantId) && declared.has(cell.field.split('___')[0]!),
  );
  if (applied.length === 0) return;
  const ids = [...new Set(applied.map(({ cell }) => cell.participantId))];
  const snapshots = await loadSnapshots(em, ids);
  const rows = new Map<string, Row & { participantId: string }>();
  for (const { cell, current } of applied) {
    const key = `${cell.participantId}/${rowKey(cell)}`;
    let row = rows.get(key);
    if (!row) {
      const stored = snapshots.get(cell.participantId)?.find((one) => rowKey(one) === rowKey(cell));
      row = stored
        ? { ...wholeRow(sealer, project, stored), participantId: cell.participantId }
        : {
            participantId: cell.participantId,
            event: cell.event,
            instrument: cell.instrument,
            instance: cell.instance,
            values: {},
          };
      rows.set(key, row);
    }
    row.values[cell.field] = current ?? '';
  }
  await storeSnapshots(
    em,
    [...rows.values()].map((row) => toSnapshotRow(sealer, project, row.participantId, row)),
  );
  await em.query('UPDATE participant SET read_mark = $2 WHERE id = ANY($1::uuid[])', [ids, mark]);
}

function openCell(place: Place, cell: DesiredCell): OpenCell {
  const { sealer } = place.gateway.context;
  const open = (kept: CellValue) => openValue(sealer, place.project, cell, kept);
  return {
    cell,
    event: cell.event,
    instrument: cell.instrument,
    instance: cell.instance,
    field: cell.field,
    owner: cell.owner,
    value: open(cell.value),
    basedOn: open(cell.basedOn),
    lastWritten: cell.lastWritten === null ? null : open(cell.lastWritten),
    reasserted: cell.reasserted,
  };
}

function outgoing(wanted: OpenCell): Omit<OutgoingCell, 'record'> {
  const { event, instrument, instance, field, value } = wanted;
  return { event, instrument, instance, field, value };
}

function groupByRow(cells: readonly OpenCell[]): OpenCell[][] {
  const rows = new Map<string, OpenCell[]>();
  for (const one of cells) {
    const key = `${one.cell.participantId}/${rowKey(one)}`;
    rows.set(key, [...(rows.get(key) ?? []), one]);
  }
  return [...rows.values()];
}
