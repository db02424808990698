import type { InHand } from '@studybridge/effects';
import type { FoundMember } from '../partner/partner-client';
import { PartnerError, refused } from '../partner/partner-errors';
import type { PartnerMember } from '../partner/partner-member';
import type { Place } from '../room';

const attempts = 3;

/**
 * A PUT with `If-Match`. When somebody else was faster (412), the member is read again: `isThere` says whether it already is
 * as it should be; else it is sent once more with the new version. Gives up, for a later attempt, after three.
 */
export async function changeMember(
  place: Place,
  o: {
    participantId: string;
    memberId: string;
    /** Null = read it first. */
    version: number | null;
    body: (found: FoundMember | null) => Record<string, unknown>;
    isThere: (found: FoundMember) => boolean;
    hand: InHand;
  },
): Promise<PartnerMember> {
  let version = o.version;
  let found: FoundMember | null = null;
  for (let attempt = 1; ; attempt += 1) {
    if (version === null) {
      found = await place.client.find(o.participantId, o.hand.signal);
      if (!found) throw refused('OUT_OF_STEP', 'The partner no longer knows this member.');
      if (o.isThere(found)) return found;
      version = found.version;
    }
    try {
      return await place.client.update(o.memberId, version, o.body(found), o.hand);
    } catch (error) {
      const meanwhile = error instanceof PartnerError && error.partnerCode === 'VERSION_MISMATCH';
      if (!meanwhile || attempt >= attempts) throw error;
      version = null;
    }
  }
}
