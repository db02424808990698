import type { Executor } from '@studybridge/effects';
import type { MemberBody } from '@studybridge/studies';
import { readMember } from '../members/member-store';
import { newsOf } from '../members/partner-news';
import { hashOfDetails } from '../partner/partner-member';
import { stillWanted } from '../participants/participant-store';
import type { Room } from '../room';
import { changeMember } from './change-member';
import { lookUpMember, partner, placeOf } from './look-up';
import { type Sent, settleSend } from './settle';

interface UpdateBody {
  memberId: string;
  details: MemberBody;
}

/** Changes a member's details (PUT with If-Match); looked up afterwards by their hash. */
export function updateExecutor(room: Room): Executor<UpdateBody> {
  return {
    partner,
    proof: 'authoritative',
    async lookUp(effect) {
      const found = await lookUpMember(room, effect);
      if (found?.detailsHash !== hashOfDetails(effect.body.details)) return { found: false };
      return { found: true, outcome: { news: newsOf(found) } satisfies Sent };
    },
    async call(effect, hand): Promise<Sent> {
      const { participantId } = effect;
      const { memberId, details } = effect.body;
      const { manager } = room.context.dataSource;
      const hash = hashOfDetails(details);
      if (!(await stillWanted(manager, participantId, 'update', hash))) return { news: null, skipped: true };
      const member = await readMember(manager, participantId);
      const told = await changeMember(placeOf(room, effect), {
        participantId,
        memberId,
        version: member?.version ?? null,
        body: () => ({ externalId: participantId, ...details }),
        isThere: (found) => found.detailsHash === hash,
        hand,
      });
      await room.at('update.put');
      return { news: newsOf(told) };
    },
    settle: (em, effect, result) => {
      const hash = hashOfDetails(effect.body.details);
      return settleSend(em, room, 'update', hash, effect, result, (member) => {
        member.sentHash = hash;
      });
    },
  };
}
