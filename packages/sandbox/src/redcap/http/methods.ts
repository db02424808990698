import { ApiError } from '../api-error';
import { messages } from '../messages';
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

/** Finds and runs the method of a call. Throws REDCap's refusals. */
export function runMethod(call: Call): Answer {
  const method = methods.get(call.params.get('content'));
  if (method === undefined) throw new ApiError(400, messages.contentInvalid);
  return method(call);
}
