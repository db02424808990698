import type { ReasonCode } from './reasons';

/**
 * Whom an error concerns, which decides what waits:
 * `participant`: only this participant is parked; `dependency` and `setting`: the binding pauses and heals by itself;
 * `bug`: ours, a few attempts, then the participant is parked and the operator told.
 */
export type ErrorClass = 'participant' | 'dependency' | 'setting' | 'bug';

/** What an error of ours says beside its message. */
export interface StudybridgeErrorOptions {
  /** A stable word for machines; a `ReasonCode` where staff meet it. */
  code: ReasonCode | (string & {});
  errorClass: ErrorClass;
  /** What the reader should do now, one sentence. */
  remedy: string;
  /** Seconds after which another attempt is useful, when the other side said so. */
  retryAfterSeconds?: number;
  cause?: unknown;
}

/** Base of every error of ours. Its message and fields hold no participant data and no secret (laws 5 and 9). */
export class StudybridgeError extends Error {
  readonly code: string;
  readonly errorClass: ErrorClass;
  readonly remedy: string;
  readonly retryAfterSeconds?: number;

  constructor(message: string, options: StudybridgeErrorOptions) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = new.target.name;
    this.code = options.code;
    this.errorClass = options.errorClass;
    this.remedy = options.remedy;
    this.retryAfterSeconds = options.retryAfterSeconds;
  }

  /** Whether the same attempt may succeed later without a person's help. */
  get retryable(): boolean {
    return this.errorClass === 'dependency' || this.errorClass === 'setting';
  }
}

/** The class of any thrown value; whatever is not ours counts as a bug. */
export function errorClassOf(error: unknown): ErrorClass {
  return error instanceof StudybridgeError ? error.errorClass : 'bug';
}
