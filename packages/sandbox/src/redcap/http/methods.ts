import { ApiError } from '../api-error';
import { messages } from '../messages';
import { atLeast } from '../version';
import type { Answer } from './answer';
import type { Call, Method } from './call';
import { fileMethods } from './file-methods';
import { recordMethods } from './record-methods';
import { structureMethods } from './structure-methods';
import { surveyMethods } from './survey-methods';

/** Every `content` that answers to a project's token, by name. */
const methods = new Map<string, Method>(
  Object.entries({ ...recordMethods, ...structureMethods, ...fileMethods, ...surveyMethods }),
);

/** Since which version a server knows a content (§9); older ones say that it is not implemented (§1.3). */
const since: Record<string, string> = { fileRepository: '13.0.0', userRole: '12.0.0', userRoleMapping: '12.0.0' };

/** Finds and runs the method of a call. Throws REDCap's refusals. */
export function runMethod(call: Call): Answer {
  const method = methods.get(call.params.get('content'));
  if (method === undefined) throw new ApiError(400, messages.contentInvalid);
  const from = since[call.params.get('content')];
  if (from !== undefined && !atLeast(call.version, from)) throw new ApiError(501, messages.notImplemented);
  return method(call);
}
