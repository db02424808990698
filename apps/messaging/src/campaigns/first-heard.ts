import { actsByItself, type Cause, type Row, type Sealed } from '@studybridge/contracts';
import { openPerson } from '@studybridge/service-kit';
import type { CampaignFacts, MessageCampaign } from '@studybridge/studies';
import type { EntityManager } from 'typeorm';
import { reasonOf } from '../decide/compose';
import type { Participant } from '../participants/participant-store';
import type { Room } from '../room';

/** Remembers how a participant was heard of for the first time; what came with a baseline is kept as it was then. */
export async function noteFirstHeard(em: EntityManager, participant: Participant): Promise<void> {
  const { participantId, study, cause, rows, sealed } = participant;
  const keep = !actsByItself(cause);
  await em.query(
    'INSERT INTO first_heard (participant_id, study, cause, rows, sealed) VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING',
    [participantId, study, cause, keep ? JSON.stringify(rows) : null, keep ? JSON.stringify(sealed) : null],
  );
}

/**
 * The cause of a message that the passing of time brings about: that of the facts which decide it. Where the same message would be
 * due by what was there at the baseline already, it waits for a person (law 7), whatever else has changed since.
 */
export async function causeOf(
  em: EntityManager,
  room: Room,
  o: { participantId: string; campaign: MessageCampaign; purpose: string; facts: CampaignFacts },
): Promise<Cause> {
  const [first]: { study: string; cause: Cause; rows: Row[] | null; sealed: Sealed | null }[] = await em.query(
    'SELECT study, cause, rows, sealed FROM first_heard WHERE participant_id = $1',
    [o.participantId],
  );
  if (!first?.rows || !first.sealed) return 'live';
  const { participantId } = o;
  const person = openPerson(room.context.sealer, {
    participantId,
    study: first.study,
    rows: first.rows,
    sealed: first.sealed,
  });
  try {
    const due = o.campaign.due(person, o.facts);
    return Array.isArray(due) && due.some(({ purpose }) => purpose === o.purpose) ? first.cause : 'live';
  } catch (error) {
    // What could not be read then decided nothing then.
    reasonOf(error);
    return 'live';
  }
}
