import type { Request, Response, Router } from 'express';
import { html, type Html } from '../../world/html';
import type { Project, SurveyPlace } from '../project';
import { keepFile } from '../files/field-files';
import { BodyRoom } from '../http/read-body';
import { readRequest, RequestRefused } from '../http/read-request';
import type { FilePart, Params } from '../params';
import { StaffActionError } from '../records/save-record';
import { checkValue } from '../records/validate-value';
import { answerSurvey } from './answer-survey';
import { hiddenFields } from './branching';
import { fillable, surveyForm, surveyPage, type SurveyView } from './survey-page';
import { findQueue, findSurvey, linkCode, responseStatus, surveysOf } from './surveys';

/** Where surveys are answered: below the folder of the API, and at the top for who names another public address. */
const paths = ['/redcap/surveys/', '/surveys/'];

/** What the survey pages ask of their server. */
export interface SurveyServer {
  projects(): Iterable<Project>;
  /** Wall time of the server. */
  now(): string;
  changed(): void;
  /** The next id of a stored file. */
  docId(): number;
}

/** Largest body of a survey's page, files included, and how much of such bodies is held at a time. */
const largestBody = 16 * 1024 * 1024;
const room = new BodyRoom(4 * largestBody);

const text = (value: unknown): string => (typeof value === 'string' ? value : '');

function send(response: Response, page: Html, status = 200): void {
  response.status(status).type('html').send(page.text);
}

function find(server: SurveyServer, code: string): { project: Project; place: SurveyPlace } | null {
  for (const project of server.projects()) {
    const place = findSurvey(project, code);
    if (place !== null) return { project, place };
  }
  return null;
}

function viewOf(project: Project, place: SurveyPlace, now: string): SurveyView {
  const { codebook } = project;
  const form = codebook.formIndex.get(place.form)!;
  const event = codebook.eventByName.get(place.event)!;
  const asForm = codebook.repeatsAsForm(event, form);
  const row = project.data.get(place.record)?.row(event, asForm ? form : -1, place.instance);
  return { place, form, row, hidden: hiddenFields(project, place, {}, now), complaints: [] };
}

const unknown = (): Html =>
  surveyPage('Survey', [html`<p>The survey link is not valid. Please check the address you were sent.</p>`]);
const done = (title: string): Html => surveyPage(title, [html`<p>Thank you for your interest.</p>`]);

function show(server: SurveyServer, request: Request, response: Response): void {
  const queue = text(request.query['sq']);
  if (queue !== '') {
    for (const project of server.projects()) {
      const record = findQueue(project, queue);
      if (record === null) continue;
      const states = ['Begin survey', 'Continue', 'Completed'];
      const rows = surveysOf(project, record).map((place) => {
        const link = html`<a href="?s=${linkCode(project, place)}">${place.form}</a>`;
        const numbered = place.instance > 0 ? ` #${place.instance}` : '';
        return html`<li>${link} ${place.event}${numbered}: ${states[responseStatus(project, place)]}</li>`;
      });
      return send(
        response,
        surveyPage('Your survey queue', [
          html`<ul>
            ${rows}
          </ul>`,
        ]),
      );
    }
    return send(response, unknown(), 404);
  }
  const code = text(request.query['s']);
  if (code === '') {
    const ask = html`<form method="post">
      <label>Survey access code <input name="code" /></label> <button>Begin</button>
    </form>`;
    return send(response, surveyPage('Survey', [ask]));
  }
  const found = find(server, code);
  if (found === null) return send(response, unknown(), 404);
  if (responseStatus(found.project, found.place) === 2) {
    return send(response, done('You have already completed the survey'));
  }
  return send(response, surveyForm(found.project, viewOf(found.project, found.place, server.now())));
}

/** What was entered, by export name; an unchecked option is told by a `0`. */
function enteredIn(project: Project, form: number, params: Params): Record<string, string> {
  return Object.fromEntries(
    fillable(project, form).map((column) => {
      const entered = params.get(column.name).trim();
      return [column.name, column.kind === 'checkbox' && entered === '' ? '0' : entered];
    }),
  );
}

