import { randomUUID } from 'node:crypto';
import { StudybridgeError, type ReasonCode, reasons } from '@studybridge/contracts';
import { openPerson } from '@studybridge/service-kit';
import { z } from 'zod';
import { lookAtMessage } from '../decide/look-at-message';
import type { Message } from '../messages/message';
import { messageRowStates } from '../messages/message';
import { lockMessage, readMessages, saveMessage } from '../messages/message-store';
import { planMessage } from '../messages/plan-message';
import { printOf } from '../messages/prints';
import { sayEnd } from '../messages/say-end';
import { takeNews } from '../messages/take-news';
import { lockParticipant, readParticipant } from '../participants/participant-store';
import { reactToFailure } from '../messages/react-to-failure';
import type { Room } from '../room';
import { effectKey } from '../send/plan-send';
import { flagNumber, unflagNumber } from '../stops/number-flags';
import { readSwitches, switchOff, switchOn } from '../stops/switches';
import { countMessages } from './count-messages';
import { tellProblems, tellStatus } from './status';
import { wakeHeld } from './wake-held';

const limit = z.coerce.number().int().min(1).max(10_000).default(200);
const scope = z.enum(['global', 'study', 'sender', 'purpose']);
/** Who a switch is moved by: a named person. */
const by = z.string().min(2).max(80);

const shown = `id AS "messageId", request_id AS "requestId", attempt, binding, participant_id AS "participantId", purpose, channel,
  template, state, reason, attention, language, segments, error_code AS "errorCode", sid, look_at AS "lookAt", check_at AS "checkAt",
  planned_at AS "plannedAt", dispatched_at AS "dispatchedAt", settled_at AS "settledAt", expires_at AS "expiresAt"`;

