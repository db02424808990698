import { ApiError } from '../api-error';
import { messages } from '../messages';
import type { User } from '../model';
import type { Params } from '../params';
import type { StoredRecord } from '../data-store';
import type { Project, SurveyPlace } from '../project';
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

type Code = 'link' | 'access' | 'return';
const codeLengths: Record<Code, number> = { link: 16, access: 9, return: 8 };

/** A survey's code: derived from where it leads, so it never changes. */
function codeAt(project: Project, kind: Code, place: SurveyPlace): string {
  const { record, event, form, instance } = place;
  const code = codeOf(codeLengths[kind], kind, project.id, record, event, form, instance);
  if (kind !== 'return') project.surveyPlaces.set(code, place);
  return code;
}

function placeAsked(project: Project, params: Params, user: User): SurveyPlace {
  // Whose survey it is comes first (§1.8).
  recordNamed(project, params.get('record'), user);
  const form = surveyNamed(project, params.get('instrument'));
  const { record, event, instance } = locate(project, params, form, user);
  return { record: record.id, event: event.uniqueName, form: project.codebook.form(form).name, instance };
}

/** Where in a survey site a code leads. */
const surveyAddress = (base: string, code: string): string => `${base}/surveys/?s=${code}`;

/** The address of a survey for a record (§2.20). Throws REDCap's refusals. */
export function surveyLink(project: Project, params: Params, user: User, base: string): string {
  return surveyAddress(base, codeAt(project, 'link', placeAsked(project, params, user)));
}

/** The nine characters that open the same survey without its link (§2.20). */
export function surveyAccessCode(project: Project, params: Params, user: User): string {
  return codeAt(project, 'access', placeAsked(project, params, user));
}

/** The eight characters with which a participant comes back to a survey begun (§2.20). */
export function surveyReturnCode(project: Project, params: Params, user: User): string {
  return codeAt(project, 'return', placeAsked(project, params, user));
}

/** Every survey of a record that there can be a link to: designated ones, each instance and the one after the last. */
export function surveysOf(project: Project, record: StoredRecord): SurveyPlace[] {
  const { codebook, design } = project;
  const places: SurveyPlace[] = [];
  for (const event of codebook.events) {
    if (!codebook.isShown(event) || !record.inArm(event.arm)) continue;
    design.forms.forEach((form, index) => {
      if (form.survey === undefined || !codebook.isDesignated(event, index)) return;
      const asForm = codebook.repeatsAsForm(event, index);
      const place = { record: record.id, event: event.uniqueName, form: form.name };
      if (!asForm && !codebook.repeatsAsEvent(event)) return void places.push({ ...place, instance: 0 });
      const own = record.rows.filter((row) => row.event === event && row.form === (asForm ? index : -1));
      const last = own.reduce((most, row) => Math.max(most, row.instance), 0);
      for (let instance = 1; instance <= last + 1; instance += 1) places.push({ ...place, instance });
    });
  }
  return places;
}

/** The survey a link's or an access code leads to; null when there is none, or its record is gone. */
export function findSurvey(project: Project, code: string): SurveyPlace | null {
  const kind = code.length === codeLengths.link ? 'link' : code.length === codeLengths.access ? 'access' : null;
  if (kind === null) return null;
  const known = project.surveyPlaces.get(code);
  if (known !== undefined) return project.data.get(known.record) === undefined ? null : known;
  for (const record of project.data.sorted()) {
    const place = surveysOf(project, record).find((candidate) => codeAt(project, kind, candidate) === code);
    if (place !== undefined) return place;
  }
  return null;
}

/** The code of a survey's link. */
export function linkCode(project: Project, place: SurveyPlace): string {
  return codeAt(project, 'link', place);
}

/** The record whose queue of surveys a code opens; null when there is none. */
export function findQueue(project: Project, code: string): StoredRecord | null {
  return project.data.sorted().find((record) => queueCode(project, record.id) === code) ?? null;
}

const queueCode = (project: Project, record: string): string => codeOf(16, 'queue', project.id, record);

/** How far an answer is: 0 not begun, 1 begun, 2 completed (§2.20). */
export function responseStatus(project: Project, place: SurveyPlace): 0 | 1 | 2 {
  const { codebook } = project;
  const event = codebook.eventByName.get(place.event);
  const form = codebook.formIndex.get(place.form);
  const record = project.data.get(place.record);
  if (event === undefined || form === undefined || record === undefined) return 0;
  const row = record.row(event, codebook.repeatsAsForm(event, form) ? form : -1, place.instance);
  const stamp = row?.survey?.timestamps[place.form];
  if (row === undefined || stamp === undefined) return 0;
  const done = stamp !== '[not completed]' && row.get(codebook.columnByName.get(`${place.form}_complete`)!) === '2';
  return done ? 2 : 1;
}

/** The address of a record's queue of surveys (§2.20). */
export function surveyQueueLink(project: Project, params: Params, user: User, base: string): string {
  const record = recordNamed(project, params.get('record'), user);
  if (!project.design.settings.surveysEnabled) throw new ApiError(400, messages.surveysOff);
  return `${base}/surveys/?sq=${queueCode(project, record.id)}`;
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
  const email = codebook.columnByName.get(project.design.settings.surveyEmailField);
  const rows: ListRow[] = [];
  for (const record of project.data.sorted()) {
    if ((user.dag !== '' && record.dag !== user.dag) || !record.inArm(event.arm)) continue;
    const row = record.rows.find((candidate) => candidate.event === event && candidate.holds(form));
    const instance = codebook.repeatsAsForm(event, form) || codebook.repeatsAsEvent(event) ? (row?.instance ?? 1) : 0;
    const place = { record: record.id, event: event.uniqueName, form: name, instance };
    const address = email === undefined ? undefined : record.rows.map((held) => held.get(email)).find(Boolean);
    rows.push({
      email: address ?? '',
      email_occurrence: 1,
      identifier: row?.survey?.identifier ?? '',
      record: record.id,
      invitation_sent_status: 0,
      invitation_send_time: '',
      response_status: responseStatus(project, place),
      survey_access_code: codeAt(project, 'access', place),
      survey_link: surveyAddress(base, codeAt(project, 'link', place)),
    });
  }
  return { rows, style: { root: 'participants', keys: participantKeys } };
}
