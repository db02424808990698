import { randomUUID } from 'node:crypto';
import { participantChanged, type Cause, type CellAddress, type Row } from '@studybridge/contracts';
import type { EventBus } from '@studybridge/event-bus';
import { sealPerson, type Sealer } from '@studybridge/service-kit';
import type { EntityManager } from 'typeorm';
import type { RedcapProject } from '../projects/redcap-project';
import type { Participant } from './participant.repository';
import { identifies } from './values';

/** One participant's news: whole declared state, identifying values included, and what changed of it. */
export interface News {
  participant: Pick<Participant, 'id' | 'recordId' | 'incarnation' | 'presence'>;
  rows: readonly Row[];
  changed: readonly CellAddress[];
}

/** Says participants' news in the caller's transaction: clear values as rows, identifying ones of the same rows sealed (law 9). */
export async function tellParticipants(
  em: EntityManager,
  o: { bus: EventBus; sealer: Sealer; project: RedcapProject; news: readonly News[]; cause: Cause; asOf: Date },
): Promise<void> {
  if (o.news.length === 0) return;
  const { project } = o;
  await o.bus.publishMany(
    em,
    participantChanged,
    o.news.map(({ participant, rows, changed }) => ({
      payload: {
        participantId: participant.id,
        project: project.role,
        recordId: participant.recordId,
        incarnation: participant.incarnation,
        presence: participant.presence,
        rows: rows.map((row) => part(row, (field) => !identifies(project, field))),
        sealed: sealPerson(
          o.sealer,
          { study: project.study.id, participantId: participant.id },
          rows.map((row) => part(row, (field) => identifies(project, field))),
        ),
        changed: changed.map(({ event, instrument, instance, field }) => ({ event, instrument, instance, field })),
        asOf: o.asOf.toISOString(),
      },
      meta: {
        binding: project.binding.id,
        study: project.study.id,
        cause: o.cause,
        correlationId: randomUUID(),
        occurredAt: o.asOf,
      },
    })),
  );
}

function part(row: Row, keep: (field: string) => boolean): Row {
  const values = Object.fromEntries(Object.entries(row.values).filter(([field, value]) => value !== '' && keep(field)));
  return { event: row.event, instrument: row.instrument, instance: row.instance, values };
}
