import { ApiError } from '../api-error';
import { messages } from '../messages';
import type { User } from '../model';
import type { Params } from '../params';
import type { Project } from '../project';
import { eventNamed, locate, recordNamed } from '../records/locate';
import { codeOf } from '../server-ids';
import type { ListExport } from '../structure/describe-project';
import type { ListRow } from '../structure/write-list';

function surveyNamed(project: Project, name: string): number {
  if (name === '') throw new ApiError(400, messages.parameterMissing('instrument'));
  const form = project.codebook.formIndex.get(name);
  if (form === undefined) throw new ApiError(400, messages.valuesNotValid('instrument', [name]));
  if (project.codebook.form(form).survey === undefined) throw new ApiError(400, messages.notASurvey(name));
  return form;
}

/** A survey of one record at one place: everything that leads to it is derived from this, so it never changes. */
function surveyPlace(project: Project, params: Params, user: User): (string | number)[] {
  const form = surveyNamed(project, params.get('instrument'));
  const spot = locate(project, params, form, user);
  const place = [spot.record.id, spot.event.uniqueName, project.codebook.form(form).name, spot.instance];
  return [project.id, ...place];
}

const link = (base: string, place: readonly (string | number)[]): string =>
  `${base}/surveys/?s=${codeOf(16, 'link', ...place)}`;

/** The address of a survey for a record (§2.20). Throws REDCap's refusals. */
export function surveyLink(project: Project, params: Params, user: User, base: string): string {
  return link(base, surveyPlace(project, params, user));
}

/** The nine characters that open the same survey without its link (§2.20). */
export function surveyAccessCode(project: Project, params: Params, user: User): string {
  return codeOf(9, 'access', ...surveyPlace(project, params, user));
}

/** The eight characters with which a participant comes back to a survey begun (§2.20). */
export function surveyReturnCode(project: Project, params: Params, user: User): string {
  return codeOf(8, 'return', ...surveyPlace(project, params, user));
}

/** The address of a record's queue of surveys (§2.20). */
export function surveyQueueLink(project: Project, params: Params, user: User, base: string): string {
  const record = recordNamed(project, params.get('record'), user);
  if (!project.design.settings.surveysEnabled) throw new ApiError(400, messages.surveysOff);
  return `${base}/surveys/?sq=${codeOf(16, 'queue', project.id, record.id)}`;
}

const participantKeys = [
  'email',
  'email_occurrence',
  'identifier',
  'record',
  'invitation_sent_status',
  'invitation_send_time',
  'response_status',
  'survey_access_code',
  'survey_link',
];

/** Who may answer a survey in an event: every record of its arm, with how far the answer is (§2.20). */
export function participants(project: Project, params: Params, user: User, base: string): ListExport {
  const { codebook } = project;
  const form = surveyNamed(project, params.get('instrument'));
  const event = eventNamed(project, params.get('event'));
  const name = codebook.form(form).name;
  const status = codebook.columnByName.get(`${name}_complete`)!;
  const email = codebook.columnByName.get(project.design.settings.surveyEmailField);
  const rows: ListRow[] = [];
  for (const record of project.data.sorted()) {
    if ((user.dag !== '' && record.dag !== user.dag) || !record.inArm(event.arm)) continue;
    const row = record.rows.find((candidate) => candidate.event === event && candidate.holds(form));
    const instance = codebook.repeatsAsForm(event, form) || codebook.repeatsAsEvent(event) ? (row?.instance ?? 1) : 0;
    const place = [project.id, record.id, event.uniqueName, name, instance];
    const stamp = row?.survey?.timestamps[name];
    const done = row !== undefined && (stamp ?? '[not completed]') !== '[not completed]' && row.get(status) === '2';
    const address = email === undefined ? undefined : record.rows.map((held) => held.get(email)).find(Boolean);
    rows.push({
      email: address ?? '',
      email_occurrence: 1,
      identifier: row?.survey?.identifier ?? '',
      record: record.id,
      invitation_sent_status: 0,
      invitation_send_time: '',
      response_status: done ? 2 : stamp !== undefined ? 1 : 0,
      survey_access_code: codeOf(9, 'access', ...place),
      survey_link: link(base, place),
    });
  }
  return { rows, style: { root: 'participants', keys: participantKeys } };
}