/** The operator's commands for messages. Their answers hold no number, no address and no text. */
export function addOperations(room: Room): void {
  const { context } = room;
  const { dataSource, ops, idle, logger, clock } = context;
  countMessages(room);
  ops.addStatus('messaging', () => tellStatus(room));
  idle.addProblems(() => tellProblems(room));

  ops.add(
    'messages.list',
    z.object({
      state: z.enum(messageRowStates).optional(),
      reason: z.string().optional(),
      purpose: z.string().optional(),
      participantId: z.uuid().optional(),
      attention: z.coerce.boolean().optional(),
      limit,
    }),
    ({ state, reason, purpose, participantId, attention, limit: most }) =>
      dataSource.query(
        `SELECT ${shown} FROM message
          WHERE ($1::text IS NULL OR state = $1) AND ($2::text IS NULL OR reason = $2) AND ($3::text IS NULL OR purpose = $3)
            AND ($4::uuid IS NULL OR participant_id = $4) AND ($5::boolean IS NOT TRUE OR attention IS NOT NULL)
          ORDER BY position DESC LIMIT $6`,
        [state ?? null, reason ?? null, purpose ?? null, participantId ?? null, attention ?? null, most],
      ),
    'Lists messages with their state and why they are held.',
  );

  ops.add(
    'messages.in-doubt',
    z.object({ limit }),
    async ({ limit: most }) => {
      const rows: object[] = await dataSource.query(
        `SELECT ${shown} FROM message WHERE state = 'in-doubt' ORDER BY position LIMIT $1`,
        [most],
      );
      return rows.map((row) => ({ ...row, ...reasons.SEND_IN_DOUBT }));
    },
    'Lists messages of which nobody knows whether they were sent, with when they are looked for next.',
  );

  ops.add(
    'messages.settle',
    z.object({ messageId: z.uuid(), as: z.enum(['sent', 'again', 'not-sent']), sid: z.string().optional(), by }),
    async ({ messageId, as, sid, by: who }) => {
      await clock.refresh();
      await dataSource.transaction((em) => settleDoubt(em, room, messageId, as, sid ?? null));
      room.effects.wake();
      logger.warn({ messageId, as, by: who }, 'a message in doubt was settled by a person');
      return { messageId, as };
    },
    'Settles a message in doubt: sent (with its SID where known), again (hand it over once more), not-sent (leave it).',
  );

  ops.add(
    'messages.release',
    z.object({ messageId: z.uuid(), by }),
    async ({ messageId, by: who }) => {
      await clock.refresh();
      const state = await dataSource.transaction((em) =>
        change(em, room, messageId, async (message) => {
          message.released = true;
          message.runId = null;
          await saveMessage(em, message, ['released', 'runId']);
          await lookAtMessage(em, room, message);
        }),
      );
      logger.warn({ messageId, by: who, state }, 'a held message was released by a person');
      return { messageId, state };
    },
    'Lets a message go that a baseline, the go-live date or the cap of a run holds.',
  );

  ops.add(
    'messages.cancel',
    z.object({ messageId: z.uuid(), by }),
    async ({ messageId, by: who }) => {
      await clock.refresh();
      const state = await dataSource.transaction((em) =>
        change(em, room, messageId, async (message) => {
          Object.assign(message, { state: 'suppressed', reason: null, lookAt: null, settledAt: clock.now() });
          await saveMessage(em, message, ['state', 'reason', 'lookAt', 'settledAt']);
          await sayEnd(em, room, message);
        }),
      );
      logger.warn({ messageId, by: who }, 'a message was taken back by a person');
      return { messageId, state };
    },
    'Takes a message back that has not been handed over.',
  );

  ops.add(
    'messages.stop',
    z.object({ scope, name: z.string().default(''), by, note: z.string().max(200).optional() }),
    async ({ scope: what, name, by: who, note }) => {
      await clock.refresh();
      const off = {
        scope: what,
        name,
        reason: 'KILL_SWITCH',
        by: who,
        note: note ?? null,
        since: clock.now(),
      } as const;
      const changed = await switchOff(dataSource.manager, off);
      logger.warn({ scope: what, by: who }, 'sending was switched off by a person');
      return { scope: what, name, changed };
    },
    'Stops sending at once: global, a study (its id), a sender (its number), a purpose (study/purpose). What left cannot be called back.',
  );

  ops.add(
    'messages.resume',
    z.object({ scope, name: z.string().default(''), by }),
    async ({ scope: what, name, by: who }) => {
      const changed = await switchOn(dataSource.manager, what, name);
      const woken = changed ? await wakeHeld(room, ['KILL_SWITCH', 'SENDER_NOT_READY']) : 0;
      logger.warn({ scope: what, by: who, woken }, 'sending was switched on by a person');
      return { scope: what, name, changed, woken };
    },
    'Switches sending on again; what waited is decided upon anew, and what is too late is closed.',
  );

  ops.add(
    'messages.stopped',
    z.object({}),
    () => readSwitches(dataSource.manager),
    'Lists what is switched off, since when and why.',
  );

  ops.add(
    'messages.caps',
    z.object({}),
    async () => {
      const held: { study: string; purpose: string; n: number }[] = await dataSource.query(
        `SELECT study, purpose, count(*)::int AS n FROM message WHERE state = 'held' AND reason = 'CAP_REACHED' GROUP BY study, purpose`,
      );
      return [...room.places.values()].map(({ binding, study, messaging }) => ({
        binding: binding.id,
        ...messaging.caps,
        purposes: Object.fromEntries(Object.entries(messaging.purposes).map(([name, { cap }]) => [name, cap])),
        held: Object.fromEntries(held.filter((one) => one.study === study.id).map(({ purpose, n }) => [purpose, n])),
      }));
    },
    'Shows the limits per participant, purpose and run, and what they hold.',
  );

  ops.add(
    'senders.list',
    z.object({}),
    async () => {
      const rows: {
        id: string;
        nextFreeAt: Date | null;
        checkedAt: Date | null;
        problem: string | null;
        remedy: string | null;
      }[] = await dataSource.query(
        `SELECT id, CASE WHEN isfinite(next_free_at) THEN next_free_at END AS "nextFreeAt", checked_at AS "checkedAt", problem, remedy
             FROM sender`,
      );
      return room.senders.all.map((sender) => ({ ...sender, ...rows.find(({ id }) => id === sender.id) }));
    },
    'Lists the senders with their pace and what their check at Twilio found.',
  );

  ops.add(
    'senders.check',
    z.object({}),
    async () => {
      await clock.refresh();
      if (!room.checkSenders) throw noTwilio();
      return room.checkSenders();
    },
    'Looks at Twilio whether the senders are in order, now.',
  );

  ops.add(
    'numbers.check',
    z.object({ participantId: z.uuid() }),
    async ({ participantId }) => {
      await clock.refresh();
      return checkNumber(room, participantId);
    },
    'Asks Twilio what kind of line a participant’s number is; one that takes no texts is flagged.',
  );

  ops.add(
    'numbers.test',
    z.object({ participantId: z.uuid(), by }),
    async ({ participantId, by: who }) => {
      await clock.refresh();
      const planned = await dataSource.transaction((em) => planNumberTest(em, room, participantId));
      logger.warn({ participantId, by: who, messageId: planned.messageId }, 'a number is tested with a text');
      return planned;
    },
    'Sends the study’s test text to a participant’s number, by the way of every text; `messages.list purpose=number-test` shows its end.',
  );

  ops.add(
    'numbers.unflag',
    z.object({ participantId: z.uuid(), by }),
    async ({ participantId, by: who }) => {
      await clock.refresh();
      const { study, toPrint } = await reach(room, participantId);
      const changed = toPrint !== null && (await unflagNumber(dataSource.manager, study, toPrint));
      if (changed) await wakeHeld(room, ['NUMBER_FLAGGED']);
      logger.warn({ participantId, by: who }, 'a number was found to take texts after all');
      return { participantId, changed };
    },
    'Takes the flag of a number away after somebody verified it.',
  );
}

