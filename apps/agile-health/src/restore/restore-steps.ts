import type { RestoreSteps } from '@studybridge/event-bus';
import { z } from 'zod';
import { carryOut } from '../carry-out';
import { newsOf } from '../members/partner-news';
import { isOurs } from '../members/same-family';
import type { FoundMember } from '../partner/partner-client';
import { lockParticipant, readParticipant, saveParticipant } from '../participants/participant-store';
import type { Place, Room } from '../room';
import { strangerAt, takeIn } from '../sends/settle';

const batch = 200;

/**
 * What this service does when its database was put back (law 1 and 7): what was under way is taken back; every member that the
 * partner has is taken over; then everybody is decided upon anew with the cause restore, which sends nothing but a
 * withdrawal. What is missing at the partner waits for a person.
 */
export function restoreSteps(room: Room): RestoreSteps {
  return {
    async prepare(em) {
      const open = await room.effects.distrust(em);
      await em.query(
        `UPDATE participant SET acts = false, cause = 'restore', released = false, adoption = 'none', wanted = '{}',
                enrol_open = NULL, update_open = NULL, arm_open = NULL, withdraw_open = NULL`,
      );
      await em.query('UPDATE cell SET asked = NULL');
      await em.query('DELETE FROM status_poll');
      room.context.logger.warn({ effects: open }, 'what was under way in the copy is taken back');
    },
    async reconcile() {
      await room.context.clock.refresh();
      for (const place of room.places.values()) await compareWithPartner(room, place);
    },
    async undecided(em) {
      const [row]: { n: number }[] = await em.query(
        'SELECT count(*)::int AS n FROM participant WHERE undecided AND binding = ANY($1::text[])',
        [[...room.places.keys()]],
      );
      return row?.n ?? 0;
    },
  };
}

async function compareWithPartner(room: Room, place: Place): Promise<void> {
  const { dataSource, logger } = room.context;
  const found = new Set<string>();
  let unknown = 0;
  for await (const page of place.client.everybody()) {
    for (const member of page) {
      const id = z.uuid().safeParse(member.externalId);
      if (id.success && (await adopt(room, place, id.data.toLowerCase(), member))) found.add(id.data.toLowerCase());
      else unknown += 1;
    }
  }
  const all: { id: string }[] = await dataSource.query(
    'SELECT participant_id AS id FROM participant WHERE binding = $1 ORDER BY participant_id',
    [place.binding.id],
  );
  for (let from = 0; from < all.length; from += batch) {
    await dataSource.transaction(async (em) => {
      const part = all.slice(from, from + batch).map(({ id }) => id);
      for (const id of part) await lockParticipant(em, id);
      const missing = part.filter((id) => !found.has(id));
      await em.query(`UPDATE participant SET adoption = 'missing' WHERE participant_id = ANY($1::uuid[])`, [missing]);
      for (const id of part) await carryOut(em, room, id, { afterRestore: true });
    });
  }
  logger.warn(
    { binding: place.binding.id, participants: all.length, members: found.size, unknown },
    'the partner’s side was taken over after the database was put back',
  );
}

/** False when the member is nobody whom we know yet: whoever is told by REDCap later is looked for then. */
async function adopt(room: Room, place: Place, participantId: string, member: FoundMember): Promise<boolean> {
  const ours = await isOurs(room, participantId, member);
  return room.context.dataSource.transaction(async (em) => {
    await lockParticipant(em, participantId);
    const participant = await readParticipant(em, participantId);
    if (participant?.binding !== place.binding.id) return false;
    if (ours) {
      const adopted: Parameters<typeof takeIn>[4] = (taken, news) => {
        taken.sentHash = news.detailsHash ?? null;
      };
      await takeIn(em, place, participant, newsOf(member), adopted, { recall: true });
    } else participant.refusal = strangerAt(participant);
    participant.adoption = ours ? 'found' : 'missing';
    await saveParticipant(em, participant);
    return ours;
  });
}
