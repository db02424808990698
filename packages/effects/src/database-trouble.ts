import { errorClassOf, type ErrorClass } from '@studybridge/contracts';

/** SQLSTATE classes and codes that say: the database is away, full or busy, or two transactions met. Nothing is wrong with the message. */
const passing = /^(08|53|57P|58)|^(40001|40P01|55P03|57014|25P03)$/;
const network = new Set(['ECONNREFUSED', 'ECONNRESET', 'EPIPE', 'ETIMEDOUT', 'ENOTFOUND', 'EAI_AGAIN', 'ECONNABORTED']);

/** Whether an error of the database or of the way to it passes by itself. */
export function isPassingDatabaseError(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const code = (error as { code?: unknown }).code;
  if (typeof code === 'string' && (network.has(code) || passing.test(code))) return true;
  return /Connection terminated|connection timeout|timeout exceeded when trying to connect|Client has encountered a connection error|is not queryable|not connected|Connection ended|Driver not Connected/i.test(
    error.message,
  );
}

/** The class of what a handler threw, with a database that is away, full or busy counted as a dependency. */
export function classOf(error: unknown): ErrorClass {
  return isPassingDatabaseError(error) ? 'dependency' : errorClassOf(error);
}
