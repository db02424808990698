import type { Executor } from '@studybridge/effects';
import { newsOf } from '../members/partner-news';
import type { Room } from '../room';
import { isOurs } from '../members/same-family';
import { lookUpMember, partner } from './look-up';
import { type Sent, settleSend } from './settle';

/** Looks whether the partner knows a family that a baseline, a change of schema or a restore brought (law 7). Sends nothing. */
export function adoptExecutor(room: Room): Executor<Record<string, never>> {
  return {
    partner,
    proof: 'authoritative',
    lookUp: () => Promise.resolve({ found: false }),
    async call(effect): Promise<Sent> {
      const found = await lookUpMember(room, effect);
      if (found && !(await isOurs(room, effect.participantId, found))) return { news: null, stranger: true };
      return { news: found && newsOf(found) };
    },
    settle: (em, effect, result) =>
      settleSend(em, room, 'adopt', '', effect, result, (member, news) => {
        member.sentHash = news.detailsHash ?? null;
      }),
  };
}
