import type { MigrationInterface, QueryRunner } from 'typeorm';

/** What operators are told of the jobs. Instants are study time. */
export class CreateJobTables1700000230000 implements MigrationInterface {
  readonly name = 'CreateJobTables1700000230000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE job_watch (
        service text NOT NULL,
        job text NOT NULL,
        binding text NOT NULL,
        last_ended_at timestamptz NOT NULL,
        failing_since timestamptz,
        failures int NOT NULL DEFAULT 0,
        -- when the next run should begin at the latest, and the instant that was told as missed
        next_due_at timestamptz,
        missed_at timestamptz,
        -- its last news, and the pauses between news before, in seconds
        news_at timestamptz,
        pauses float8[] NOT NULL DEFAULT '{}',
        quiet_told boolean NOT NULL DEFAULT false,
        PRIMARY KEY (service, job, binding)
      )`);
    await runner.query(`
      CREATE TABLE job_run_note (
        run_id uuid PRIMARY KEY,
        service text NOT NULL,
        job text NOT NULL,
        binding text NOT NULL,
        outcome text NOT NULL,
        sentence text NOT NULL,
        late boolean NOT NULL,
        ended_at timestamptz NOT NULL,
        counts jsonb NOT NULL,
        -- what became of its mail; the limit of a day keeps some back
        mail text NOT NULL CHECK (mail IN ('none', 'asked', 'held-back'))
      )`);
    await runner.query(`CREATE INDEX job_run_note_ended ON job_run_note (ended_at)`);
    await runner.query(`
      CREATE TABLE operator_text (
        request_id text PRIMARY KEY,
        phone_print text NOT NULL,
        goes_at timestamptz NOT NULL,
        lines int NOT NULL DEFAULT 1
      )`);
    await runner.query(`CREATE INDEX operator_text_of_phone ON operator_text (phone_print, goes_at)`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE operator_text, job_run_note, job_watch');
  }
}
