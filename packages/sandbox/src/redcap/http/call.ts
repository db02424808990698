import { ApiError } from '../api-error';
import { messages } from '../messages';
import type { User } from '../model';
import type { Params } from '../params';
import type { Project, RightKey } from '../project';
import type { ServerIds } from '../server-ids';
import type { ListExport } from '../structure/describe-project';
import { parseStructure, type SentItem } from '../structure/parse-structure';
import { writeList } from '../structure/write-list';
import { formatted, text, type Answer } from './answer';

/** One call, after its token was found. */
export interface Call {
  project: Project;
  /** The caller, with the rights that count. */
  user: User;
  params: Params;
  /** Wall time of the server. */
  at: string;
  version: string;
  /** Address of the server as participants see it, without a slash at the end. */
  publicUrl: string;
  /** Rows that a scripted fault leaves out of the answer. */
  missingRows: number;
  /** The next id of a kind. */
  nextId(kind: keyof ServerIds): number;
  /** Says that stored data changed. */
  changed(): void;
}

/** A method of the API: everything that one `content` does. */
export type Method = (call: Call) => Answer;

/** Refuses a caller who lacks a right. */
export function need(user: User, right: RightKey, message: string = messages.noApiRights): void {
  if (user.rights[right] === 0) throw new ApiError(403, message);
}

/** Refuses a caller who may not change things through the API, or not these things. */
export function needToChange(call: Call, right?: RightKey): void {
  need(call.user, 'api_import', messages.noImportRights);
  if (right !== undefined) need(call.user, right);
  // Who may only look has 2.
  if (right === 'user_rights' && call.user.rights.user_rights === 2) throw new ApiError(403, messages.noApiRights);
}

/** Writes the call's line of the project's log. */
export function note(call: Call, details: string, action = 'Manage/Design ', record = ''): void {
  call.project.write(call.at, call.user.username, action, details, record);
}

/** What a call asks for: `action` where it is sent, else an import where there is data (§1.1). */
function actionOf(params: Params): string {
  return params.get('action') || (params.sent('data') ? 'import' : 'export');
}

/** A method by its actions; any other action is not implemented. */
export function byAction(actions: Record<string, Method>): Method {
  return (call) => {
    const action = actionOf(call.params);
    if (!Object.hasOwn(actions, action)) throw new ApiError(501, messages.notImplemented);
    return actions[action]!(call);
  };
}

/** Builds a list export from the project. */
export type BuildList = (project: Project, params: Params, user: User, version: string) => ListExport;

/** A list in the asked format, with what a scripted fault leaves out of it. */
export function listAnswer(call: Call, { rows, style }: ListExport): Answer {
  const format = call.params.format();
  if (call.missingRows > 0) {
    rows.splice(Math.max(0, Math.floor((rows.length - call.missingRows) / 2)), call.missingRows);
  }
  return formatted(format, writeList(rows, format, style));
}

/** The export of a list; `details` is what the log says. */
export function listMethod(build: BuildList, details: string, right?: RightKey): Method {
  return (call) => {
    if (right !== undefined) need(call.user, right);
    need(call.user, 'api_export');
    call.params.format();
    const list = build(call.project, call.params, call.user, call.version);
    note(call, details);
    return listAnswer(call, list);
  };
}

/** An import of structure: parses, works, notes, answers the count as plain text (§1.5). */
export function importMethod(
  work: (call: Call, items: SentItem[]) => number,
  details: string,
  right?: RightKey,
): Method {
  return (call) => {
    needToChange(call, right);
    const { params } = call;
    const items = parseStructure(params.get('data'), params.format(), params.delimiter());
    const count = work(call, items);
    note(call, details);
    call.changed();
    return text(String(count));
  };
}

/** A deletion by names in an array parameter: works, notes, answers the count as plain text (§1.5). */
export function deleteMethod(
  parameter: string,
  work: (call: Call, names: string[]) => number,
  details: string,
  right?: RightKey,
): Method {
  return (call) => {
    needToChange(call, right);
    const names = call.params.list(parameter);
    if (names === null) throw new ApiError(400, messages.parameterMissing(parameter));
    const count = work(call, names);
    note(call, details);
    call.changed();
    return text(String(count));
  };
}
