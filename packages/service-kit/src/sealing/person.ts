import type { Row, Sealed } from '@studybridge/contracts';
import type { Sealer } from './sealer';

/** A participant's values as they travel and rest: the identifying ones apart, in an envelope for this participant only (law 9). */
export interface SealedPerson {
  study: string;
  participantId: string;
  /** Values that do not identify. */
  rows: readonly Row[];
  sealed: Sealed;
}

/** The envelope of a participant's identifying values. */
export function sealPerson(
  sealer: Sealer,
  { study, participantId }: Pick<SealedPerson, 'study' | 'participantId'>,
  rows: readonly Row[],
): Sealed {
  return sealer.seal(study, contextOf(participantId), rows);
}

/** All rows of a participant, clear and identifying values merged. Lives in memory only (law 9). Throws as {@link Sealer.open} does. */
export function openPerson(sealer: Sealer, { study, participantId, rows, sealed }: SealedPerson): Row[] {
  const merged = new Map<string, Row>();
  for (const row of [...rows, ...sealer.open<Row[]>(study, contextOf(participantId), sealed)]) {
    const key = `${row.event}/${row.instrument}/${row.instance}`;
    const before = merged.get(key);
    merged.set(key, before ? { ...row, values: { ...before.values, ...row.values } } : row);
  }
  return [...merged.values()];
}

const contextOf = (participantId: string): string => `participant:${participantId}`;
