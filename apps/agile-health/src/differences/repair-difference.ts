import { type DifferenceKind, StudybridgeError } from '@studybridge/contracts';
import type { EntityManager } from 'typeorm';
import { carryOut } from '../carry-out';
import { saveMember } from '../members/member-store';
import { newsOf, takeOver } from '../members/partner-news';
import { isOurs } from '../members/same-family';
import type { FoundMember } from '../partner/partner-client';
import { lockParticipant, saveParticipant } from '../participants/participant-store';
import type { Place, Room } from '../room';
import { takeIn } from '../sends/settle';
import { saveCells } from '../write-back/cell-store';
import { compareSides, type Sides } from './compare-sides';
import type { Difference } from './difference';
import { readSides } from './read-sides';

/**
 * Puts one difference of one participant right, by a person's word, through the same guarded paths as everything else: an effect,
 * or a requested cell. REDCap is right about the family, the partner about the status. The partner is asked first, so that
 * what no longer differs is left alone. Throws CANNOT_REPAIR for what only people may decide. Returns what was done.
 */
export async function repairDifference(
  room: Room,
  place: Place,
  participantId: string,
  kind: DifferenceKind,
): Promise<string> {
  const partner: FoundMember[] = [];
  for await (const page of place.client.everybody()) {
    partner.push(...page.filter((member) => member.externalId?.toLowerCase() === participantId));
  }
  const [member] = partner;
  const ours = member === undefined || (await isOurs(room, participantId, member));
  return room.context.dataSource.transaction(async (em) => {
    await lockParticipant(em, participantId);
    const sides = await readSides(em, room, place, participantId, partner);
    const difference = sides && compareSides(place, sides).find((one) => one.kind === kind);
    if (!sides || !difference) return 'nothing differs any more';
    refuseForPeople(difference, ours);
    const done = await repair(em, room, place, sides, difference, member);
    await room.effects.unpark(em, participantId);
    await carryOut(em, room, participantId);
    return done;
  });
}

/** What a program must not put right. */
function refuseForPeople({ kind, cause }: Difference, ours: boolean): void {
  const refuse = (sentence: string, remedy: string): never => {
    throw new StudybridgeError(sentence, { code: 'CANNOT_REPAIR', errorClass: 'participant', remedy });
  };
  if (!ours || cause === 'IDENTITY_IN_DOUBT') {
    refuse('It is not clear whether both sides mean the same family.', 'Compare both sides, then ask the partner.');
  }
  if (kind === 'SEVERAL_MEMBERS') {
    refuse('The partner has several members for this family.', 'Ask the partner to remove the ones that are too many.');
  }
  if (kind === 'ARM' && cause === 'ARM_CONFLICT') {
    refuse(
      'The partner has another arm and does not change it.',
      'A second person must approve; write a deviation note.',
    );
  }
  if (kind === 'WITHDRAWAL' && cause === 'PARTNER_CHANGED') {
    refuse(
      'Withdrawn is final at the partner.',
      'Record the withdrawal in REDCap, or ask the partner for a new member.',
    );
  }
  if (kind === 'WITHDRAWAL' && cause === 'RECORD_DELETED') {
    refuse('The record was deleted in REDCap.', 'Restore the record and withdraw it there, or ask the partner.');
  }
  const byPeople = ['UNKNOWN_CODE', 'WITHDRAWN', 'RECORD_DELETED', 'DUPLICATE_MOBILE', 'REFUSED_FIELDS'];
  const gate = /_(MISSING|INVALID|INCOMPLETE|ALLOWED|ELIGIBLE)$/;
  if ((kind === 'NOT_ENROLLED' || kind === 'DETAILS') && (byPeople.includes(cause) || gate.test(cause))) {
    refuse('The record itself keeps it from being sent.', 'Correct the record in REDCap; it then goes on by itself.');
  }
}

async function repair(
  em: EntityManager,
  room: Room,
  place: Place,
  sides: Sides,
  { kind, fields }: Difference,
  member: FoundMember | undefined,
): Promise<string> {
  const { participant, agreed } = sides;
  const { participantId } = participant;
  const release = { acts: true, heldDetails: null, heldArm: null, holdCause: null, refusal: null };
  switch (kind) {
    case 'STATUS':
      if (agreed && member && takeOver(place.agile, agreed, newsOf(member))) await saveMember(em, agreed);
      return 'the partner’s status is taken over';
    case 'NOT_TAKEN_IN':
      if (member) {
        await takeIn(em, place, participant, newsOf(member), (taken, news) => {
          taken.sentHash = news.detailsHash ?? null;
        });
      }
      await saveParticipant(em, { ...participant, adoption: 'found', refusal: null });
      return 'the partner’s member is taken over';
    case 'NOT_AT_PARTNER':
      await em.query('DELETE FROM member WHERE participant_id = $1', [participantId]);
      await saveParticipant(em, {
        ...participant,
        ...release,
        released: true,
        baselineHold: false,
        adoption: 'missing',
      });
      return 'the family is enrolled again';
    case 'NOT_ENROLLED':
      await saveParticipant(em, { ...participant, ...release, released: true, baselineHold: false });
      return 'the family is released';
    case 'DETAILS':
      if (agreed && member) {
        // What the partner has is known now, so what REDCap says differs from it and goes out.
        if (takeOver(place.agile, agreed, newsOf(member))) agreed.sentHash = member.detailsHash ?? null;
        await saveMember(em, agreed);
      }
      await saveParticipant(em, { ...participant, ...release });
      return 'REDCap’s details go to the partner';
    case 'ARM':
      await saveParticipant(em, { ...participant, ...release, released: true });
      return 'the arm goes to the partner';
    case 'WITHDRAWAL':
      await saveParticipant(em, { ...participant, refusal: null });
      return 'the withdrawal goes to the partner';
    case 'CELLS': {
      const cells = [...sides.cells.values()].filter(
        (cell) => cell.refusedReason !== null || fields.includes(cell.field),
      );
      for (const cell of cells)
        Object.assign(cell, { refusedReason: null, refusedValue: null, refusals: 0, overwrites: 0 });
      await saveCells(em, participantId, cells);
      return 'the cells are asked for again';
    }
    case 'SEVERAL_MEMBERS':
      return '';
  }
}
