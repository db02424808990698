import type { MigrationInterface, QueryRunner } from 'typeorm';

/** What is watched of the other side, and what we ask of it. */
export class AddMonitoring1800000250000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      ALTER TABLE project
        -- the drift's changes, each {kind, event, instrument, field, stops, touches, sentence}
        ADD COLUMN changes jsonb NOT NULL DEFAULT '[]',
        -- unique event names by REDCap's event id, so that a renamed event is known again
        ADD COLUMN event_ids jsonb NOT NULL DEFAULT '{}',
        -- newest line of the log on design or rights that was looked at: '<server minute>#<lines in that minute>'
        ADD COLUMN design_line text,
        -- something that was stopped came back: everything is to be read once more
        ADD COLUMN reread boolean NOT NULL DEFAULT false,
        -- the token's rights at the last check: {rights, exports, group, expiration}
        ADD COLUMN token_rights jsonb;
      -- what changed on the other side, until a person says that it is known
      CREATE TABLE finding (
        binding text NOT NULL,
        role text NOT NULL,
        code text NOT NULL,
        -- names only: a field, a right, two versions
        what text NOT NULL,
        sentence text NOT NULL,
        times integer NOT NULL DEFAULT 1,
        first_at timestamptz NOT NULL,
        last_at timestamptz NOT NULL,
        acknowledged_at timestamptz,
        PRIMARY KEY (binding, role, code, what)
      );
      -- calls by the server's calendar day, in real time: politeness concerns the real server
      CREATE TABLE call_day (
        binding text NOT NULL,
        role text NOT NULL,
        real_day date NOT NULL,
        content text NOT NULL,
        action text NOT NULL,
        calls bigint NOT NULL,
        failed bigint NOT NULL,
        log_lines bigint NOT NULL,
        PRIMARY KEY (binding, role, real_day, content, action)
      );
    `);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`
      DROP TABLE call_day, finding;
      ALTER TABLE project DROP COLUMN changes, DROP COLUMN event_ids, DROP COLUMN design_line, DROP COLUMN reread,
        DROP COLUMN token_rights;
    `);
  }
}
