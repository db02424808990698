import type { AgileHealthDefinition } from '@studybridge/studies';
import type { PartnerMember } from '../partner/partner-member';
import type { Member } from './member-store';

/** A partner's answer as an effect's outcome: plain JSON, nothing identifying. */
export interface PartnerNews {
  memberId: string;
  externalId: string | null;
  version: number | null;
  status: string;
  statusAt: string;
  optInAt?: string | null;
  arm?: string | null;
  detailsHash?: string;
  realSeenAt: string;
}

/** An answer as it can be stored. */
export function newsOf(told: PartnerMember): PartnerNews {
  return {
    memberId: told.memberId,
    externalId: told.externalId,
    version: told.version,
    status: told.status,
    statusAt: told.statusAt.toISOString(),
    optInAt: told.optInAt === undefined ? undefined : (told.optInAt?.toISOString() ?? null),
    arm: told.arm,
    detailsHash: told.detailsHash,
    realSeenAt: told.realSeenAt.toISOString(),
  };
}

/**
 * Takes over what the partner said about a member, as it is: a move that is not allowed, or that goes back in time, is kept
 * and marked (studies.md §1.6: do not guess). Returns false when the answer is older than what is known, or about
 * another member.
 */
export function takeOver(agile: AgileHealthDefinition, member: Member, news: PartnerNews): boolean {
  const realSeenAt = new Date(news.realSeenAt);
  if (news.memberId !== member.memberId || realSeenAt < member.realSeenAt) return false;
  const statusAt = new Date(news.statusAt);
  member.realSeenAt = realSeenAt;
  member.version = news.version ?? member.version;
  if (news.arm !== undefined) member.arm = news.arm;
  if (news.optInAt !== undefined) member.optInAt = news.optInAt === null ? null : new Date(news.optInAt);
  if (news.status !== member.status) {
    member.moveAllowed = agile.mayMove(member.status, news.status) && statusAt >= member.statusAt;
    member.status = news.status;
  }
  member.statusAt = statusAt;
  if (news.status === 'OPTED_OUT') member.optOutAt = statusAt;
  return true;
}

/** A participant's member as first told; an unknown first status is marked, too. */
export function firstNews(
  agile: AgileHealthDefinition,
  participantId: string,
  binding: string,
  news: PartnerNews,
): Member {
  const member: Member = {
    participantId,
    binding,
    memberId: news.memberId,
    version: null,
    status: news.status,
    statusAt: new Date(news.statusAt),
    moveAllowed: agile.mayMove(null, news.status),
    optInAt: null,
    optOutAt: null,
    arm: null,
    armSentAt: null,
    sentHash: news.detailsHash ?? null,
    realSeenAt: new Date(0),
  };
  takeOver(agile, member, news);
  return member;
}
