import type { EntityManager } from 'typeorm';
import { sayEnd } from '../messages/say-end';
import type { Message } from '../messages/message';
import { readMessages, saveMessage } from '../messages/message-store';
import type { Room } from '../room';
import { planSend } from '../send/plan-send';
import { tripForSameText } from '../stops/trips';
import { jobNames } from '../follow-up/job-names';
import { decide, type Decision } from './decide';
import { type Read, readSituation } from './read-situation';

/** Messages whose moment is less than this apart share a run of the job. */
const togetherMs = 60_000;

/**
 * Decides about a message that waits and carries it out in the caller's transaction: handed to the ledger, held until something
 * changes or an instant comes, or ended. Whoever calls has the message's row locked (or has just inserted it). What is with the
 * ledger already is decided upon right before its call.
 */
export async function lookAtMessage(em: EntityManager, room: Room, message: Message): Promise<void> {
  const place = room.places.get(message.binding);
  if (!place || (message.state !== 'planned' && message.state !== 'held')) return;
  const read = await readSituation(em, room, place, message);
  await applyDecision(em, room, message, decide(read.situation), read);
}

/** What waits for a participant is decided upon anew. Whoever calls has the participant locked. */
export async function lookAgainAtParticipant(em: EntityManager, room: Room, participantId: string): Promise<void> {
  const waiting = await readMessages(
    em,
    `WHERE participant_id = $1 AND state IN ('planned', 'held') ORDER BY position FOR UPDATE`,
    [participantId],
  );
  for (const message of waiting) await lookAtMessage(em, room, message);
}

/** Carries out what was decided about a message that waits. */
async function applyDecision(
  em: EntityManager,
  room: Room,
  message: Message,
  decision: Decision,
  read: Read,
): Promise<void> {
  const { config } = room.context;
  message.encoding = read.encoding;
  message.segments = read.segments;
  message.sender = read.sender?.id ?? null;
  message.language = 'language' in read.composed ? read.composed.language : null;
  message.lookAt = null;
  message.reason = null;
  switch (decision.go) {
    case 'now':
      message.state = config.SENDING === 'dry-run' ? 'dry-run' : 'queued';
      if (message.state === 'queued') {
        message.effectNo += 1;
        await planSend(em, room, message, decision.until);
      }
      break;
    case 'wait':
      message.state = decision.state;
      message.reason = decision.reason;
      message.lookAt = decision.lookAt;
      await room.context.jobs.announce(em, jobNames.due, decision.lookAt, {
        binding: message.binding,
        within: withinOf(decision.lookAt, message.expiresAt),
      });
      break;
    case 'never':
      message.state = decision.state;
      message.reason = decision.reason;
      message.settledAt = read.situation.now;
      if (read.situation.sameText && decision.reason === 'CAP_REACHED') await tripForSameText(em, room, message);
  }
  await saveMessage(em, message, decided);
  if (message.state === 'suppressed' || message.state === 'expired') await sayEnd(em, room, message);
}

/** The end of a message is not put off; what may wait a little shares a run. */
function withinOf(lookAt: Date, expiresAt: Date): number {
  return Math.max(0, Math.min(togetherMs, expiresAt.getTime() - lookAt.getTime()));
}

const decided = [
  'state',
  'reason',
  'lookAt',
  'encoding',
  'segments',
  'sender',
  'language',
  'effectNo',
  'settledAt',
] as const;