type Em = Parameters<typeof lockMessage>[0];

async function settleDoubt(
  em: Em,
  room: Room,
  messageId: string,
  as: 'sent' | 'again' | 'not-sent',
  sid: string | null,
): Promise<void> {
  const message = await lockMessage(em, messageId);
  if (message?.state !== 'in-doubt')
    throw refused('There is no such message in doubt.', 'See `ops messages.in-doubt`.');
  await room.effects.close(em, effectKey(message));
  const now = room.context.clock.now();
  if (as === 'again') {
    Object.assign(message, {
      state: 'planned',
      reason: null,
      attention: null,
      checkAt: null,
      checks: 0,
      said: message.said,
    });
    Object.assign(message, {
      letter: null,
      dispatchedAt: null,
      realDispatchedAt: null,
      settledAt: null,
      bodyPrint: null,
    });
    await saveMessage(em, message);
    return lookAtMessage(em, room, message);
  }
  if (as === 'sent' && sid !== null) {
    const news = {
      sid,
      status: 'accepted',
      errorCode: null,
      segments: null,
      price: null,
      createdAt: null,
      updatedAt: null,
    };
    const taken = await takeNews(em, room, messageId, { ...news, source: 'person', dedup: null, raw: {} });
    if (taken === 'unknown') throw refused('That SID is not of this message.', 'Look it up at Twilio.');
    return;
  }
  if (as === 'sent') {
    Object.assign(message, {
      state: 'no-receipt',
      reason: 'NO_RECEIPT',
      attention: null,
      checkAt: null,
      settledAt: now,
      acceptedAt: now,
    });
    await saveMessage(em, message);
    return sayEnd(em, room, message);
  }
  Object.assign(message, { state: 'failed', errorCode: 'abandoned', checkAt: null, settledAt: now });
  await saveMessage(em, message);
  await reactToFailure(em, room, message, { handedOver: true });
}

