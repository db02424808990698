import type { JobRun } from '@studybridge/service-kit';
import type { EntityManager } from 'typeorm';
import { z } from 'zod';
import { carryOut } from '../carry-out';
import { type Member, readMember, readMembers, saveMember } from '../members/member-store';
import { newsOf, takeOver } from '../members/partner-news';
import type { PartnerMember } from '../partner/partner-member';
import { lockParticipant } from '../participants/participant-store';
import type { Place, Room } from '../room';

/** Statuses whose attention depends on how long they last (studies.md §6). */
const timed = ['OPT_IN_SENT', 'OPTED_IN'];
const pageLimit = 10_000;
const lookAgainBatch = 200;
/** So many members whose last move made no sense are asked for one by one in a poll. */
const askAgainLimit = 50;

/**
 * Asks the partner what changed since the poll before the last one, page by page, and takes each member's status over; then
 * asks once more about those whose last move made no sense, looks again at everybody whose attention depends on time, and
 * shows what is still pending. Looking back over two polls means that a member who was missing from one answer is seen in
 * the next; a page that tells older news than we have is asked for a second time, since it may come from a copy that lags.
 */
export async function pollStatuses(room: Room, place: Place, run: JobRun): Promise<Record<string, number>> {
  const { dataSource } = room.context;
  const binding = place.binding.id;
  const counts = { members: 0, changed: 0, unknown: 0, lookedAgain: 0 };
  const since = run.from ?? (await readSince(room, binding));
  let cursor: string | null = null;
  for (let page = 0; ; page += 1) {
    let answer = await place.client.changedSince(since, cursor, run.signal);
    if (!run.dryRun) {
      const known = await readMembers(dataSource.manager, answer.members.flatMap(idOf));
      if (answer.members.some((member) => goesBack(known.get(member.externalId ?? ''), member))) {
        run.log('the partner told older news than before; asked again');
        answer = await place.client.changedSince(since, cursor, run.signal);
      }
      for (const member of answer.members) {
        // Most of a page is known already and needs no transaction.
        const ours = known.get(member.externalId ?? '');
        if (ours && saysNothingNew(place, ours, member)) continue;
        const took = await takeStatus(room, place, run, member);
        if (took === 'changed') counts.changed += 1;
        if (took === 'unknown') counts.unknown += 1;
      }
      await room.at('status.page-applied');
    }
    counts.members += answer.members.length;
    if (answer.nextCursor === null) break;
    if (answer.nextCursor === cursor || page >= pageLimit) {
      run.log('the partner’s pages do not end; the rest is left to the next run');
      break;
    }
    cursor = answer.nextCursor;
  }
  if (counts.unknown > 0) run.log(`${counts.unknown} members at the partner are nobody of ours`);
  if (run.dryRun) return counts;

  counts.changed += await askAgain(room, place, run);
  counts.lookedAgain = await lookAgain(room, binding, run);
  if (!run.from) {
    await dataSource.transaction(async (em) => {
      await run.lease.assert(em);
      // A clock that was a day ahead must not leave a day unseen when it is right again.
      await em.query(
        `INSERT INTO status_poll (binding, seen_until, seen_before) VALUES ($1, $2, $2)
         ON CONFLICT (binding) DO UPDATE
           SET seen_before = least(status_poll.seen_until, excluded.seen_until), seen_until = excluded.seen_until`,
        [binding, run.startedAt],
      );
    });
  }
  return counts;
}

async function readSince(room: Room, binding: string): Promise<Date> {
  const found: { before: Date }[] = await room.context.dataSource.query(
    'SELECT seen_before AS before FROM status_poll WHERE binding = $1',
    [binding],
  );
  const overlapMs = room.context.config.AGILE_STATUS_OVERLAP_MINUTES * 60_000;
  return found[0] ? new Date(found[0].before.getTime() - overlapMs) : new Date(0);
}

async function takeStatus(
  room: Room,
  place: Place,
  run: JobRun,
  told: PartnerMember,
): Promise<'same' | 'changed' | 'unknown'> {
  const [externalId] = idOf(told);
  if (externalId === undefined) return odd(room);
  return room.context.dataSource.transaction(async (em) => {
    await lockParticipant(em, externalId);
    await run.lease.assert(em);
    const member = await readMember(em, externalId);
    // A member whose POST has not been answered yet is taken in by its effect.
    if (!member || member.binding !== place.binding.id) return (await isPending(em, externalId)) ? 'same' : odd(room);
    const before = contentOf(member);
    if (!takeOver(place.agile, member, newsOf(told))) return 'same';
    await saveMember(em, member);
    if (contentOf(member) === before) return 'same';
    await carryOut(em, room, externalId);
    return 'changed';
  });
}

/** The participant that a member names, if it can be one of ours. */
function idOf({ externalId }: PartnerMember): string[] {
  return externalId !== null && z.uuid().safeParse(externalId).success ? [externalId.toLowerCase()] : [];
}

function saysNothingNew(place: Place, ours: Member, told: PartnerMember): boolean {
  const after = { ...ours };
  return !takeOver(place.agile, after, newsOf(told)) || contentOf(after) === contentOf(ours);
}

function goesBack(ours: Member | undefined, told: PartnerMember): boolean {
  return ours !== undefined && told.status !== ours.status && told.statusAt < ours.statusAt;
}

/** What was told once by mistake is not told again by itself: whose last move was none is asked for by name. */
async function askAgain(room: Room, place: Place, run: JobRun): Promise<number> {
  const odd: { id: string }[] = await room.context.dataSource.query(
    `SELECT participant_id AS id FROM member WHERE binding = $1 AND NOT move_allowed AND status = ANY($2::text[])
      ORDER BY real_seen_at LIMIT ${askAgainLimit}`,
    [place.binding.id, Object.keys(place.agile.statuses)],
  );
  let changed = 0;
  for (const { id } of odd) {
    const told = await place.client.find(id, run.signal);
    if (told !== null && (await takeStatus(room, place, run, told)) === 'changed') changed += 1;
  }
  return changed;
}

/** A member without when it was seen, for comparing. */
function contentOf({ realSeenAt: _realSeenAt, ...content }: Member): string {
  return JSON.stringify(content);
}

async function isPending(em: EntityManager, participantId: string): Promise<boolean> {
  const found: unknown[] = await em.query(
    'SELECT 1 FROM participant WHERE participant_id = $1 AND enrol_open IS NOT NULL',
    [participantId],
  );
  return found.length > 0;
}

function odd(room: Room): 'unknown' {
  room.metrics.oddMembers.inc({ why: 'unknown' });
  return 'unknown';
}

async function lookAgain(room: Room, binding: string, run: JobRun): Promise<number> {
  const { dataSource } = room.context;
  const ids: { id: string }[] = await dataSource.query(
    `SELECT p.participant_id AS id FROM participant p LEFT JOIN member m USING (participant_id)
      WHERE p.binding = $1 AND p.presence = 'present'
        AND (m.status = ANY($2::text[]) OR (m.status IS NULL AND p.held = 'PARTNER_PENDING'))
      ORDER BY p.participant_id`,
    [binding, timed],
  );
  for (let from = 0; from < ids.length; from += lookAgainBatch) {
    await dataSource.transaction(async (em) => {
      const part = ids.slice(from, from + lookAgainBatch);
      for (const { id } of part) await lockParticipant(em, id);
      await run.lease.assert(em);
      for (const { id } of part) await carryOut(em, room, id, { late: true });
    });
  }
  return ids.length;
}
