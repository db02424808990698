import { actsByItself, type Envelope, type ParticipantChanged } from '@studybridge/contracts';
import { openPerson } from '@studybridge/service-kit';
import type { AgileHealthDefinition } from '@studybridge/studies';
import type { EntityManager } from 'typeorm';
import { carryOut } from '../carry-out';
import { detailsHashOf } from '../decide/read-situation';
import { readMember, saveMember } from '../members/member-store';
import { recallInstants } from '../members/recall-instants';
import type { Room } from '../room';
import { blankCell, type Cell, readCells, saveCells } from '../write-back/cell-store';
import { lockParticipant, type Participant, readParticipant, saveParticipant } from './participant-store';

/** A participant's state in REDCap changed: kept, and decided upon. */
export async function hearParticipant(
  em: EntityManager,
  room: Room,
  envelope: Envelope<ParticipantChanged>,
): Promise<void> {
  const { payload } = envelope;
  const place = room.places.get(envelope.binding);
  if (!place || payload.project !== place.agile.project) return;
  const { participantId } = payload;
  await lockParticipant(em, participantId);
  const before = await readParticipant(em, participantId);
  // What is heard again after the database was put back is no news to the world.
  const cause = (await room.bus.mayAct(em)) ? envelope.cause : 'restore';
  const acts = actsByItself(cause);
  const hasMember = before !== null && (await readMember(em, participantId)) !== null;
  // A restored database may have forgotten a member, or remember one as it was.
  const lookAnew = cause === 'restore' || (!acts && !hasMember);
  const now: Participant = {
    ...(before ?? newcomer),
    participantId,
    binding: envelope.binding,
    study: envelope.study,
    recordId: payload.recordId,
    incarnation: payload.incarnation,
    presence: payload.presence,
    cause,
    correlationId: envelope.correlationId,
    asOf: new Date(payload.asOf),
    rows: payload.rows,
    sealed: payload.sealed,
    acts,
    ...mappedAnew(place.agile, room, before),
    adoption: lookAnew && before?.adoption !== 'pending' ? 'none' : (before?.adoption ?? 'none'),
  };
  now.detailsHash = detailsHashOf(place.agile, openPerson(room.context.sealer, now));
  await saveParticipant(em, now);
  if (payload.presence !== 'deleted') await seeCells(em, place.agile, payload);
  // What a restored member lacks, REDCap may have told just now.
  const member = cause === 'restore' ? await readMember(em, participantId) : null;
  if (member !== null) {
    await recallInstants(em, place, member);
    await saveMember(em, member);
  }
  await carryOut(em, room, participantId);
}

/** Where the mapping changed since the last hearing, what it made of the former rows may not go out with other news. */
function mappedAnew(agile: AgileHealthDefinition, room: Room, before: Participant | null): Partial<Participant> {
  if (before === null || before.detailsHash === null) return {};
  const hash = detailsHashOf(agile, openPerson(room.context.sealer, before));
  return hash === before.detailsHash ? {} : { heldDetails: hash, holdCause: before.holdCause ?? 'schema' };
}

const newcomer = {
  released: false,
  baselineHold: false,
  heldDetails: null,
  heldArm: null,
  holdCause: null,
  detailsHash: null,
  consented: false,
  wanted: {},
  held: null,
  attention: [],
  adoptNo: 0,
  enrolNo: 0,
  enrolOpen: null,
  updateNo: 0,
  updateOpen: null,
  armNo: 0,
  armOpen: null,
  withdrawNo: 0,
  withdrawOpen: null,
  refusal: null,
  undecided: false,
  said: null,
};

/**
 * Takes over what REDCap holds in our cells, unless it was read before our last write settled. A cell that somebody else
 * changed is asked for once more; the second time it stays as it is and staff are told.
 */
async function seeCells(em: EntityManager, agile: AgileHealthDefinition, payload: ParticipantChanged): Promise<void> {
  const { event, instrument, fields } = agile.cells;
  const isOurs = (at: { event: string; instrument: string; instance: number }) =>
    at.event === event && at.instrument === instrument && at.instance === 0;
  const row = payload.rows.find(isOurs);
  const changed = new Set(payload.changed.find(isOurs)?.fields);
  const cells = await readCells(em, payload.participantId);
  const asOf = new Date(payload.asOf);
  const touched: Cell[] = [];
  for (const field of Object.values(fields)) {
    const seen = row?.values[field] ?? (changed.has(field) ? '' : undefined);
    const cell = cells.get(field) ?? blankCell(field);
    const before = { ...cell };
    // A change of the record is the occasion to try again what was refused.
    if (cell.refusedReason !== 'STAFF_OVERWROTE') {
      Object.assign(cell, { refusedValue: null, refusedReason: null, refusals: 0 });
    }
    if (seen !== undefined && (cell.settledAt === null || asOf > cell.settledAt)) {
      if (cell.settledAt !== null && cell.asked === null && seen !== cell.known && field !== fields.lastTimestamp) {
        cell.overwrites += 1;
        if (cell.overwrites > 1) Object.assign(cell, { refusedValue: cell.known, refusedReason: 'STAFF_OVERWROTE' });
      }
      cell.known = seen;
    }
    if (JSON.stringify(cell) !== JSON.stringify(before)) touched.push(cell);
  }
  await saveCells(em, payload.participantId, touched);
}
