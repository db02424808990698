import type { ReasonCode } from '@studybridge/contracts';
import type { EntityManager } from 'typeorm';

/** What we know of one cell of ours in REDCap. */
export interface Cell {
  field: string;
  /** What REDCap holds as far as we know; `''` for blank. */
  known: string;
  /** What was asked for and is not settled. */
  asked: string | null;
  /** Study time of the last settlement: what was read before it says nothing new. */
  settledAt: Date | null;
  refusedValue: string | null;
  refusedReason: ReasonCode | null;
  /** Refusals in a row of the same value. */
  refusals: number;
  /** How often somebody else changed the cell since it last held what we asked for. */
  overwrites: number;
}

/** A cell of which nothing is known yet. */
export function blankCell(field: string): Cell {
  return {
    field,
    known: '',
    asked: null,
    settledAt: null,
    refusedValue: null,
    refusedReason: null,
    refusals: 0,
    overwrites: 0,
  };
}

/** The participant's cells by field. */
export async function readCells(em: EntityManager, participantId: string): Promise<Map<string, Cell>> {
  const found: Cell[] = await em.query(
    `SELECT field, known, asked, settled_at AS "settledAt", refused_value AS "refusedValue",
       refused_reason AS "refusedReason", refusals, overwrites
       FROM cell WHERE participant_id = $1`,
    [participantId],
  );
  return new Map(found.map((cell) => [cell.field, cell]));
}

/** Inserts or replaces. */
export async function saveCells(em: EntityManager, participantId: string, cells: Cell[]): Promise<void> {
  if (cells.length === 0) return;
  await em.query(
    `INSERT INTO cell (participant_id, field, known, asked, settled_at, refused_value, refused_reason, refusals, overwrites)
     SELECT $1, * FROM unnest($2::text[], $3::text[], $4::text[], $5::timestamptz[], $6::text[], $7::text[], $8::int[], $9::int[])
     ON CONFLICT (participant_id, field) DO UPDATE SET known = excluded.known, asked = excluded.asked,
       settled_at = excluded.settled_at, refused_value = excluded.refused_value,
       refused_reason = excluded.refused_reason, refusals = excluded.refusals, overwrites = excluded.overwrites`,
    [
      participantId,
      cells.map((cell) => cell.field),
      cells.map((cell) => cell.known),
      cells.map((cell) => cell.asked),
      cells.map((cell) => cell.settledAt),
      cells.map((cell) => cell.refusedValue),
      cells.map((cell) => cell.refusedReason),
      cells.map((cell) => cell.refusals),
      cells.map((cell) => cell.overwrites),
    ],
  );
}
