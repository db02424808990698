import { errorClassOf, StudybridgeError, type ErrorClass } from '@studybridge/contracts';
import { shownDatabase } from './database-url';

/** The code of a `pg`, network or TypeORM error, if it has one. */
export function databaseCodeOf(error: unknown): string | undefined {
  const outer = error as { code?: unknown; driverError?: { code?: unknown }; errors?: { code?: unknown }[] } | null;
  const code = outer?.driverError?.code ?? outer?.code ?? outer?.errors?.[0]?.code;
  return typeof code === 'string' ? code : undefined;
}

/** SQLSTATE classes and codes that say: the database is away, full or busy, or two transactions met. */
const passing = /^(08|53|57P|58)|^(40001|40P01|55P03|57014|25P03)$/;
const network = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'ECONNABORTED',
  'EPIPE',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'ENOTFOUND',
  'EAI_AGAIN',
]);
/** What `pg` and TypeORM say without any code. */
const wayLost =
  /Connection terminated|connection timeout|timeout expired|timeout exceeded when trying to connect|Client has encountered a connection error|is not queryable|not connected|Connection ended|already released/i;

/** Whether an error of the database or of the way to it passes by itself: nothing is wrong with what was asked, and it may succeed later. */
export function isPassingDatabaseError(error: unknown): boolean {
  const code = databaseCodeOf(error);
  if (code !== undefined && (network.has(code) || passing.test(code))) return true;
  return error instanceof Error && wayLost.test(error.message);
}

/** The class of what a handler or a call threw, with a database that is away, full or busy counted as a dependency. */
export function classOf(error: unknown): ErrorClass {
  return isPassingDatabaseError(error) ? 'dependency' : errorClassOf(error);
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
  if (isPassingDatabaseError(error)) {
    const sentence = `PostgreSQL at ${where} cannot be reached${code === '' ? '' : ` (${code})`}.`;
    return databaseError('DATABASE_UNREACHABLE', sentence, 'Start it, or correct DATABASE_URL.', 'dependency');
  }
  const sentence = `The database ${where} cannot be used${code === '' ? '' : ` (PostgreSQL says ${code})`}.`;
  return databaseError('DATABASE_UNUSABLE', sentence, 'Look at the PostgreSQL log.', 'dependency', error);
}
