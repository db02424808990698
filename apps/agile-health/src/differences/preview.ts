import type { FoundMember } from '../partner/partner-client';
import type { Place, Room } from '../room';
import { differingFields } from './compare-sides';
import { readSides } from './read-sides';

/** What a release would send for one participant; names only, never the arm. */
export interface PreviewLine {
  participantId: string;
  binding: string;
  send: 'enrol' | 'update' | 'arm';
  /** Why it waits: baseline, schema or restore, or the reason for which the family is held. */
  because: string;
  /** The partner's fields that would change. */
  fields: string[];
}

/** Held reasons that a release by a person ends. */
export const releasable = ['BASELINE_NOT_RELEASED', 'RESTORE_NOT_RELEASED', 'BEFORE_GO_LIVE', 'EXPIRED'];

/**
 * What waits for a person's release (law 7): families missing at the partner, and what a baseline, a change of the mapping or a
 * restore found to differ. Looks at the partner, sends nothing.
 */
export async function previewRelease(room: Room, place: Place, participantId?: string): Promise<PreviewLine[]> {
  const { dataSource } = room.context;
  const waiting: { id: string }[] = await dataSource.query(
    `SELECT participant_id AS id FROM participant
      WHERE binding = $1 AND presence = 'present' AND ($2::uuid IS NULL OR participant_id = $2)
        AND (held = ANY($3::text[]) OR held_details IS NOT NULL OR held_arm IS NOT NULL)
      ORDER BY participant_id`,
    [place.binding.id, participantId ?? null, releasable],
  );
  if (waiting.length === 0) return [];
  const members = new Map<string, FoundMember>();
  for await (const page of place.client.everybody()) {
    for (const member of page) if (member.externalId !== null) members.set(member.externalId.toLowerCase(), member);
  }
  const lines: PreviewLine[] = [];
  for (const { id } of waiting) {
    const member = members.get(id);
    const sides = await readSides(dataSource.manager, room, place, id, member ? [member] : []);
    if (sides === null) continue;
    const { participant, redcap } = sides;
    const line = { participantId: id, binding: place.binding.id };
    if (participant.held !== null) {
      const fields = Object.keys(redcap.body ?? {});
      lines.push({ ...line, send: 'enrol', because: participant.held, fields });
      continue;
    }
    const because = participant.holdCause ?? 'baseline';
    if (participant.heldDetails !== null && redcap.body !== null) {
      const fields = differingFields(redcap.body, member?.details ?? {});
      lines.push({ ...line, send: 'update', because, fields });
    }
    if (participant.heldArm !== null) lines.push({ ...line, send: 'arm', because, fields: ['arm'] });
  }
  return lines;
}
