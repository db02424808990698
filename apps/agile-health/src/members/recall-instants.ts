import { DateTime } from 'luxon';
import type { EntityManager } from 'typeorm';
import type { Place } from '../room';
import { readCells } from '../write-back/cell-store';
import type { Member } from './member-store';

/** Instants that the partner does not tell and REDCap still holds from before: when the arm went out, when a STOP came. */
export async function recallInstants(em: EntityManager, place: Place, member: Member): Promise<void> {
  const cells = await readCells(em, member.participantId);
  const { fields } = place.agile.cells;
  const instantIn = (field: string): Date | null => {
    const at = DateTime.fromSQL(cells.get(field)?.known ?? '', { zone: place.study.zone });
    return at.isValid ? at.toJSDate() : null;
  };
  if (member.arm !== null) member.armSentAt ??= instantIn(fields.armSentTs);
  member.optOutAt ??= instantIn(fields.optoutDate);
}
