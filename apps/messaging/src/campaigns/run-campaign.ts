import { type ReasonCode, StudybridgeError } from '@studybridge/contracts';
import { type JobRun, openPerson } from '@studybridge/service-kit';
import type { CampaignFacts, DueMessage, MessageCampaign } from '@studybridge/studies';
import { DateTime } from 'luxon';
import type { EntityManager } from 'typeorm';
import { reasonOf } from '../decide/compose';
import { previewLine, previewMessage } from '../decide/preview-message';
import { dayIn } from '../decide/send-window';
import { type MessageRequest, planMessage } from '../messages/plan-message';
import {
  lockParticipant,
  type Participant,
  readParticipant,
  readParticipants,
} from '../participants/participant-store';
import type { Place, Room } from '../room';
import { causeOf } from './first-heard';
import { assertComplete } from './project-polls';
import { type EarlierMessage, readEarlier, toSentBefore } from './sent-before';
import { askForLink, askForLinksOf } from './survey-links';

const pageSize = 200;

/** One campaign of one binding. */
export interface CampaignAt {
  room: Room;
  place: Place;
  campaign: MessageCampaign;
}

/**
 * Decides for every participant of a binding who is due what, and asks for it: the same message twice is one message. A dry run
 * says what each would get and when, in which language, how long and at what cost, and why the others get nothing.
 */
export async function runCampaign(at: CampaignAt, run: JobRun): Promise<Record<string, number>> {
  const { room, place, campaign } = at;
  const { dataSource, clock, config } = room.context;
  await assertComplete(dataSource.manager, place, clock, config.CAMPAIGN_FRESH_MINUTES);
  const counts = { participants: 0, due: 0, planned: 0, links: 0 };
  const not = new Map<ReasonCode, number>();
  for (let afterId: string | undefined; ;) {
    const page = await readParticipants(dataSource.manager, place.binding.id, { afterId, limit: pageSize });
    afterId = page.at(-1)?.participantId;
    if (afterId === undefined) break;
    const present = page.filter((participant) => participant.presence === 'present');
    const earlier = await readEarlier(
      dataSource.manager,
      present.map((participant) => participant.participantId),
      campaign.purposes,
    );
    for (const participant of present) {
      run.signal.throwIfAborted();
      counts.participants += 1;
      const told = earlier.get(participant.participantId) ?? [];
      const decided = decideFor(at, participant, told);
      if (typeof decided === 'string') {
        not.set(decided, (not.get(decided) ?? 0) + 1);
        if (run.dryRun) run.log(`record ${participant.recordId}: nothing, ${decided}`);
      }
      const isDue = decided !== null && typeof decided !== 'string';
      if (isDue) counts.due += decided.due.length;
      const waits = told.some((message) => message.state === 'planned' || message.state === 'held');
      if (run.dryRun) {
        if (isDue) await preview(at, run, participant, decided);
      } else if (isDue || waits) {
        const done = await dataSource.transaction((em) => carryOut(em, at, run, participant.participantId));
        counts.planned += done.planned;
        counts.links += done.links;
      }
    }
  }
  for (const [reason, number] of not) run.log(`nothing now, ${reason}: ${number}`);
  return counts;
}

/** Messages that are due, and what that was decided from. */
interface Decided {
  due: DueMessage[];
  facts: CampaignFacts;
  /** The participant's. */
  zone: string;
}

/** What the study folder says of one participant now, and what it decided from. */
function decideFor(
  { room, place, campaign }: CampaignAt,
  participant: Participant,
  earlier: readonly EarlierMessage[],
): Decided | ReasonCode | null {
  const now = room.context.clock.now();
  const person = openPerson(room.context.sealer, participant);
  try {
    const zone = place.messaging.zoneOf(person);
    const facts = { today: dayIn(zone, now), now: now.toISOString(), sentBefore: toSentBefore(earlier, zone) };
    const due = campaign.due(person, facts);
    return Array.isArray(due) ? { due, facts, zone } : due;
  } catch (error) {
    return reasonOf(error);
  }
}

/** Decides once more with the participant locked, and asks for what is due. */
async function carryOut(
  em: EntityManager,
  at: CampaignAt,
  run: JobRun,
  participantId: string,
): Promise<{ planned: number; links: number }> {
  const { room, campaign } = at;
  await run.lease.assert(em);
  await lockParticipant(em, participantId);
  const participant = await readParticipant(em, participantId);
  const done = { planned: 0, links: 0 };
  if (participant?.presence !== 'present') return done;
  const earlier = await readEarlier(em, [participantId], campaign.purposes);
  const decided = decideFor(at, participant, earlier.get(participantId) ?? []);
  const due = decided !== null && typeof decided !== 'string' ? decided : null;
  for (const message of due?.due ?? []) {
    const request = await requestOf(em, at, run, participant, message, due!);
    const { message: planned, known } = await planMessage(em, room, request);
    if (!known) done.planned += 1;
    if (await askForLink(em, room, planned)) done.links += 1;
  }
  done.links += await askForLinksOf(em, room, participantId);
  return done;
}

async function requestOf(
  em: EntityManager,
  { room, place, campaign }: CampaignAt,
  run: JobRun,
  participant: Participant,
  due: DueMessage,
  { facts, zone }: Decided,
): Promise<MessageRequest> {
  const purpose = place.messaging.purposes[due.purpose];
  if (!purpose) {
    throw new StudybridgeError(`A campaign of ${place.study.id} names a purpose that the study does not have.`, {
      code: 'UNKNOWN_PURPOSE',
      errorClass: 'bug',
      remedy: 'Correct the study folder.',
    });
  }
  const { participantId, binding, study } = participant;
  const last = DateTime.fromISO(due.lastDay, { zone });
  return {
    requestId: `${binding}|${participantId}|${due.purpose}|${due.occurrence}`,
    binding,
    study,
    participantId,
    purpose: due.purpose,
    channel: purpose.channel,
    template: due.template,
    data: due.data,
    expiresAt: last.plus({ days: 1 }).startOf('day').toJSDate(),
    cause: await causeOf(em, room, { participantId, campaign, purpose: due.purpose, facts }),
    correlationId: run.id,
    due,
    runId: run.id,
    ...(due.link ? { waitsFor: 'link' as const } : {}),
  };
}

/** A dry run's lines: through the same decision as in earnest. */
async function preview(at: CampaignAt, run: JobRun, participant: Participant, decided: Decided): Promise<void> {
  const { room } = at;
  for (const message of decided.due) {
    const { manager } = room.context.dataSource;
    const request = await requestOf(manager, at, run, participant, message, decided);
    const seen = await previewMessage(manager, room, request);
    run.log(previewLine(`record ${participant.recordId}`, `${message.purpose} ${message.occurrence}`, seen));
  }
}
