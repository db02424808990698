import type { Executor } from '@studybridge/effects';
import { newsOf } from '../members/partner-news';
import { stillWanted } from '../participants/participant-store';
import type { Room } from '../room';
import { changeMember } from './change-member';
import { lookUpMember, partner, placeOf } from './look-up';
import { type Sent, settleSend } from './settle';

interface WithdrawBody {
  memberId: string;
}

const gone = 'WITHDRAWN';

/**
 * Ends the contact (PUT `participation: withdrawn`). Goes out with the details that the partner has, so that it never waits
 * for a record in REDCap to be complete or correct.
 */
export function withdrawExecutor(room: Room): Executor<WithdrawBody> {
  return {
    partner,
    proof: 'authoritative',
    async lookUp(effect) {
      const found = await lookUpMember(room, effect);
      if (found?.status !== gone) return { found: false };
      return { found: true, outcome: { news: newsOf(found) } satisfies Sent };
    },
    async call(effect, hand): Promise<Sent> {
      const { participantId } = effect;
      const { manager } = room.context.dataSource;
      if (!(await stillWanted(manager, participantId, 'withdraw', 'withdrawn'))) return { news: null, skipped: true };
      const told = await changeMember(placeOf(room, effect), {
        participantId,
        memberId: effect.body.memberId,
        version: null,
        body: (found) => ({ externalId: participantId, ...found?.details, participation: 'withdrawn' }),
        isThere: (found) => found.status === gone,
        hand,
      });
      await room.at('withdraw.put');
      return { news: newsOf(told) };
    },
    settle: (em, effect, result) => settleSend(em, room, 'withdraw', 'withdrawn', effect, result, () => undefined),
  };
}
