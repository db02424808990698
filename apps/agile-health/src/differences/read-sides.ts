import { openPerson } from '@studybridge/service-kit';
import type { EntityManager } from 'typeorm';
import { readSituation } from '../decide/read-situation';
import { readMember } from '../members/member-store';
import { readParticipant } from '../participants/participant-store';
import type { FoundMember } from '../partner/partner-client';
import { type Place, type Room, todayIn } from '../room';
import { readCells } from '../write-back/cell-store';
import { desiredCells } from '../write-back/desired-cells';
import type { Sides } from './compare-sides';

/** The three sides of one participant, from what is stored and what the partner just said; null when nobody by that id is known. */
export async function readSides(
  em: EntityManager,
  room: Room,
  place: Place,
  participantId: string,
  partner: readonly FoundMember[],
): Promise<Sides | null> {
  const participant = await readParticipant(em, participantId);
  if (!participant) return null;
  const { context } = room;
  const agreed = await readMember(em, participantId);
  const person = openPerson(context.sealer, participant);
  const redcap = readSituation(place.agile, participant, person, agreed, {
    goLiveOn: place.goLiveOn,
    today: todayIn(place.study.zone, context.clock.now()),
    expiresAfterDays: context.config.ENROLMENT_EXPIRES_DAYS,
  });
  const [polled]: { until: Date }[] = await em.query('SELECT seen_until AS until FROM status_poll WHERE binding = $1', [
    place.binding.id,
  ]);
  return {
    participant,
    redcap,
    agreed,
    partner,
    cells: await readCells(em, participantId),
    desired: desiredCells(place, { participant, member: agreed, attention: participant.attention, late: true }),
    statusesUntil: polled?.until ?? null,
  };
}
