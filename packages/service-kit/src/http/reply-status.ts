import type { StudybridgeError } from '@studybridge/contracts';

const byCode: Record<string, number> = {
  UNKNOWN_COMMAND: 404,
  UNKNOWN_JOB: 404,
  BAD_ARGUMENTS: 400,
  AMBIGUOUS_JOB: 400,
  UNAUTHORIZED: 401,
  FORBIDDEN: 403,
};
const byClass = { participant: 422, dependency: 503, setting: 503, bug: 500 };

/** The HTTP status that fits an error of ours. */
export function replyStatus(error: StudybridgeError): number {
  return byCode[error.code] ?? byClass[error.errorClass];
}
