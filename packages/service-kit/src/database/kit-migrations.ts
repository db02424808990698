import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Leases and jobs, in every service's database. Instants named `*_at` are study time, `real_*` is the server's. */
class KitTables1700000000000 implements MigrationInterface {
  readonly name = 'KitTables1700000000000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE lease (
        name text PRIMARY KEY,
        epoch bigint NOT NULL,
        holder text,
        real_expires_at timestamptz NOT NULL,
        -- A change of the epoch is a change of a key, so it waits for every transaction that asserted the old one
        -- (FOR KEY SHARE), while renewing does not.
        UNIQUE (name, epoch)
      )`);
    await runner.query(`
      CREATE TABLE job (
        name text NOT NULL,
        binding text NOT NULL,
        schedules jsonb NOT NULL,
        is_on boolean NOT NULL,
        paused boolean NOT NULL DEFAULT false,
        next_run_at timestamptz,
        -- When the last successful run began: what happened outside before it was seen.
        seen_until timestamptz,
        -- Failures in a row by a dependency, and the real time of the next early attempt.
        failures int NOT NULL DEFAULT 0,
        real_retry_at timestamptz,
        last_state text,
        last_outcome text,
        PRIMARY KEY (name, binding)
      )`);
    await runner.query(`
      CREATE TABLE job_run (
        id uuid PRIMARY KEY,
        name text NOT NULL,
        binding text NOT NULL,
        kind text NOT NULL,
        state text NOT NULL,
        attempt int NOT NULL DEFAULT 1,
        due_at timestamptz NOT NULL,
        started_at timestamptz,
        finished_at timestamptz,
        dry_run boolean NOT NULL DEFAULT false,
        from_at timestamptz,
        to_at timestamptz,
        counts jsonb NOT NULL DEFAULT '{}',
        log jsonb NOT NULL DEFAULT '[]',
        outcome text,
        error_code text,
        error_class text,
        settings jsonb NOT NULL DEFAULT '{}',
        code_version text NOT NULL DEFAULT '',
        epoch bigint,
        instance text,
        real_created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
        real_started_at timestamptz,
        real_finished_at timestamptz,
        FOREIGN KEY (name, binding) REFERENCES job (name, binding)
      )`);
    await runner.query(`CREATE INDEX job_run_open ON job_run (name, binding) WHERE state IN ('queued', 'running')`);
    await runner.query(`CREATE INDEX job_run_latest ON job_run (name, binding, real_created_at DESC)`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE job_run, job, lease');
  }
}

/** The kit's own migrations, run before those of the service. */
export const kitMigrations = [KitTables1700000000000];
