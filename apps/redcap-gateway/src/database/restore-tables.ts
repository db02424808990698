import type { MigrationInterface, QueryRunner } from 'typeorm';

/** What a project remembers after the database was put back, until everything was read anew. Instants are study time. */
export class CreateRestoreColumns1800000200000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      -- set: everything is to be read anew as restore; the cursor that the copy held
      ALTER TABLE project ADD restored_at timestamptz, ADD copy_cursor_at timestamptz`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE project DROP restored_at, DROP copy_cursor_at');
  }
}
