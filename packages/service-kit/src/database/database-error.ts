import { StudybridgeError, type ErrorClass } from '@studybridge/contracts';
import { shownDatabase } from './database-url';

/** The code of a `pg`, network or TypeORM error, if it has one. */
export function databaseCodeOf(error: unknown): string | undefined {
  const outer = error as { code?: unknown; driverError?: { code?: unknown }; errors?: { code?: unknown }[] } | null;
  const code = outer?.driverError?.code ?? outer?.code ?? outer?.errors?.[0]?.code;
  return typeof code === 'string' ? code : undefined;
}

/** Whether the database was away, full or had given us up, so that the same attempt may succeed later. */
export function isDatabaseAway(error: unknown): boolean {
  const code = databaseCodeOf(error);
  if (code !== undefined) {
    return /^(08...|57P0[1-5]|25P03|53...|40001|40P01|ECONNREFUSED|ECONNRESET|EPIPE|ETIMEDOUT|EHOSTUNREACH|ENOTFOUND|EAI_AGAIN)$/.test(
      code,
    );
  }
  const message = error instanceof Error ? error.message : '';
  return /^(Connection terminated|timeout expired|timeout exceeded when trying to connect|Client has encountered)/.test(
    message,
  );
}

/** A sentence with a remedy about why a database cannot be used; never its password. */
export function databaseError(code: string, sentence: string, remedy: string, errorClass: ErrorClass, cause?: unknown) {
  return new StudybridgeError(sentence, { code, errorClass, remedy, cause });
}

/** Translates what `pg` throws while connecting. */
export function connectError(url: string, error: unknown): StudybridgeError {
  if (error instanceof StudybridgeError) return error;
  const where = shownDatabase(url);
  const code = databaseCodeOf(error) ?? '';
  if (code === '28P01' || code === '28000') {
    const sentence = `PostgreSQL at ${where} refuses the user or password.`;
    return databaseError('DATABASE_LOGIN', sentence, 'Correct the user and password in DATABASE_URL.', 'setting');
  }
  if (code === '42501') {
    const sentence = `The role in DATABASE_URL may not create or change the database ${where}.`;
    return databaseError(
      'DATABASE_RIGHTS',
      sentence,
      'Let the role create databases, or create the database and make the role its owner.',
      'setting',
    );
  }
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN') {
    const sentence = `The host of the database ${where} is not known.`;
    return databaseError('DATABASE_UNREACHABLE', sentence, 'Correct the host in DATABASE_URL.', 'dependency');
  }
  if (isDatabaseAway(error)) {
    const sentence = `PostgreSQL at ${where} cannot be reached${code === '' ? '' : ` (${code})`}.`;
    return databaseError('DATABASE_UNREACHABLE', sentence, 'Start it, or correct DATABASE_URL.', 'dependency');
  }
  const sentence = `The database ${where} cannot be used${code === '' ? '' : ` (PostgreSQL says ${code})`}.`;
  return databaseError('DATABASE_UNUSABLE', sentence, 'Look at the PostgreSQL log.', 'dependency', error);
}
