import type { Executor } from '@studybridge/effects';
import type { AgileArm } from '@studybridge/studies';
import { newsOf } from '../members/partner-news';
import { stillWanted } from '../participants/participant-store';
import type { Room } from '../room';
import { lookUpMember, partner, placeOf } from './look-up';
import { type Sent, settleSend } from './settle';

interface ArmBody {
  memberId: string;
  arm: { arm: AgileArm; randomizedOn: string };
}

/** Tells the partner the arm, once in a member's life; the partner itself refuses another one. */
export function armExecutor(room: Room): Executor<ArmBody> {
  return {
    partner,
    proof: 'authoritative',
    async lookUp(effect) {
      const found = await lookUpMember(room, effect);
      // Whichever arm is there: a different one is a conflict for a person, not a reason to call.
      if (!found?.arm) return { found: false };
      return { found: true, outcome: { news: newsOf(found) } satisfies Sent };
    },
    async call(effect, hand): Promise<Sent> {
      const { participantId } = effect;
      const { memberId, arm } = effect.body;
      const { manager } = room.context.dataSource;
      if (!(await stillWanted(manager, participantId, 'arm', arm.arm))) return { news: null, skipped: true };
      const place = placeOf(room, effect);
      // A bare 200 says that it was taken; how the member stands now is then read.
      const told = (await place.client.assignArm(memberId, arm, hand)) ?? (await lookUpMember(room, effect));
      await room.at('arm.put');
      return { news: told && { ...newsOf(told), arm: told.arm ?? arm.arm } };
    },
    settle: (em, effect, result) =>
      settleSend(em, room, 'arm', effect.body.arm.arm, effect, result, (member, news) => {
        member.arm = news.arm ?? effect.body.arm.arm;
        member.armSentAt ??= room.context.clock.now();
      }),
  };
}
