import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * The tables of the core. Instants are study time but for those named `real_…` and `next_free_at`. Numbers, addresses and texts
 * stand only in sealed columns; `…_print` are keyed fingerprints, for equality (law 9).
 */
class MessagingTables1700000200000 implements MigrationInterface {
  readonly name = 'MessagingTables1700000200000';

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
        -- Who a reply may come from; two participants may share a phone.
        mobile_print text,
        email_print text
      )`);
    await runner.query(`CREATE INDEX participant_of_binding ON participant (binding)`);
    await runner.query(
      `CREATE INDEX participant_of_mobile ON participant (mobile_print) WHERE mobile_print IS NOT NULL`,
    );
    await runner.query(`
      CREATE TABLE message (
        id uuid PRIMARY KEY,
        position bigserial UNIQUE,
        -- One request is one message; a retry is a row of its own with the next attempt.
        request_id text NOT NULL,
        attempt int NOT NULL DEFAULT 1,
        retry_of uuid REFERENCES message,
        binding text NOT NULL,
        study text NOT NULL,
        participant_id uuid,
        purpose text NOT NULL,
        channel text NOT NULL,
        template text NOT NULL,
        cause text NOT NULL,
        released boolean NOT NULL DEFAULT false,
        correlation_id text NOT NULL,
        -- The run of a campaign that asked, for the cap per run; what the campaign said, without its data.
        run_id text,
        due jsonb,
        data jsonb NOT NULL,
        not_before timestamptz,
        expires_at timestamptz NOT NULL,
        waits_for text,
        state text NOT NULL,
        reason text,
        -- When it is decided upon again by itself; null = not by the passing of time.
        look_at timestamptz,
        -- What was decided last: who sends, in which language.
        sender text,
        language text,
        -- Noted right before the call: number or address and text, sealed, and what they were.
        letter jsonb,
        to_print text,
        body_print text,
        encoding text,
        segments int,
        effect_no int NOT NULL DEFAULT 0,
        planned_at timestamptz NOT NULL,
        dispatched_at timestamptz,
        real_dispatched_at timestamptz,
        -- What the provider said.
        sid text UNIQUE,
        provider_status text,
        error_code text,
        price numeric,
        provider_created_at timestamptz,
        provider_updated_at timestamptz,
        accepted_at timestamptz,
        settled_at timestamptz,
        -- Re-checks by SID, or looks for one in doubt.
        checks int NOT NULL DEFAULT 0,
        check_at timestamptz,
        attention text,
        said jsonb,
        UNIQUE (request_id, attempt)
      ) WITH (fillfactor = 70)`);
    await runner.query(`CREATE INDEX message_to_look_at ON message (binding, look_at) WHERE look_at IS NOT NULL`);
    await runner.query(`CREATE INDEX message_to_check ON message (binding, check_at) WHERE check_at IS NOT NULL`);
    await runner.query(`CREATE INDEX message_of_participant ON message (participant_id, dispatched_at)`);
    await runner.query(`CREATE INDEX message_of_number ON message (to_print, body_print, dispatched_at)`);
    await runner.query(`CREATE INDEX message_of_sender ON message (sender, dispatched_at)`);
    await runner.query(`CREATE INDEX message_of_run ON message (run_id) WHERE run_id IS NOT NULL`);
    await runner.query(`CREATE INDEX message_of_state ON message (study, state)`);
    await runner.query(`CREATE INDEX message_held ON message (reason) WHERE state = 'held'`);
    await runner.query(`CREATE INDEX message_attention ON message (attention) WHERE attention IS NOT NULL`);
    await runner.query(`
      CREATE TABLE message_news (
        position bigserial PRIMARY KEY,
        message_id uuid NOT NULL REFERENCES message,
        -- The same news heard twice is one row.
        dedup text NOT NULL,
        source text NOT NULL,
        status text NOT NULL,
        error_code text,
        heard_at timestamptz NOT NULL,
        -- As it came, without numbers and text.
        raw jsonb NOT NULL,
        UNIQUE (message_id, dedup)
      )`);
    await runner.query(`
      CREATE TABLE sender (
        -- E.164, or the SID of a Messaging Service; an address for mail.
        id text PRIMARY KEY,
        -- Real time: when the next message may leave. Moved inside the transaction that takes one in hand.
        next_free_at timestamptz NOT NULL DEFAULT '-infinity',
        checked_at timestamptz,
        problem text,
        remedy text
      )`);
    await runner.query(`
      -- Real time: what counts under a sender's rate, from its admission until a while after its answer.
      CREATE TABLE turn (
        effect_key text PRIMARY KEY,
        sender text NOT NULL,
        cost_ms float8 NOT NULL,
        answered_at timestamptz
      )`);
    await runner.query(`CREATE INDEX turn_of_sender ON turn (sender, answered_at)`);
    await runner.query(`
      CREATE TABLE sending_switch (
        scope text NOT NULL CHECK (scope IN ('global', 'study', 'sender', 'purpose')),
        -- '' for global; 'study/purpose' for a purpose.
        name text NOT NULL,
        reason text NOT NULL,
        switched_by text NOT NULL,
        note text,
        since timestamptz NOT NULL,
        PRIMARY KEY (scope, name)
      )`);
    await runner.query(`
      CREATE TABLE opt_out (
        position bigserial PRIMARY KEY,
        study text NOT NULL,
        to_print text NOT NULL,
        -- The sender that was told to stop; '' = every sender of the study.
        sender text NOT NULL,
        source text NOT NULL,
        reason text NOT NULL,
        since timestamptz NOT NULL,
        lifted_at timestamptz,
        lifted_by text
      )`);
    await runner.query(
      `CREATE UNIQUE INDEX opt_out_standing ON opt_out (study, to_print, sender, source) WHERE lifted_at IS NULL`,
    );
    await runner.query(`
      CREATE TABLE number_flag (
        study text NOT NULL,
        to_print text NOT NULL,
        reason text NOT NULL,
        error_code text,
        line text,
        since timestamptz NOT NULL,
        PRIMARY KEY (study, to_print)
      )`);
    await runner.query(`
      CREATE TABLE restored (
        position bigserial PRIMARY KEY,
        -- When this database was found to have been put back, and up to where its outbox was the copy's.
        at timestamptz NOT NULL,
        base_position bigint NOT NULL
      )`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(
      'DROP TABLE restored, turn, number_flag, opt_out, sending_switch, sender, message_news, message, participant',
    );
  }
}

/** The core's own migrations, in order. */
export const messagingMigrations = [MessagingTables1700000200000];
