import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * The service's tables. Instants are study time but for `real_seen_at`. Identifying fields stand only in
 * `participant.sealed` (law 9).
 */
class AgileHealthTables1700000100000 implements MigrationInterface {
  readonly name = 'AgileHealthTables1700000100000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE participant (
        participant_id uuid PRIMARY KEY,
        binding text NOT NULL,
        study text NOT NULL,
        record_id text NOT NULL,
        incarnation int NOT NULL,
        presence text NOT NULL,
        cause text NOT NULL,
        correlation_id text NOT NULL,
        as_of timestamptz NOT NULL,
        rows jsonb NOT NULL,
        sealed jsonb NOT NULL,
        -- Law 7: whether the last cause may act by itself; whether a person released the family; whether a baseline held it.
        acts boolean NOT NULL,
        released boolean NOT NULL DEFAULT false,
        baseline_hold boolean NOT NULL DEFAULT false,
        adoption text NOT NULL DEFAULT 'none',
        -- What was decided.
        consented boolean NOT NULL DEFAULT false,
        held text,
        attention text[] NOT NULL DEFAULT '{}',
        wanted jsonb NOT NULL DEFAULT '{}',
        -- Effects given out: how many of each kind, and the content of the open one.
        adopt_no int NOT NULL DEFAULT 0,
        enrol_no int NOT NULL DEFAULT 0,
        enrol_open text,
        update_no int NOT NULL DEFAULT 0,
        update_open text,
        arm_no int NOT NULL DEFAULT 0,
        arm_open text,
        withdraw_no int NOT NULL DEFAULT 0,
        withdraw_open text,
        refusal jsonb,
        said jsonb
      )`);
    await runner.query(`CREATE INDEX participant_binding ON participant (binding)`);
    await runner.query(`
      CREATE TABLE member (
        participant_id uuid PRIMARY KEY REFERENCES participant,
        binding text NOT NULL,
        member_id text NOT NULL,
        version int,
        status text NOT NULL,
        status_at timestamptz NOT NULL,
        move_allowed boolean NOT NULL,
        opt_in_at timestamptz,
        opt_out_at timestamptz,
        arm text,
        arm_sent_at timestamptz,
        sent_hash text,
        real_seen_at timestamptz NOT NULL
      )`);
    await runner.query(`CREATE INDEX member_status ON member (binding, status)`);
    await runner.query(`
      CREATE TABLE cell (
        participant_id uuid NOT NULL REFERENCES participant,
        field text NOT NULL,
        -- What REDCap holds as far as we know; what was asked for and is not settled.
        known text NOT NULL DEFAULT '',
        asked text,
        settled_at timestamptz,
        -- Refusals in a row of the value that was last asked for, and why.
        refused_value text,
        refused_reason text,
        refusals int NOT NULL DEFAULT 0,
        overwrites int NOT NULL DEFAULT 0,
        PRIMARY KEY (participant_id, field)
      )`);
    await runner.query(`
      CREATE TABLE status_poll (
        binding text PRIMARY KEY,
        -- When the last two polls began.
        seen_until timestamptz NOT NULL,
        seen_before timestamptz NOT NULL
      )`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE status_poll, cell, member, participant');
  }
}

/** What may not go out by itself, and how the three sides differed at the last comparison. */
class AgileHealthDifferences1700000200000 implements MigrationInterface {
  readonly name = 'AgileHealthDifferences1700000200000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      ALTER TABLE participant ADD held_details text, ADD held_arm text, ADD hold_cause text, ADD details_hash text`);
    await runner.query(`
      CREATE TABLE difference (
        binding text NOT NULL,
        participant_id uuid NOT NULL,
        kind text NOT NULL,
        cause text NOT NULL,
        -- Names only.
        fields text[] NOT NULL DEFAULT '{}',
        since timestamptz NOT NULL,
        seen_at timestamptz NOT NULL,
        PRIMARY KEY (participant_id, kind)
      )`);
    await runner.query('CREATE INDEX difference_binding ON difference (binding, kind)');
    await runner.query(`
      CREATE TABLE stranger (
        binding text NOT NULL,
        member_id text NOT NULL,
        since timestamptz NOT NULL,
        PRIMARY KEY (binding, member_id)
      )`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE stranger, difference');
    await runner.query('ALTER TABLE participant DROP held_details, DROP held_arm, DROP hold_cause, DROP details_hash');
  }
}

/** What a person knows of in the partner's answers. */
class AgileHealthShapes1700000300000 implements MigrationInterface {
  readonly name = 'AgileHealthShapes1700000300000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE acknowledged_shape (
        -- Of a field or a list of codes, never a value.
        name text PRIMARY KEY,
        acknowledged_at timestamptz NOT NULL DEFAULT now()
      )`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE acknowledged_shape');
  }
}

/** Who could not be decided upon while both sides were compared after the database was put back. */
class AgileHealthUndecided1700000400000 implements MigrationInterface {
  readonly name = 'AgileHealthUndecided1700000400000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE participant ADD undecided boolean NOT NULL DEFAULT false');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE participant DROP undecided');
  }
}

/** The service's own migrations, in order. */
export const agileHealthMigrations = [
  AgileHealthTables1700000100000,
  AgileHealthDifferences1700000200000,
  AgileHealthShapes1700000300000,
  AgileHealthUndecided1700000400000,
];
