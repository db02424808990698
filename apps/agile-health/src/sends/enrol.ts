import type { Effect, Executor, InHand } from '@studybridge/effects';
import type { MemberBody } from '@studybridge/studies';
import { newsOf } from '../members/partner-news';
import { PartnerError, unreadable } from '../partner/partner-errors';
import { hashOfDetails } from '../partner/partner-member';
import { stillWanted } from '../participants/participant-store';
import type { Room } from '../room';
import { lookUpMember, partner, placeOf } from './look-up';
import { type Sent, settleSend } from './settle';

interface EnrolBody {
  details: MemberBody;
}

/**
 * Creates the member (POST). Always looked up first, so that not even a partner that forgets gets a second one (studies.md
 * §1.6): whoever is found under the participant's id is taken over, and brought up to date afterwards.
 */
export function enrolExecutor(room: Room): Executor<EnrolBody> {
  return {
    partner,
    proof: 'authoritative',
    lookUpFirst: true,
    async lookUp(effect) {
      const found = await lookUpMember(room, effect);
      return found ? { found: true, outcome: { news: newsOf(found) } satisfies Sent } : { found: false };
    },
    call: (effect, hand) => enrol(room, effect, hand),
    settle: (em, effect, result) =>
      settleSend(em, room, 'enrol', hashOfDetails(effect.body.details), effect, result, (member, news) => {
        // What a look-up found is what the partner has; a partner that does not tell gets an update to be sure.
        member.sentHash = news.detailsHash ?? null;
      }),
  };
}

async function enrol(room: Room, effect: Effect<EnrolBody>, hand: InHand): Promise<Sent> {
  const { participantId, body, key } = effect;
  const hash = hashOfDetails(body.details);
  const { manager } = room.context.dataSource;
  if (!(await stillWanted(manager, participantId, 'enrol', hash))) return { news: null, skipped: true };
  try {
    const told = await placeOf(room, effect).client.enrol(participantId, body.details, key, hand);
    if (told.externalId !== null && told.externalId !== participantId) {
      throw unreadable('it names another member than was asked for');
    }
    await room.at('enrol.posted');
    return { news: { ...newsOf(told), detailsHash: told.detailsHash ?? hash } };
  } catch (error) {
    if (!(error instanceof PartnerError) || error.partnerCode !== 'DUPLICATE_EXTERNAL_ID') throw error;
    // It is there with other details after all: the look-up before was answered too early, or not truthfully.
    const found = await lookUpMember(room, effect);
    if (!found) throw unreadable('it knows the participant and does not show the member');
    return { news: newsOf(found) };
  }
}
