import type { MigrationInterface, QueryRunner } from 'typeorm';

/** What was asked to be written into the studies' SMS logs. Instants are study time. */
export class CreateLogTables1700000240000 implements MigrationInterface {
  readonly name = 'CreateLogTables1700000240000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE log_write (
        request_id text PRIMARY KEY,
        participant_id uuid NOT NULL,
        binding text NOT NULL,
        study text NOT NULL,
        event text NOT NULL,
        -- the instance last asked for; 0 where the log does not repeat
        instance int NOT NULL,
        dispatched_at timestamptz NOT NULL,
        -- the cells' values by what they mean, but the timestamp
        sealed jsonb NOT NULL,
        state text NOT NULL CHECK (state IN ('asked', 'written', 'refused')),
        reason text,
        turns int NOT NULL DEFAULT 0
      )`);
    await runner.query(`CREATE INDEX log_write_of_place ON log_write (participant_id, event, instance)`);
    // Whether the live project repeats the log in an event, where that differs from the study folder.
    await runner.query(`
      CREATE TABLE log_shape (
        binding text NOT NULL,
        event text NOT NULL,
        repeats boolean NOT NULL,
        PRIMARY KEY (binding, event)
      )`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE log_shape, log_write');
  }
}
