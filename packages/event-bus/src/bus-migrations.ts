import type { MigrationClass } from '@studybridge/service-kit';
import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * Outbox and inbox. Queue tables are vacuumed early, since every row is updated once; the partial indexes hold only what
 * is still to be done.
 */
class EventBusTables implements MigrationInterface {
  readonly name = 'EventBusTables1764000000001';

  async up(runner: QueryRunner): Promise<void> {
    const queue = 'autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_threshold = 500, fillfactor = 85';
    await runner.query(`
      CREATE TABLE bus_counter (
        topic text NOT NULL, key text NOT NULL, last_seq bigint NOT NULL,
        PRIMARY KEY (topic, key)
      ) WITH (${queue});
      CREATE TABLE bus_outbox (
        position bigserial PRIMARY KEY,
        topic text NOT NULL, key text NOT NULL, seq bigint NOT NULL,
        id uuid NOT NULL, version int NOT NULL, correlation_id text NOT NULL,
        envelope text NOT NULL,
        created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
        published_at timestamptz, held_code text,
        UNIQUE (topic, key, seq)
      ) WITH (${queue});
      CREATE INDEX bus_outbox_unpublished ON bus_outbox (position) WHERE published_at IS NULL;
      CREATE INDEX bus_outbox_held ON bus_outbox (topic, key) WHERE held_code IS NOT NULL;
      CREATE TABLE bus_topic (topic text PRIMARY KEY, held bigint NOT NULL);

      CREATE TABLE bus_inbox_key (
        topic text NOT NULL, key text NOT NULL, last_seq bigint NOT NULL DEFAULT 0,
        attempts int NOT NULL DEFAULT 0, next_attempt_at timestamptz,
        parked_at timestamptz, parked_code text, parked_class text, parked_remedy text,
        PRIMARY KEY (topic, key)
      ) WITH (${queue});
      CREATE INDEX bus_inbox_key_parked ON bus_inbox_key (topic, key) WHERE parked_at IS NOT NULL;
      CREATE TABLE bus_inbox (
        topic text NOT NULL, key text NOT NULL, seq bigint NOT NULL,
        id uuid NOT NULL, position bigserial, value text NOT NULL,
        received_at timestamptz NOT NULL DEFAULT clock_timestamp(), done_at timestamptz,
        PRIMARY KEY (topic, key, seq)
      ) WITH (${queue});
      CREATE INDEX bus_inbox_pending ON bus_inbox (position) WHERE done_at IS NULL;
      CREATE INDEX bus_inbox_pending_of_key ON bus_inbox (topic, key, seq) WHERE done_at IS NULL;
      CREATE TABLE bus_dead_letter (
        position bigserial PRIMARY KEY,
        topic text NOT NULL, key text, seq bigint, message_id text,
        reason text NOT NULL, digest text NOT NULL, value text NOT NULL,
        received_at timestamptz NOT NULL DEFAULT clock_timestamp(),
        UNIQUE (topic, digest)
      );
    `);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(
      'DROP TABLE bus_dead_letter, bus_inbox, bus_inbox_key, bus_topic, bus_outbox, bus_counter CASCADE',
    );
  }
}

/**
 * What is needed to notice that the database was put back to an earlier copy. `bus_restore` holds one row: which database of
 * which running server was checked, and the transaction that wrote the row itself (any copy of rows has another `xmin`).
 * `bus_recovered` takes in what the carrier still holds of what this service said.
 */
class EventBusRestore implements MigrationInterface {
  readonly name = 'EventBusRestore1764000000003';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE bus_restore (
        one boolean PRIMARY KEY DEFAULT true CHECK (one),
        state text NOT NULL CHECK (state IN ('restored', 'recovered', 'clear')),
        checked_database text NOT NULL, checked_server text NOT NULL, written_by bigint NOT NULL,
        base_position bigint NOT NULL DEFAULT 0,
        why text, restored_at timestamptz, recovered_at timestamptz, cleared_at timestamptz
      );
      CREATE UNLOGGED TABLE bus_recovered (
        position bigserial PRIMARY KEY,
        topic text NOT NULL, key text NOT NULL, seq bigint NOT NULL, id uuid NOT NULL,
        version int NOT NULL, correlation_id text NOT NULL, envelope text NOT NULL,
        UNIQUE (topic, key, seq)
      );
    `);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE bus_recovered, bus_restore');
  }
}

/** The tables of outbox and inbox; every app lists them in its `ServiceDefinition.migrations`. */
export const eventBusMigrations: MigrationClass[] = [EventBusTables, EventBusRestore];
