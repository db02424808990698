import type { Cause, CellValue, ReasonCode } from '@studybridge/contracts';
import { writeSettled } from '@studybridge/contracts';
import type { EntityManager } from 'typeorm';
import type { Gateway } from '../gateway';
import { keepValue } from '../participants/values';
import type { RedcapProject } from '../projects/redcap-project';

/** What a service wants a cell to hold, and what became of it. */
export interface DesiredCell {
  participantId: string;
  event: string;
  instrument: string;
  instance: number;
  field: string;
  owner: string;
  value: CellValue;
  basedOn: CellValue;
  lastWritten: CellValue | null;
  version: number;
  state: 'wanted' | 'attempting' | 'applied' | 'refused';
  attempts: number;
  reasserted: boolean;
  capWaived: boolean;
  cause: Cause;
  correlationId: string;
  writtenAt: Date | null;
}

/** The columns of a desired cell, under the names of {@link DesiredCell}. */
export const desiredColumns = `participant_id AS "participantId", event, instrument, instance, field, owner, value,
  based_on AS "basedOn", last_written AS "lastWritten", version, state, attempts, reasserted, cap_waived AS "capWaived",
  cause, correlation_id AS "correlationId", written_at AS "writtenAt"`;

/** How a desired cell goes on. `current` is what REDCap holds, opened, where known. */
export interface Settlement {
  cell: DesiredCell;
  outcome: 'applied' | 'refused' | 'wanted';
  current: string | null;
  reason?: ReasonCode;
  /** REDCap's own sentence, without the value. */
  message?: string;
  /** The value is now ours in REDCap. */
  lastWritten?: CellValue;
  /** A person changed it meanwhile. */
  overwrote?: boolean;
  /** For a cell that is wanted again. */
  next?: { basedOn: CellValue; reasserted: boolean; attempts: number };
}

/**
 * Stores what became of cells and says it, in the caller's transaction. A cell that was requested anew in the meantime stays
 * wanted; what was written of its former value is still said.
 */
export async function settleCells(
  em: EntityManager,
  gateway: Gateway,
  project: RedcapProject,
  settlements: readonly Settlement[],
): Promise<void> {
  if (settlements.length === 0) return;
  const now = gateway.context.clock.now();
  await em.query(
    `UPDATE desired_cell d SET
        state = CASE WHEN d.version = i.version THEN i.outcome ELSE 'wanted' END,
        reason = CASE WHEN d.version = i.version THEN i.reason END,
        message = CASE WHEN d.version = i.version THEN i.message END,
        last_written = coalesce(i.last_written, d.last_written),
        written_at = CASE WHEN i.last_written IS NULL THEN d.written_at ELSE $2 END,
        overwrote_at = CASE WHEN i.overwrote THEN $2 ELSE d.overwrote_at END,
        based_on = CASE WHEN d.version = i.version THEN coalesce(i.based_on, d.based_on) ELSE d.based_on END,
        reasserted = CASE WHEN d.version = i.version THEN coalesce(i.reasserted, d.reasserted) ELSE d.reasserted END,
        attempts = CASE WHEN d.version = i.version THEN coalesce(i.attempts, 0) ELSE 0 END,
        settled_at = $2
      FROM jsonb_to_recordset($1::jsonb) AS i(participant_id uuid, event text, instrument text, instance integer, field text,
        version integer, outcome text, reason text, message text, last_written jsonb, overwrote boolean, based_on jsonb,
        reasserted boolean, attempts integer)
      WHERE d.participant_id = i.participant_id AND d.event = i.event AND d.instrument = i.instrument
        AND d.instance = i.instance AND d.field = i.field`,
    [
      JSON.stringify(
        settlements.map(({ cell, outcome, reason, message, lastWritten, overwrote, next }) => ({
          participant_id: cell.participantId,
          event: cell.event,
          instrument: cell.instrument,
          instance: cell.instance,
          field: cell.field,
          version: cell.version,
          outcome,
          reason,
          message,
          last_written: lastWritten,
          overwrote: overwrote ?? false,
          based_on: next?.basedOn,
          reasserted: next?.reasserted,
          attempts: next?.attempts,
        })),
      ),
      now,
    ],
  );
  await tellSettled(em, gateway, project, settlements);
}

async function tellSettled(
  em: EntityManager,
  gateway: Gateway,
  project: RedcapProject,
  settlements: readonly Settlement[],
): Promise<void> {
  const groups = new Map<string, Settlement[]>();
  for (const settlement of settlements) {
    if (settlement.outcome === 'wanted') continue;
    const { cell } = settlement;
    const key = JSON.stringify([cell.participantId, cell.owner, cell.correlationId]);
    groups.set(key, [...(groups.get(key) ?? []), settlement]);
  }
  await gateway.bus.publishMany(
    em,
    writeSettled,
    [...groups.values()].map((group) => {
      const { cell } = group[0]!;
      return {
        payload: {
          participantId: cell.participantId,
          project: project.role,
          owner: cell.owner,
          cells: group.map(({ cell: one, outcome, current, reason }) => ({
            event: one.event,
            instrument: one.instrument,
            instance: one.instance,
            field: one.field,
            outcome: outcome === 'applied' ? ('applied' as const) : ('refused' as const),
            value: current === null ? null : keepValue(gateway.context.sealer, project, one, current),
            reason: reason ?? null,
          })),
        },
        meta: {
          binding: project.binding.id,
          study: project.study.id,
          cause: cell.cause,
          correlationId: cell.correlationId,
        },
      };
    }),
  );
}
