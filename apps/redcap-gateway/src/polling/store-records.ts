import type { Cause, CellAddress, Row } from '@studybridge/contracts';
import type { Lease } from '@studybridge/service-kit';
import type { EntityManager } from 'typeorm';
import type { Gateway } from '../gateway';
import {
  addSnapshots,
  dropSnapshots,
  insertParticipants,
  loadSnapshots,
  lockByRecord,
  markRead,
  storeSnapshots,
  type Participant,
} from '../participants/participant.repository';
import { tellParticipants, type News } from '../participants/tell-participants';
import { cellKey, keepValue, openValue } from '../participants/values';
import type { Checked } from '../projects/project-checks';
import type { RedcapProject } from '../projects/redcap-project';
import { desiredColumns, settleCells, type DesiredCell, type Settlement } from '../writes/desired-cells';
import { compareRows } from './compare-rows';

/** One transaction's worth of what was read. */
export interface ReadPart {
  records: ReadonlyMap<string, Row[]>;
  /** When the export began, in the order of exports and write-backs. */
  mark: number;
  cause: Cause;
  asOf: Date;
}

/** What came of it. */
export interface StoredPart {
  changed: number;
  added: number;
  /** Records whose snapshot moved on after the export began: to be read again. */
  readAgain: string[];
}

/**
 * Compares records that were read with their snapshots, stores what differs and says it, in one short transaction under the
 * run's lease. A change made only by our own write-backs is not said; a person's change of a cell that we wrote is said,
 * flagged and re-asserted once (law 3).
 */
export async function storeRecords(
  gateway: Gateway,
  project: RedcapProject,
  checked: Checked,
  lease: Lease,
  part: ReadPart,
): Promise<StoredPart> {
  const { context, bus } = gateway;
  const { sealer } = context;
  return context.dataSource.transaction(async (em) => {
    await lease.assert(em);
    const known = await lockByRecord(em, project, [...part.records.keys()]);
    const taken = new Set(known.map((participant) => participant.recordId));
    const fresh = [...part.records.keys()].filter((record) => !taken.has(record));
    const added = await insertParticipants(
      em,
      sealer,
      project,
      fresh.map((recordId) => ({ recordId, presence: 'present' })),
      part.asOf,
      { mark: part.mark },
    );
    const reachable = new Set(added.map((participant) => participant.recordId));
    const readAgain = fresh.filter((record) => !reachable.has(record));

    const current: Participant[] = [...added];
    for (const participant of known) {
      if (participant.presence !== 'present') continue;
      if (participant.readMark > part.mark) readAgain.push(participant.recordId);
      else current.push(participant);
    }
    // In REDCap's order, which is the same however a poll came about.
    const order = new Map([...part.records.keys()].map((record, index) => [record, index]));
    current.sort((one, other) => order.get(one.recordId)! - order.get(other.recordId)!);
    const snapshots = await loadSnapshots(
      em,
      current.filter((participant) => !reachable.has(participant.recordId)).map((participant) => participant.id),
    );
    const compared = current.map((participant) => ({
      participant,
      ...compareRows(
        sealer,
        project,
        participant.id,
        snapshots.get(participant.id) ?? [],
        part.records.get(participant.recordId) ?? [],
        checked.drift,
      ),
    }));
    const isAdded = ({ participant }: { participant: Participant }) => reachable.has(participant.recordId);
    await addSnapshots(
      em,
      compared.filter(isAdded).flatMap((one) => one.store),
    );
    await storeSnapshots(
      em,
      compared.filter((one) => !isAdded(one)).flatMap((one) => one.store),
    );
    await dropSnapshots(
      em,
      compared.flatMap((one) => one.drop),
    );

    const moved = compared.filter((one) => one.changed.length > 0);
    const owned = await loadOwned(em, project, moved);
    const settlements: Settlement[] = [];
    const news: News[] = [];
    for (const one of compared) {
      const foreign =
        owned.size === 0
          ? one.changed
          : one.changed.filter((cell) => {
              const desired = owned.get(`${one.participant.id}/${cellKey(cell)}`);
              return !desired || !isOurs(gateway, project, desired, valueOf(one.rows, cell), settlements);
            });
      if (foreign.length > 0 || isAdded(one) || !one.participant.published) {
        news.push({ participant: one.participant, rows: one.rows, changed: foreign });
      }
    }
    await settleCells(em, gateway, project, settlements);
    await tellParticipants(em, { bus, sealer, project, news, cause: part.cause, asOf: part.asOf });
    await markRead(
      em,
      compared.filter((one) => !isAdded(one)).map((one) => one.participant.id),
      part.mark,
      news.map((one) => one.participant.id),
      part.asOf,
    );
    return { changed: news.length, added: added.length, readAgain };
  });
}

async function loadOwned(
  em: EntityManager,
  project: RedcapProject,
  moved: readonly { participant: Participant; changed: readonly CellAddress[] }[],
): Promise<Map<string, DesiredCell>> {
  const ids = moved
    .filter((one) => one.changed.some((cell) => project.definition.ownerOf(cell.field) !== 'staff'))
    .map((one) => one.participant.id);
  if (ids.length === 0) return new Map();
  const cells = await em.query<DesiredCell[]>(
    `SELECT ${desiredColumns} FROM desired_cell WHERE participant_id = ANY($1::uuid[]) FOR UPDATE`,
    [ids],
  );
  return new Map(cells.map((cell) => [`${cell.participantId}/${cellKey(cell)}`, cell]));
}

/**
 * Whether a changed cell holds what we wrote or are about to write. Otherwise, where it held our value, a person overwrote
 * it: what follows from that is added to `settlements`.
 */
function isOurs(
  gateway: Gateway,
  project: RedcapProject,
  desired: DesiredCell,
  value: string,
  settlements: Settlement[],
): boolean {
  const { sealer } = gateway.context;
  const wanted = openValue(sealer, project, desired, desired.value);
  const written = desired.lastWritten === null ? null : openValue(sealer, project, desired, desired.lastWritten);
  if (value === wanted || value === written) return true;
  if (written === null || desired.state === 'attempting') return false;
  const basedOn = keepValue(sealer, project, desired, value);
  if (desired.state === 'applied' && !desired.reasserted) {
    settlements.push({
      cell: desired,
      outcome: 'wanted',
      current: value,
      overwrote: true,
      next: { basedOn, reasserted: true, attempts: 0 },
    });
  } else if (desired.state === 'applied') {
    settlements.push({ cell: desired, outcome: 'refused', current: value, reason: 'STAFF_OVERWROTE', overwrote: true });
  }
  return false;
}

function valueOf(rows: readonly Row[], cell: CellAddress): string {
  const row = rows.find(
    (one) => one.event === cell.event && one.instrument === cell.instrument && one.instance === cell.instance,
  );
  return row?.values[cell.field] ?? '';
}
