import type { Cause } from '@studybridge/contracts';
import type { Sealer } from '@studybridge/service-kit';
import type { EntityManager } from 'typeorm';
import { bodyContext } from './effect-row';

/** An effect to plan. */
export interface PlannedEffect {
  /** Permanent: what makes it the same effect for ever, e.g. `enrol/<participantId>`. */
  key: string;
  kind: string;
  participantId: string;
  binding: string;
  study: string;
  /** Withdrawal, opt-out: goes out at once, past whatever holds the participant's other effects. */
  stops?: boolean;
  /** What it shares its rate with, e.g. a sender; see `Executor.admit`. */
  pace?: string;
  cause: Cause;
  correlationId: string;
  /** Study time; not called after it. */
  expiresAt?: Date;
  /** Kept sealed. */
  body: unknown;
}

/** Notes an effect inside the caller's transaction; `known` when its key was ever planned before. */
export async function planEffect(em: EntityManager, sealer: Sealer, e: PlannedEffect): Promise<'planned' | 'known'> {
  const rows: unknown[] = await em.query(
    `WITH lane AS (INSERT INTO effect_lane (participant_id) VALUES ($3) ON CONFLICT DO NOTHING)
     INSERT INTO effect (key, kind, participant_id, binding, study, stops, cause, correlation_id, expires_at, body, pace)
       VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) ON CONFLICT (key) DO NOTHING RETURNING key`,
    [
      e.key,
      e.kind,
      e.participantId,
      e.binding,
      e.study,
      e.stops ?? false,
      e.cause,
      e.correlationId,
      e.expiresAt ?? null,
      JSON.stringify(sealer.seal(e.study, bodyContext(e.key), e.body)),
      e.pace ?? null,
    ],
  );
  return rows.length === 0 ? 'known' : 'planned';
}
