import type { SentBefore } from '@studybridge/studies';
import { DateTime } from 'luxon';
import type { EntityManager } from 'typeorm';
import type { MessageRowState } from '../messages/message';
import { waitingStates } from '../messages/message';

/** States in which nothing reached a provider, or surely nobody. */
const neverOut = new Set<MessageRowState>(['expired', 'suppressed', 'failed', 'canceled']);

/** An earlier message as the ledger knows it; days are reckoned by whoever knows the participant's zone. */
export interface EarlierMessage {
  purpose: string;
  occurrence: string;
  state: MessageRowState;
  /** When it went out, or would have in a dry run. */
  at: Date | null;
}

/** The latest attempt of each message that a campaign ever asked for, by participant. */
export async function readEarlier(
  em: EntityManager,
  participantIds: readonly string[],
  purposes: readonly string[],
): Promise<Map<string, EarlierMessage[]>> {
  const rows: (EarlierMessage & { participantId: string })[] = await em.query(
    `SELECT DISTINCT ON (participant_id, request_id) participant_id AS "participantId", purpose, state,
        due->>'occurrence' AS occurrence, coalesce(dispatched_at, planned_at) AS at
       FROM message WHERE participant_id = ANY($1::uuid[]) AND purpose = ANY($2) AND due IS NOT NULL
      ORDER BY participant_id, request_id, attempt DESC`,
    [participantIds, purposes],
  );
  const found = new Map<string, EarlierMessage[]>();
  for (const row of rows) found.set(row.participantId, [...(found.get(row.participantId) ?? []), row]);
  return found;
}

/** The same for the study, in the participant's zone. One in doubt counts as sent. */
export function toSentBefore(earlier: readonly EarlierMessage[], zone: string): SentBefore[] {
  return earlier.map(({ purpose, occurrence, state, at }) => {
    const waiting = waitingStates.includes(state);
    const sentAt = waiting || neverOut.has(state) ? null : at;
    return {
      purpose,
      occurrence,
      waiting,
      sentAt: sentAt?.toISOString() ?? null,
      sentOn: sentAt ? DateTime.fromJSDate(sentAt, { zone }).toFormat('yyyy-MM-dd') : null,
    };
  });
}
