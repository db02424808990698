import type { ReasonCode, Row } from '@studybridge/contracts';
import { openPerson } from '@studybridge/service-kit';
import type { MessagePurpose } from '@studybridge/studies';
import { smsSegments } from '@studybridge/studies';
import { IANAZone } from 'luxon';
import type { EntityManager } from 'typeorm';
import type { Message } from '../messages/message';
import { printOf } from '../messages/prints';
import { readParticipant } from '../participants/participant-store';
import type { Place, Room } from '../room';
import type { Sender } from '../senders/senders';
import { readSwitches, stoppedBy } from '../stops/switches';
import { compose, type Composed, reasonOf } from './compose';
import { readCaps } from './caps';
import type { Situation } from './decide';
import { dayIn } from './send-window';

/** A situation, and what it was read from. */
export interface Read {
  situation: Situation;
  purpose: MessagePurpose | null;
  composed: Composed;
  sender: Sender | null;
  toPrint: string | null;
  bodyPrint: string | null;
  encoding: string | null;
  segments: number | null;
}

/** Everything that the decision about a message hangs on, as it is in this transaction. Changes nothing. */
export async function readSituation(em: EntityManager, room: Room, place: Place, message: Message): Promise<Read> {
  const { context } = room;
  const now = context.clock.now();
  const purpose = place.messaging.purposes[message.purpose] ?? room.ownPurposes.get(message.purpose) ?? null;
  const { person, obstacle: notThere } = await readPerson(em, room, message);
  const zone = zoneOf(place, person);
  const composed: Composed = notThere ? { reason: notThere } : compose(room, place, message, person);
  const to = 'letter' in composed ? composed.letter.to : null;
  const toPrint = printOf(context, message.study, message.channel, to);
  const body = 'letter' in composed ? composed.letter.body : null;
  const bodyPrint = body === null ? null : context.sealer.fingerprint(message.study, 'text', body);
  const counted = body !== null && message.channel === 'sms' ? smsSegments(body) : null;
  const sender = room.channels.get(message.channel)?.senderOf(message) ?? null;
  const facts = await readFacts(em, message, { toPrint, bodyPrint, sender, now });
  const off = stoppedBy(await readSwitches(em), {
    study: message.study,
    sender: sender?.id ?? null,
    purpose: message.purpose,
  });
  return {
    situation: {
      now,
      plannedAt: message.plannedAt,
      cause: message.cause,
      released: message.released,
      decidedOn: message.due?.decidedOn ?? null,
      goLiveOn: place.goLiveOn,
      atClosedWindow: purpose?.atClosedWindow ?? 'hold',
      times: {
        zone,
        window: purpose?.audience === 'participant' ? place.messaging.sendWindow : null,
        firstDay: message.due?.firstDay ?? null,
        lastDay: message.due?.lastDay ?? null,
        notBefore: message.notBefore,
        expiresAt: message.expiresAt,
      },
      waitsForLink: message.waitsFor === 'link',
      obstacle: obstacleOf(place, message, purpose, person, notThere, composed, { now, zone }),
      optedOut: facts.optedOut,
      numberFlagged: facts.flagged,
      // Operators may well be told the same twice; they have caps of their own.
      sameText: facts.same && purpose?.audience === 'participant',
      switchedOff: context.config.SENDING === 'off' ? 'KILL_SWITCH' : (off?.reason ?? null),
      noSender: sender === null,
      cappedUntil: await readCaps(em, place, message, purpose, zone, now),
      leastValidityMs: message.channel === 'sms' ? context.config.VALIDITY_AT_LEAST_S * 1_000 : 0,
    },
    purpose,
    composed,
    sender,
    toPrint,
    bodyPrint,
    encoding: counted?.encoding ?? null,
    segments: counted?.segments ?? null,
  };
}

async function readPerson(
  em: EntityManager,
  room: Room,
  message: Message,
): Promise<{ person: Row[] | null; obstacle: ReasonCode | null }> {
  if (message.participantId === null) return { person: null, obstacle: null };
  const participant = await readParticipant(em, message.participantId);
  // The two come by different topics: the participant may be on the way.
  if (!participant) return { person: null, obstacle: 'UNKNOWN_RECORD' };
  const gone = { present: null, deleted: 'RECORD_DELETED', 'in-doubt': 'IDENTITY_IN_DOUBT' } as const;
  return { person: openPerson(room.context.sealer, participant), obstacle: gone[participant.presence] };
}

function zoneOf(place: Place, person: readonly Row[] | null): string {
  const zone = person === null ? place.study.zone : place.messaging.zoneOf(person);
  return IANAZone.isValidZone(zone) ? zone : place.study.zone;
}

/** In this order: who they are, whether they want it, whether it is still due, whether it can be written. */
function obstacleOf(
  place: Place,
  message: Message,
  purpose: MessagePurpose | null,
  person: readonly Row[] | null,
  notThere: ReasonCode | null,
  composed: Composed,
  at: { now: Date; zone: string },
): ReasonCode | null {
  if (notThere) return notThere;
  if (purpose === null) return 'TEMPLATE_DATA_MISSING';
  if (person !== null && purpose.audience === 'participant') {
    try {
      const refused = place.messaging.mayReceive(person, message.channel) ?? stillDue(place, message, person, at);
      if (refused) return refused;
    } catch (error) {
      return reasonOf(error);
    }
  }
  return 'reason' in composed && !(message.waitsFor === 'link' && composed.reason === 'TEMPLATE_DATA_MISSING')
    ? composed.reason
    : null;
}

function stillDue(
  place: Place,
  message: Message,
  person: readonly Row[],
  { now, zone }: { now: Date; zone: string },
): ReasonCode | null {
  if (message.due === null) return null;
  const campaign = place.messaging.campaigns.find(({ purposes }) => purposes.includes(message.purpose));
  return campaign?.stillDue(person, { ...message.due, data: {} }, dayIn(zone, now)) ?? null;
}

async function readFacts(
  em: EntityManager,
  message: Message,
  o: { toPrint: string | null; bodyPrint: string | null; sender: Sender | null; now: Date },
): Promise<{ optedOut: ReasonCode | null; flagged: boolean; same: boolean }> {
  if (o.toPrint === null) return { optedOut: null, flagged: false, same: false };
  const [facts]: { optedOut: ReasonCode | null; flagged: boolean; same: boolean }[] = await em.query(
    `SELECT (SELECT reason FROM opt_out WHERE study = $1 AND to_print = $2 AND sender IN ('', $3) AND lifted_at IS NULL
              ORDER BY position LIMIT 1) AS "optedOut",
            EXISTS (SELECT 1 FROM number_flag WHERE study = $1 AND to_print = $2) AS flagged,
            EXISTS (SELECT 1 FROM message WHERE to_print = $2 AND body_print = $4 AND dispatched_at > $5 AND id <> $6
                       AND state NOT IN ('failed', 'undelivered', 'canceled')) AS same`,
    [message.study, o.toPrint, o.sender?.id ?? '', o.bodyPrint, new Date(o.now.getTime() - 86_400_000), message.id],
  );
  return facts ?? { optedOut: null, flagged: false, same: false };
}
