import { randomUUID } from 'node:crypto';
import {
  byRow,
  participantChanged,
  type Cause,
  type CellAddress,
  type ParticipantChanged,
  type Row,
} from '@studybridge/contracts';
import type { EventBus, EventMeta } from '@studybridge/event-bus';
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
export async function tellParticipants(em: EntityManager, o: Telling): Promise<void> {
  if (o.news.length > 0) await o.bus.publishMany(em, participantChanged, toSay(o));
}

interface Telling {
  bus: EventBus;
  sealer: Sealer;
  project: RedcapProject;
  news: readonly News[];
  cause: Cause;
  asOf: Date;
}

/** One at a time: a participant's whole state weighs some ten times what its row does. */
function* toSay({ sealer, project, news, cause, asOf }: Telling): Generator<{
  payload: ParticipantChanged;
  meta: EventMeta;
}> {
  for (const { participant, rows, changed } of news) {
    yield {
      payload: {
        participantId: participant.id,
        project: project.role,
        recordId: participant.recordId,
        incarnation: participant.incarnation,
        presence: participant.presence,
        rows: rows.map((row) => part(project, row, false)),
        sealed: sealPerson(
          sealer,
          { study: project.study.id, participantId: participant.id },
          rows.map((row) => part(project, row, true)),
        ),
        changed: byRow(changed),
        asOf: asOf.toISOString(),
      },
      meta: {
        binding: project.binding.id,
        study: project.study.id,
        cause,
        correlationId: randomUUID(),
        occurredAt: asOf,
      },
    };
  }
}

/** The row with those of its values that identify, or with the others. */
function part(project: RedcapProject, { event, instrument, instance, values: all }: Row, identifying: boolean): Row {
  const values: Record<string, string> = {};
  for (const field in all) {
    if (all[field] !== '' && identifies(project, field) === identifying) values[field] = all[field]!;
  }
  return { event, instrument, instance, values };
}
