import type { EntityManager } from 'typeorm';

/** What we know of a participant at the partner. Instants are study time but for `realSeenAt`. */
export interface Member {
  participantId: string;
  binding: string;
  memberId: string;
  /** For `If-Match`; null when the partner did not say. */
  version: number | null;
  /** The partner's own word. */
  status: string;
  statusAt: Date;
  /** Whether the last change of status was an allowed one. */
  moveAllowed: boolean;
  optInAt: Date | null;
  optOutAt: Date | null;
  /** The arm that the partner has. Blinded (law 8). */
  arm: string | null;
  armSentAt: Date | null;
  /** Hash of the details that the partner has as far as we know. */
  sentHash: string | null;
  /** Real time at which the answer that told all this was asked for. */
  realSeenAt: Date;
}

const selectList = `participant_id AS "participantId", binding, member_id AS "memberId", version, status,
  status_at AS "statusAt", move_allowed AS "moveAllowed", opt_in_at AS "optInAt", opt_out_at AS "optOutAt", arm,
  arm_sent_at AS "armSentAt", sent_hash AS "sentHash", real_seen_at AS "realSeenAt"`;

/** The participant's member, or null. */
export async function readMember(em: EntityManager, participantId: string): Promise<Member | null> {
  const found: Member[] = await em.query(`SELECT ${selectList} FROM member WHERE participant_id = $1`, [participantId]);
  return found[0] ?? null;
}

/** The members of many participants, by participant. */
export async function readMembers(em: EntityManager, participantIds: string[]): Promise<Map<string, Member>> {
  const found: Member[] = await em.query(`SELECT ${selectList} FROM member WHERE participant_id = ANY($1::uuid[])`, [
    participantIds,
  ]);
  return new Map(found.map((member) => [member.participantId, member]));
}

/** Inserts or replaces. */
export async function saveMember(em: EntityManager, member: Member): Promise<void> {
  await em.query(
    `INSERT INTO member (participant_id, binding, member_id, version, status, status_at, move_allowed, opt_in_at,
       opt_out_at, arm, arm_sent_at, sent_hash, real_seen_at)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
     ON CONFLICT (participant_id) DO UPDATE SET member_id = excluded.member_id, version = excluded.version,
       status = excluded.status, status_at = excluded.status_at, move_allowed = excluded.move_allowed,
       opt_in_at = excluded.opt_in_at, opt_out_at = excluded.opt_out_at, arm = excluded.arm,
       arm_sent_at = excluded.arm_sent_at, sent_hash = excluded.sent_hash, real_seen_at = excluded.real_seen_at`,
    [
      member.participantId,
      member.binding,
      member.memberId,
      member.version,
      member.status,
      member.statusAt,
      member.moveAllowed,
      member.optInAt,
      member.optOutAt,
      member.arm,
      member.armSentAt,
      member.sentHash,
      member.realSeenAt,
    ],
  );
}