/** Values to store, files to keep by field, and what is wrong with them. What is hidden is neither asked for nor stored. */
function read(project: Project, view: SurveyView, entered: Record<string, string>, params: Params, complete: boolean) {
  const { codebook, design } = project;
  const values: Record<string, string> = {};
  const complaints: string[] = [];
  const answered = new Set<string>();
  for (const column of fillable(project, view.form)) {
    const value = view.hidden.has(column.fieldName) ? '' : entered[column.name]!;
    values[column.name] = column.kind === 'checkbox' && value === '' ? '0' : value;
    if (value === '' || (column.kind === 'checkbox' && value === '0')) continue;
    answered.add(column.fieldName);
    const checked = checkValue(codebook, column, value, 'YMD');
    if ('message' in checked) complaints.push(`${column.field?.label ?? column.name}: ${checked.message}`);
  }
  const files = new Map<string, FilePart>();
  for (const column of codebook.columnsOfForm[view.form]!) {
    if (column.kind !== 'file' || view.hidden.has(column.name)) continue;
    const part = params.files.get(column.name);
    // A browser sends a part without a name where no file was chosen.
    if (part !== undefined && part.name !== '') files.set(column.name, part);
    if (files.has(column.name) || view.row?.get(column) !== undefined) answered.add(column.fieldName);
  }
  const form = codebook.form(view.form).name;
  for (const field of design.fields) {
    if (!complete || field.form !== form || !field.required || view.hidden.has(field.name)) continue;
    if (field.type === 'calc' || field.type === 'descriptive' || field.name === design.recordIdField) continue;
    if (!answered.has(field.name)) complaints.push(`${field.label}: please answer.`);
  }
  return { values, files, complaints };
}

async function take(server: SurveyServer, request: Request, response: Response): Promise<void> {
  let params: Params;
  try {
    ({ params } = await readRequest(request, { limit: largestBody, room }));
  } catch (error) {
    if (!(error instanceof RequestRefused)) throw error;
    return send(response, surveyPage('Survey', [html`<p>${error.refusal.message}</p>`]), error.refusal.status);
  }
  const code = text(request.query['s']);
  if (code === '') {
    const opened = find(server, params.get('code').trim().toUpperCase());
    if (opened === null) return send(response, unknown(), 404);
    return response.redirect(303, `?s=${linkCode(opened.project, opened.place)}`);
  }
  const found = find(server, code);
  if (found === null) return send(response, unknown(), 404);
  const { project, place } = found;
  if (responseStatus(project, place) === 2) return send(response, done('You have already completed the survey'));
  const complete = !params.sent('save-survey');
  const now = server.now();
  const view = viewOf(project, place, now);
  const entered = enteredIn(project, view.form, params);
  const hidden = hiddenFields(project, place, entered, now);
  if (params.sent('look')) return void response.json({ hidden: [...hidden] });
  const { values, files, complaints } = read(project, { ...view, hidden }, entered, params, complete);
  if (complaints.length > 0) return send(response, surveyForm(project, { ...view, hidden, entered, complaints }));
  const { record, event, form: instrument, instance } = place;
  const kept = [...files].map(([field, part]) => ({ field, id: String(keepFile(project, part, server.docId).id) }));
  const before = kept.map(({ field }) => view.row?.get(project.codebook.columnByName.get(field)!));
  for (const { field, id } of kept) values[field] = id;
  try {
    const answer = { record, event, instrument, instance: Math.max(1, instance), values, complete };
    if (answerSurvey(project, answer, now)) server.changed();
  } catch (error) {
    for (const { id } of kept) project.files.delete(id);
    if (!(error instanceof StaffActionError)) throw error;
    return send(response, surveyPage('Survey', [html`<p>${error.message}</p>`]), 400);
  }
  for (const id of before) if (id !== undefined) project.files.delete(id);
  return send(response, done(complete ? 'Thank you for taking the survey' : 'Your answers were saved'));
}

/** The pages that survey links lead to (§2.20): fill in, submit, and the survey is completed. */
export function mountSurveys(router: Router, server: SurveyServer): void {
  router.get(paths, (request, response) => show(server, request, response));
  router.post(paths, (request, response, next) => {
    take(server, request, response).catch(next);
  });
}