/** Changes a message that waits; one with the ledger is decided upon right before its call. Returns its state afterwards. */
async function change(
  em: Em,
  room: Room,
  messageId: string,
  how: (message: Message) => Promise<void>,
): Promise<string> {
  const [found] = await readMessages(em, 'WHERE id = $1', [messageId]);
  if (found?.participantId != null) await lockParticipant(em, found.participantId);
  const message = await lockMessage(em, messageId);
  if (!message || !['planned', 'held', 'queued'].includes(message.state)) {
    throw refused('There is no such message that waits.', 'See `ops messages.list`.');
  }
  await how(message);
  return message.state;
}

async function reach(
  room: Room,
  participantId: string,
): Promise<{ study: string; to: string | null; toPrint: string | null }> {
  const { context } = room;
  const participant = await readParticipant(context.dataSource.manager, participantId);
  const place = participant && room.places.get(participant.binding);
  if (!participant || !place) throw refused('There is no such participant.', 'See `ops messages.list`.');
  const to = place.messaging.mobile(openPerson(context.sealer, participant));
  return { study: participant.study, to, toPrint: printOf(context, participant.study, 'sms', to) };
}

/** Purpose and template of a study's test text. */
const numberTest = 'number-test';

/** Asks for the test text: whatever holds or ends other texts to this participant holds or ends it, too. */
async function planNumberTest(
  em: Em,
  room: Room,
  participantId: string,
): Promise<{ messageId: string; state: Message['state']; reason: ReasonCode | null }> {
  const participant = await readParticipant(em, participantId);
  const place = participant && room.places.get(participant.binding);
  if (!participant || !place) throw refused('There is no such participant.', 'See `ops messages.list`.');
  if (!place.messaging.purposes[numberTest] || !place.messaging.templates[numberTest]) {
    throw refused('The study has no test text.', `Declare the purpose and the template ${numberTest} in its folder.`);
  }
  const { message } = await planMessage(em, room, {
    requestId: `${participant.binding}|${participantId}|${numberTest}|${randomUUID()}`,
    binding: participant.binding,
    study: participant.study,
    participantId,
    purpose: numberTest,
    channel: 'sms',
    template: numberTest,
    data: {},
    expiresAt: new Date(room.context.clock.now().getTime() + 24 * 3_600_000),
    cause: 'live',
    correlationId: numberTest,
  });
  return { messageId: message.id, state: message.state, reason: message.reason };
}

/** Lines that take no texts (messaging.md §9.11). */
const without: readonly string[] = [
  'landline',
  'fixedVoip',
  'pager',
  'premium',
  'tollFree',
  'sharedCost',
  'uan',
  'voicemail',
];

async function checkNumber(
  room: Room,
  participantId: string,
): Promise<{ line: string | null; flagged: boolean; reason: ReasonCode | null }> {
  const { study, to, toPrint } = await reach(room, participantId);
  if (to === null || toPrint === null) return { line: null, flagged: false, reason: 'PHONE_MISSING' };
  if (!room.twilio) throw noTwilio();
  const line = await room.twilio.lineType(to);
  const flagged = line !== null && without.includes(line);
  if (flagged) {
    const { dataSource, clock } = room.context;
    const flag = { study, toPrint, reason: 'NUMBER_FLAGGED' as const, errorCode: null, line, since: clock.now() };
    await flagNumber(dataSource.manager, flag);
  }
  return { line, flagged, reason: flagged ? 'NUMBER_FLAGGED' : null };
}

function noTwilio(): StudybridgeError {
  return new StudybridgeError('No account at Twilio is set.', {
    code: 'NO_TWILIO',
    errorClass: 'participant',
    remedy: 'Set TWILIO_ACCOUNT_SID and TWILIO_AUTH_TOKEN.',
  });
}

function refused(message: string, remedy: string): StudybridgeError {
  return new StudybridgeError(message, { code: 'NOT_POSSIBLE', errorClass: 'participant', remedy });
}
