import type { Row } from '@studybridge/contracts';
import type { Sealer } from '@studybridge/service-kit';
import type { Participant } from './participant-store';

/** All rows of a participant, clear and identifying values merged. Lives in memory only (law 9). */
export function openPerson(
  sealer: Sealer,
  participant: Pick<Participant, 'participantId' | 'study' | 'rows' | 'sealed'>,
): Row[] {
  const { participantId, study, rows, sealed } = participant;
  const merged = new Map<string, Row>();
  for (const row of [...rows, ...sealer.open<Row[]>(study, `participant:${participantId}`, sealed)]) {
    const key = `${row.event}/${row.instrument}/${row.instance}`;
    const before = merged.get(key);
    merged.set(key, before ? { ...row, values: { ...before.values, ...row.values } } : row);
  }
  return [...merged.values()];
}
