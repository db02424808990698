import { StudybridgeError } from '@studybridge/contracts';
import type { ServiceContext } from '@studybridge/service-kit';
import type { EntityManager } from 'typeorm';
import { z } from 'zod';
import type { EffectRow } from './effect-row';
import type { EffectResult } from './executor';

const listStates = [
  'planned',
  'attempting',
  'answered',
  'done',
  'refused',
  'in-doubt',
  'expired',
  'cancelled',
] as const;

/** The operator's commands for the ledger. They name keys and our own ids, never what an effect holds. */
export function addEffectsOperations(
  context: ServiceContext,
  effects: {
    wake(): void;
    unpark(em: EntityManager, participantId: string): Promise<void>;
    settle(em: EntityManager, row: EffectRow, result: EffectResult): Promise<void>;
  },
): void {
  const { dataSource, ops, logger } = context;

  ops.add(
    'effects.list',
    z.object({
      state: z.enum(listStates).optional(),
      participantId: z.string().optional(),
      limit: z.coerce.number().int().min(1).max(10_000).default(200),
    }),
    ({ state, participantId, limit }) =>
      dataSource.query(
        `SELECT key, kind, participant_id AS "participantId", binding, state, cause, stops, attempts, error_code AS code,
                error_remedy AS remedy, correlation_id AS "correlationId", planned_at AS "plannedAt",
                attempted_at AS "attemptedAt", settled_at AS "settledAt", expires_at AS "expiresAt"
           FROM effect
          WHERE (CASE WHEN $1::text IS NULL AND $2::text IS NULL
                      THEN state IN ('planned', 'attempting', 'answered', 'in-doubt') ELSE $1 IS NULL OR state = $1 END)
            AND ($2::text IS NULL OR participant_id = $2)
          ORDER BY position DESC LIMIT $3`,
        [state ?? null, participantId ?? null, limit],
      ),
    'Lists effects: those open or in doubt, or of one state or participant.',
  );

  ops.add(
    'effects.settle',
    z.object({ key: z.string(), as: z.enum(['done', 'again', 'abandoned']), outcome: z.unknown().optional() }),
    async ({ key, as, outcome }) => {
      await dataSource.transaction(async (em) => {
        const [row]: EffectRow[] = await em.query(
          `SELECT * FROM effect WHERE key = $1 AND state = 'in-doubt' FOR UPDATE`,
          [key],
        );
        if (row === undefined) throw notInDoubt();
        if (as === 'again') {
          const sql = `UPDATE effect SET state = 'planned', unknown = false, failures = 0, result = NULL, settled_at = NULL`;
          await em.query(`${sql} WHERE key = $1`, [key]);
          return;
        }
        if (as === 'done') await effects.settle(em, row, { state: 'done', outcome });
        else await effects.settle(em, row, { state: 'refused', error: abandoned() });
        const state = as === 'done' ? 'done' : 'refused';
        await em.query('UPDATE effect SET state = $2, result = $2, settled_at = clock_timestamp() WHERE key = $1', [
          key,
          state,
        ]);
      });
      logger.warn({ effect: key, as }, 'an effect in doubt was settled by a person');
      effects.wake();
      return { key, as };
    },
    'Settles an effect in doubt: done (it happened; outcome as JSON), again (call once more), abandoned (it did not, leave it).',
  );

  ops.add(
    'effects.parked',
    z.object({}),
    () =>
      dataSource.query(
        `SELECT l.participant_id AS "participantId", l.parked_by AS effect, l.parked_code AS code, l.parked_remedy AS remedy,
                l.parked_at AS "parkedAt",
                (SELECT count(*)::int FROM effect e WHERE e.participant_id = l.participant_id
                    AND e.state IN ('planned', 'attempting', 'answered')) AS waiting
           FROM effect_lane l WHERE l.parked_at IS NOT NULL ORDER BY l.parked_at LIMIT 1000`,
      ),
    'Lists participants whose effects wait behind a refused one, and why.',
  );

  ops.add(
    'effects.release',
    z.object({ participantId: z.string() }),
    async ({ participantId }) => {
      await dataSource.transaction((em) => effects.unpark(em, participantId));
      effects.wake();
      return { participantId };
    },
    'Lets the effects of a parked participant go on; the refused one stays refused.',
  );
}

function notInDoubt(): StudybridgeError {
  return new StudybridgeError('There is no such effect in doubt.', {
    code: 'NOT_IN_DOUBT',
    errorClass: 'participant',
    remedy: 'See `ops effects.list`.',
  });
}

function abandoned(): StudybridgeError {
  return new StudybridgeError('A person decided that the effect did not happen and stays undone.', {
    code: 'EFFECT_ABANDONED',
    errorClass: 'participant',
    remedy: 'Nothing to do.',
  });
}
