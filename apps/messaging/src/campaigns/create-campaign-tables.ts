import type { MigrationInterface, QueryRunner } from 'typeorm';

/** What campaigns remember beside the messages themselves. Instants are study time. */
export class CreateCampaignTables1700000210000 implements MigrationInterface {
  readonly name = 'CreateCampaignTables1700000210000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE project_poll (
        binding text NOT NULL,
        project text NOT NULL,
        as_of timestamptz NOT NULL,
        PRIMARY KEY (binding, project)
      )`);
    // How a participant was heard of first: rows as they were then, where they came without acting (law 7).
    await runner.query(`
      CREATE TABLE first_heard (
        participant_id uuid PRIMARY KEY,
        study text NOT NULL,
        cause text NOT NULL,
        rows jsonb,
        sealed jsonb
      )`);
    await runner.query(`
      CREATE TABLE link_request (
        request_id text PRIMARY KEY,
        message_id uuid NOT NULL,
        asked_at timestamptz NOT NULL,
        answered_at timestamptz,
        reason text
      )`);
    await runner.query(`CREATE INDEX link_request_open ON link_request (asked_at) WHERE answered_at IS NULL`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE link_request, first_heard, project_poll');
  }
}
