import type { MigrationClass } from '@studybridge/service-kit';
import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * The ledger. `unknown` is true from the moment a call may have been made until its outcome is noted; `owner` and `epoch` are
 * the lease of the process that has the effect in hand. `expires_at` is study time, everything else real time.
 */
class EffectsTables implements MigrationInterface {
  readonly name = 'EffectsTables1764000000002';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE effect (
        key text PRIMARY KEY,
        position bigserial UNIQUE,
        kind text NOT NULL, participant_id text NOT NULL, binding text NOT NULL, study text NOT NULL,
        stops boolean NOT NULL, cause text NOT NULL, correlation_id text NOT NULL,
        body text NOT NULL, expires_at timestamptz,
        state text NOT NULL DEFAULT 'planned' CHECK (state IN
          ('planned', 'attempting', 'answered', 'done', 'refused', 'in-doubt', 'expired', 'cancelled')),
        unknown boolean NOT NULL DEFAULT false,
        owner text, epoch bigint,
        attempts int NOT NULL DEFAULT 0, failures int NOT NULL DEFAULT 0, next_attempt_at timestamptz,
        result text, outcome text, error_code text, error_class text, error_message text, error_remedy text,
        planned_at timestamptz NOT NULL DEFAULT clock_timestamp(), attempted_at timestamptz, settled_at timestamptz
      ) WITH (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.05);
      CREATE INDEX effect_open ON effect (position) WHERE state IN ('planned', 'attempting', 'answered');
      CREATE INDEX effect_open_of_participant ON effect (participant_id, position)
        WHERE state IN ('planned', 'attempting', 'answered');
      CREATE INDEX effect_in_hand ON effect (participant_id) WHERE owner IS NOT NULL;
      CREATE INDEX effect_in_doubt ON effect (position) WHERE state = 'in-doubt';
      CREATE TABLE effect_lane (
        participant_id text PRIMARY KEY,
        parked_at timestamptz, parked_by text, parked_code text, parked_remedy text
      );
      CREATE INDEX effect_lane_parked ON effect_lane (participant_id) WHERE parked_at IS NOT NULL;
    `);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE effect, effect_lane');
  }
}

/**
 * `pace` names what an effect has to share its rate with, e.g. a sender: while that is not free, nothing of it is taken in hand.
 * The index gives the next ones without a look at all that wait.
 */
class EffectsPace implements MigrationInterface {
  readonly name = 'EffectsPace1764000000003';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      ALTER TABLE effect ADD COLUMN pace text;
      CREATE INDEX effect_turn ON effect (stops DESC, position)
        WHERE owner IS NULL AND state IN ('planned', 'attempting', 'answered');
    `);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP INDEX effect_turn; ALTER TABLE effect DROP COLUMN pace');
  }
}

/** The tables of the ledger; every app that acts outside lists them in its `ServiceDefinition.migrations`. */
export const effectsMigrations: MigrationClass[] = [EffectsTables, EffectsPace];
