import express, { type Request, type Response, type Router } from 'express';
import { html, type Html } from '../../world/html';
import type { Project, SurveyPlace } from '../project';
import { StaffActionError } from '../records/save-record';
import { checkValue } from '../records/validate-value';
import { answerSurvey } from './answer-survey';
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
}

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

function viewOf(project: Project, place: SurveyPlace): SurveyView {
  const { codebook } = project;
  const form = codebook.formIndex.get(place.form)!;
  const event = codebook.eventByName.get(place.event)!;
  const asForm = codebook.repeatsAsForm(event, form);
  const row = project.data.get(place.record)?.row(event, asForm ? form : -1, place.instance);
  return { place, form, row, complaints: [] };
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
  return send(response, surveyForm(found.project, viewOf(found.project, found.place)));
}

/** What was entered, as values to store, and what is wrong with it. */
function read(project: Project, view: SurveyView, body: Record<string, unknown>, complete: boolean) {
  const values: Record<string, string> = {};
  const complaints: string[] = [];
  const answered = new Set<string>();
  for (const column of fillable(project, view.form)) {
    const entered = text(body[column.name]).trim();
    const value = column.kind === 'checkbox' && entered === '' ? '0' : entered;
    values[column.name] = value;
    if (entered === '') continue;
    answered.add(column.fieldName);
    const checked = checkValue(project.codebook, column, value, 'YMD');
    if ('message' in checked) complaints.push(`${column.field?.label ?? column.name}: ${checked.message}`);
  }
  const form = project.codebook.form(view.form).name;
  for (const field of project.design.fields) {
    if (!complete || field.form !== form || !field.required || field.branchingLogic !== '') continue;
    if (field.type === 'file' || field.type === 'calc' || field.name === project.design.recordIdField) continue;
    if (field.type !== 'descriptive' && !answered.has(field.name)) complaints.push(`${field.label}: please answer.`);
  }
  return { values, complaints };
}

function take(server: SurveyServer, request: Request, response: Response): void {
  const body = (request.body ?? {}) as Record<string, unknown>;
  const code = text(request.query['s']);
  if (code === '') {
    const opened = find(server, text(body['code']).trim().toUpperCase());
    if (opened === null) return send(response, unknown(), 404);
    return response.redirect(303, `?s=${linkCode(opened.project, opened.place)}`);
  }
  const found = find(server, code);
  if (found === null) return send(response, unknown(), 404);
  const { project, place } = found;
  if (responseStatus(project, place) === 2) return send(response, done('You have already completed the survey'));
  const complete = body['save-survey'] === undefined;
  const view = viewOf(project, place);
  const { values, complaints } = read(project, view, body, complete);
  if (complaints.length > 0) return send(response, surveyForm(project, { ...view, entered: values, complaints }));
  const { record, event, form: instrument, instance } = place;
  try {
    const answer = { record, event, instrument, instance: Math.max(1, instance), values, complete };
    if (answerSurvey(project, answer, server.now())) server.changed();
  } catch (error) {
    if (!(error instanceof StaffActionError)) throw error;
    return send(response, surveyPage('Survey', [html`<p>${error.message}</p>`]), 400);
  }
  return send(response, done(complete ? 'Thank you for taking the survey' : 'Your answers were saved'));
}

/** The pages that survey links lead to (§2.20): fill in, submit, and the survey is completed. */
export function mountSurveys(router: Router, server: SurveyServer): void {
  router.get(paths, (request, response) => show(server, request, response));
  router.post(
    paths,
    express.urlencoded({ extended: false, limit: '1mb', parameterLimit: 10_000 }),
    (request, response) => take(server, request, response),
  );
}
