import { type Effect, type EffectResult, type Executor, wasNotSent, WithdrawnError } from '@studybridge/effects';
import { StudybridgeError } from '@studybridge/contracts';
import { currentProof } from '@studybridge/service-kit';
import type { EntityManager } from 'typeorm';
import { decide } from '../decide/decide';
import { lookAtMessage } from '../decide/look-at-message';
import { readSituation } from '../decide/read-situation';
import type { Letter, Message } from '../messages/message';
import { lockMessage, readMessages, saveMessage } from '../messages/message-store';
import { takeAccepted, takeRefusal } from '../messages/take-news';
import { takeDoubt } from '../messages/take-doubt';
import type { Room } from '../room';
import type { Sender } from '../senders/senders';
import { checkTrips } from '../stops/trips';
import type { Channel, Dispatch, Posted } from './channel';
import { admitSends, endTurn, noteCallOver, noteLook, waitForMoment } from './pace';
import { letterContext } from './letter-context';
import type { SendBody } from './plan-send';

/**
 * How messages of a channel are carried out: admitted at their sender's pace, decided upon once more and noted as dispatching,
 * handed over; what nobody knows the end of is looked for and never handed over again by itself.
 */
export function sendExecutor(room: Room, channel: Channel): Executor<SendBody> {
  return {
    partner: channel.partner,
    proof: 'positive-only',
    // Single answers that say nothing are everyday; many in a row are an outage.
    failuresToPause: 5,
    tellsDoubts: true,
    admit: (em, effects) => admitSends(em, room, effects),
    async lookUp(effect) {
      const [message] = await readMessages(room.context.dataSource.manager, 'WHERE id = $1', [effect.body.messageId]);
      // The letter is noted in a transaction before the call: without it, no call was begun.
      if (message?.state !== 'dispatching') return { found: false, notCalled: true };
      const found = await findLetter(room, channel, message);
      if (found) return { found: true, outcome: found };
      if (isOff('positive-only')) {
        await unnote(room, message);
        return { found: false, notCalled: true };
      }
      return (await isDoubted(room, message)) ? { found: false } : { found: false, notCalled: true };
    },
    async call(effect, hand): Promise<Posted> {
      const began = performance.now();
      const dispatch = await lastLook(room, effect);
      noteLook(room, performance.now() - began);
      await room.at('message.noted');
      await waitForMoment(room, effect.key, hand.signal);
      try {
        hand.assertMayCall();
        const posted = await channel.post(dispatch, hand.signal);
        noteCallOver(room, effect.key);
        await room.at('message.posted');
        return posted;
      } catch (error) {
        if (wasNotSent(error)) await unnote(room, dispatch.message);
        throw error;
      }
    },
    settle: (em, effect, result) => settleSend(em, room, effect, result),
  };
}

/**
 * Notes that a letter was looked for in vain. False when its note was taken back meanwhile: whoever was taken over found that it had not
 * begun the call, and may say so until this moment.
 */
function isDoubted(room: Room, { id, realDispatchedAt }: Message): Promise<boolean> {
  return room.context.dataSource.transaction(async (em) => {
    const message = await lockMessage(em, id);
    if (message?.state !== 'dispatching') return false;
    if (message.realDispatchedAt?.getTime() !== realDispatchedAt?.getTime()) return false;
    await takeDoubt(em, room, message);
    return true;
  });
}

/** Looks for a letter of unknown fate at its provider. */
export async function findLetter(room: Room, channel: Channel, message: Message): Promise<Posted | null> {
  const sender = senderNamed(room, channel, message);
  if (message.letter === null || sender === null) return null;
  const letter = room.context.sealer.open<Letter>(message.study, letterContext(message.id), message.letter);
  return channel.find({ message, letter, sender });
}

function senderNamed(room: Room, channel: Channel, message: Message): Sender | null {
  const sender = channel.senderOf(message);
  if (sender?.id === message.sender) return sender;
  return message.sender === null ? null : room.senders.byId(message.sender);
}

/**
 * The decision right before the call, with what is true now: number, language, consent, opt-out, switch, caps, window. What may go is
 * noted as dispatching with its letter, and that is committed. Throws WithdrawnError.
 */
