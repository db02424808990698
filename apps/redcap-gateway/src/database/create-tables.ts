import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * Tables of redcap-gateway. Instants are study time unless a column's name says `real_`. Identifying values stand only in
 * `snapshot.sealed`, `desired_cell` and `write_batch` envelopes; `snapshot.prints` holds their keyed fingerprints (law 9).
 */
export class CreateGatewayTables1800000000000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE project (
        binding text NOT NULL,
        role text NOT NULL,
        -- what the token opened at first use
        project_id integer,
        title text,
        production boolean,
        checked_at timestamptz,
        version text,
        rights jsonb NOT NULL DEFAULT '{}',
        design_hash text,
        declared_hash text,
        drift jsonb NOT NULL DEFAULT '[]',
        -- {code, errorClass, sentence, remedy, since} while something hinders the whole project
        trouble jsonb,
        baseline_at timestamptz,
        cursor_at timestamptz,
        log_newest text,
        polled_at timestamptz,
        compared_at timestamptz,
        PRIMARY KEY (binding, role)
      );
      -- numbers exports and write-backs in the order they began
      CREATE SEQUENCE read_mark;
      CREATE TABLE participant (
        id uuid PRIMARY KEY,
        binding text NOT NULL,
        role text NOT NULL,
        record_id text NOT NULL,
        incarnation integer NOT NULL,
        presence text NOT NULL CHECK (presence IN ('present', 'deleted', 'in-doubt')),
        -- {kind: 'vanished'|'appeared'|'replaced', other?: uuid}
        doubt jsonb,
        -- false while nothing was ever published of it
        published boolean NOT NULL DEFAULT false,
        read_mark bigint NOT NULL DEFAULT 0,
        first_seen_at timestamptz NOT NULL,
        changed_at timestamptz NOT NULL
      );
      CREATE UNIQUE INDEX participant_record ON participant (binding, role, record_id) WHERE presence <> 'deleted';
      CREATE INDEX participant_number ON participant (binding, role, record_id);
      CREATE TABLE snapshot (
        participant_id uuid NOT NULL REFERENCES participant (id) ON DELETE CASCADE,
        event text NOT NULL,
        instrument text NOT NULL,
        instance integer NOT NULL,
        clear jsonb NOT NULL,
        sealed jsonb,
        prints jsonb NOT NULL DEFAULT '{}',
        PRIMARY KEY (participant_id, event, instrument, instance)
      );
      CREATE TABLE log_seen (
        binding text NOT NULL,
        role text NOT NULL,
        print text NOT NULL,
        times integer NOT NULL,
        wall_time text NOT NULL,
        PRIMARY KEY (binding, role, print)
      );
      CREATE TABLE desired_cell (
        participant_id uuid NOT NULL,
        event text NOT NULL,
        instrument text NOT NULL,
        instance integer NOT NULL,
        field text NOT NULL,
        binding text NOT NULL,
        role text NOT NULL,
        study text NOT NULL,
        owner text NOT NULL,
        -- a JSON string, or an envelope where the field identifies
        value jsonb NOT NULL,
        based_on jsonb NOT NULL,
        last_written jsonb,
        version integer NOT NULL DEFAULT 1,
        state text NOT NULL CHECK (state IN ('wanted', 'attempting', 'applied', 'refused')),
        reason text,
        message text,
        attempts integer NOT NULL DEFAULT 0,
        reasserted boolean NOT NULL DEFAULT false,
        cap_waived boolean NOT NULL DEFAULT false,
        overwrote_at timestamptz,
        cause text NOT NULL,
        correlation_id text NOT NULL,
        requested_at timestamptz NOT NULL,
        written_at timestamptz,
        settled_at timestamptz,
        PRIMARY KEY (participant_id, event, instrument, instance, field)
      );
      CREATE INDEX desired_cell_open ON desired_cell (binding, role, requested_at) WHERE state IN ('wanted', 'attempting');
      CREATE INDEX desired_cell_state ON desired_cell (state, reason);
      CREATE TABLE write_batch (
        id uuid PRIMARY KEY,
        binding text NOT NULL,
        role text NOT NULL,
        epoch bigint NOT NULL,
        state text NOT NULL CHECK (state IN ('attempting', 'settled')),
        cells jsonb NOT NULL,
        records integer NOT NULL,
        started_at timestamptz NOT NULL,
        settled_at timestamptz
      );
      CREATE INDEX write_batch_open ON write_batch (binding, role) WHERE state = 'attempting';
      -- real time: politeness concerns the real server
      CREATE TABLE call_budget (
        address text PRIMARY KEY,
        real_next_at timestamptz NOT NULL,
        real_day date NOT NULL,
        calls bigint NOT NULL
      );
    `);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`
      DROP TABLE call_budget, write_batch, desired_cell, log_seen, snapshot, participant, project;
      DROP SEQUENCE read_mark;
    `);
  }
}

/** Links to surveys that were asked for. The link itself is not kept. */
export class CreateSurveyLinks1800000100000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE survey_link (
        request_id text PRIMARY KEY,
        participant_id uuid NOT NULL,
        binding text NOT NULL,
        role text NOT NULL,
        event text NOT NULL,
        instrument text NOT NULL,
        instance integer NOT NULL,
        cause text NOT NULL,
        correlation_id text NOT NULL,
        -- grows with every question, so that a late answer to an earlier one is told apart
        version integer NOT NULL DEFAULT 1,
        state text NOT NULL CHECK (state IN ('wanted', 'answered')),
        reason text,
        attempts integer NOT NULL DEFAULT 0,
        -- {code, errorClass, sentence, remedy} while something hinders the asking
        trouble jsonb,
        requested_at timestamptz NOT NULL,
        answered_at timestamptz
      );
      CREATE INDEX survey_link_open ON survey_link (binding, role, requested_at) WHERE state = 'wanted';
    `);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE survey_link');
  }
}
