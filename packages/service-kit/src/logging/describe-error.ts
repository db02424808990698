import { StudybridgeError } from '@studybridge/contracts';
import { scrubText } from './scrub-text';

/** What may be said of an error in a log, a record or an answer. */
export interface DescribedError {
  name: string;
  code?: string;
  class?: string;
  message?: string;
  remedy?: string;
  /** HTTP status of the other side's answer. */
  status?: number;
  /** PostgreSQL: what was violated. */
  constraint?: string;
  table?: string;
  /** Places in the code, without the message. */
  at?: string[];
  cause?: DescribedError;
}

const frame = /^\s+at [^\n]*:\d+:\d+\)?$/;

function framesOf(error: Error): string[] {
  return (error.stack ?? '')
    .split('\n')
    .filter((line) => frame.test(line))
    .slice(0, 8)
    .map((line) => line.trim());
}

function word(value: unknown): string | undefined {
  return typeof value === 'string' && /^[\w.-]{1,64}$/.test(value) ? value : undefined;
}

/**
 * Ours: code, class, message, remedy. Anybody else's: its name, its code and where it was thrown, never its message, since
 * PostgreSQL puts values into `detail`, and HTTP clients carry headers, addresses and bodies (law 9).
 */
export function describeError(error: unknown, depth = 0): DescribedError {
  if (!(error instanceof Error)) return { name: typeof error };
  const cause = error.cause instanceof Error && depth < 4 ? { cause: describeError(error.cause, depth + 1) } : {};
  if (error instanceof StudybridgeError) {
    return {
      name: error.name,
      code: error.code,
      class: error.errorClass,
      message: scrubText(error.message),
      remedy: scrubText(error.remedy),
      ...(error.errorClass === 'bug' ? { at: framesOf(error) } : {}),
      ...cause,
    };
  }
  const foreign = error as Error & Record<string, unknown>;
  const driver = (foreign['driverError'] ?? foreign) as Record<string, unknown>;
  const response = foreign['response'] as { status?: unknown } | undefined;
  const described: DescribedError = { name: word(error.name) ?? 'Error' };
  const code = word(foreign['code']) ?? word(driver['code']);
  if (code !== undefined) described.code = code;
  if (typeof response?.status === 'number') described.status = response.status;
  const constraint = word(driver['constraint']);
  if (constraint !== undefined) described.constraint = constraint;
  const table = word(driver['table']);
  if (table !== undefined) described.table = table;
  return { ...described, at: framesOf(error), ...cause };
}
