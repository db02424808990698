import type { MigrationInterface, QueryRunner } from 'typeorm';

/** What came in. Instants are study time; number and text stand only in `sealed` (law 9). */
export class CreateReplyTables1700000220000 implements MigrationInterface {
  readonly name = 'CreateReplyTables1700000220000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE reply (
        sid text PRIMARY KEY,
        binding text NOT NULL,
        study text NOT NULL,
        -- our number that it was sent to
        sender text NOT NULL,
        from_print text NOT NULL,
        -- {from, body}
        sealed jsonb NOT NULL,
        -- of the text alone, so that an echo and a loop are seen
        body_print text NOT NULL,
        media int NOT NULL DEFAULT 0,
        source text NOT NULL CHECK (source IN ('poll', 'webhook')),
        sent_at timestamptz NOT NULL,
        heard_at timestamptz NOT NULL,
        -- null until it was worked on
        kind text,
        participant_ids uuid[] NOT NULL DEFAULT '{}',
        -- the automatic answer: its request, or why there was none
        answer text,
        state text NOT NULL DEFAULT 'new' CHECK (state IN ('new', 'open', 'closed')),
        handled_by text,
        handled_at timestamptz,
        handled_as text,
        note text
      )`);
    await runner.query(`CREATE INDEX reply_new ON reply (sent_at) WHERE state = 'new'`);
    await runner.query(`CREATE INDEX reply_open ON reply (binding, sent_at) WHERE state = 'open'`);
    await runner.query(`CREATE INDEX reply_of_phone ON reply (study, from_print, sender, sent_at)`);
    await runner.query(`
      CREATE TABLE reply_cursor (
        sender text PRIMARY KEY,
        seen_until timestamptz NOT NULL
      )`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE reply_cursor, reply');
  }
}