async function lastLook(room: Room, effect: Effect<SendBody>): Promise<Dispatch> {
  const { context } = room;
  const { dataSource, sealer, clock } = context;
  await clock.refresh();
  const dispatch = await dataSource.transaction(async (em) => {
    const message = await lockMessage(em, effect.body.messageId);
    const place = message && room.places.get(message.binding);
    // Whoever was taken over has noted it after all: looked up again, it is in doubt, or its note was taken back.
    if (message?.state === 'dispatching') throw notedByOther();
    if (!message || !place || message.state !== 'queued') throw new WithdrawnError();
    // Before the switches are read: what bears a later instant than one was moved at has seen it.
    const realDispatchedAt = new Date();
    const read = await readSituation(em, room, place, message);
    const decision = decide(read.situation);
    const { sender, composed } = read;
    if (decision.go !== 'now' || sender === null || sender.id !== effect.body.sender || !('letter' in composed)) {
      throw new WithdrawnError();
    }
    const { now } = read.situation;
    const { letter, language } = composed;
    message.state = 'dispatching';
    message.letter = sealer.seal(message.study, letterContext(message.id), letter);
    message.language = language;
    message.toPrint = read.toPrint;
    message.bodyPrint = read.bodyPrint;
    message.encoding = read.encoding;
    message.segments = read.segments;
    message.dispatchedAt = now;
    message.realDispatchedAt = realDispatchedAt;
    if (!isOff('letter-note')) await saveMessage(em, message, noted);
    return { message, letter, sender, validForS: (decision.until.getTime() - now.getTime()) / 1_000 - 30 };
  });
  // A rule may trip by this very message; what it stops are the next.
  await checkTrips(room, dispatch.message);
  return dispatch;
}

/** Another process's note stands: what it did is unknown. */
function notedByOther(): StudybridgeError {
  return new StudybridgeError('Another process has noted the letter.', {
    code: 'NOTED_BY_OTHER',
    errorClass: 'dependency',
    remedy: 'Nothing to do; it is looked for.',
  });
}

/** Surely nothing was handed over: the note is taken back, unless somebody else has noted it meanwhile. */
async function unnote(room: Room, { id, realDispatchedAt }: Message): Promise<void> {
  await room.context.dataSource.query(
    `UPDATE message SET state = 'queued', letter = NULL, dispatched_at = NULL, real_dispatched_at = NULL
      WHERE id = $1 AND state = 'dispatching' AND real_dispatched_at = $2`,
    [id, realDispatchedAt],
  );
}

/** For proofs only: whether a guard was taken away from this process. */
function isOff(guard: 'letter-note' | 'positive-only'): boolean {
  return currentProof()?.off.has(guard) ?? false;
}

const noted = [
  'state',
  'letter',
  'language',
  'toPrint',
  'bodyPrint',
  'encoding',
  'segments',
  'dispatchedAt',
  'realDispatchedAt',
] as const;

async function settleSend(
  em: EntityManager,
  room: Room,
  effect: Effect<SendBody>,
  result: EffectResult,
): Promise<void> {
  const message = await lockMessage(em, effect.body.messageId);
  if (!message) return;
  await endTurn(em, room, effect, result.state !== 'withdrawn' && result.state !== 'expired');
  switch (result.state) {
    case 'done': {
      const posted = result.outcome as Posted;
      if (posted.state === 'accepted') await takeAccepted(em, room, message, revive(posted));
      else await takeRefusal(em, room, message, posted.code);
      return;
    }
    case 'withdrawn':
    case 'expired':
      // Back among those that wait: why it did not go is what the same decision says again.
      if (message.state !== 'queued') return;
      message.state = 'planned';
      return lookAtMessage(em, room, message);
    case 'in-doubt':
      return takeDoubt(em, room, message);
    case 'refused':
      return takeRefusal(em, room, message, codeOf(result.error));
  }
}

function codeOf(error: StudybridgeError): string {
  return error.code === 'EFFECT_ABANDONED' ? 'abandoned' : 'bug';
}

/** An outcome that was kept in the ledger has texts for dates. */
function revive(posted: Extract<Posted, { state: 'accepted' }>): Extract<Posted, { state: 'accepted' }> {
  const date = (value: Date | string | null): Date | null => (value === null ? null : new Date(value));
  const { news } = posted;
  return { ...posted, news: { ...news, createdAt: date(news.createdAt), updatedAt: date(news.updatedAt) } };
}
