import { cellContext, type CellAddress, type CellValue, type Sealed } from '@studybridge/contracts';
import type { Sealer } from './sealer';

/** Whose cell a value belongs to: it opens for this one only. */
export interface CellOwner extends CellAddress {
  study: string;
  participantId: string;
}

/** A cell's value as it travels and rests where the cell identifies a person (law 9). */
export function sealCellValue(sealer: Sealer, cell: CellOwner, value: string): Sealed {
  return sealer.seal(cell.study, cellContext(cell.participantId, cell), value);
}

/** A cell's value as REDCap holds it. Throws as {@link Sealer.open} does. */
export function openCellValue(sealer: Sealer, cell: CellOwner, value: CellValue): string {
  return typeof value === 'string'
    ? value
    : sealer.open<string>(cell.study, cellContext(cell.participantId, cell), value);
}
