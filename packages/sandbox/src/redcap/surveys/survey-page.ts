import { html, type Html } from '../../world/html';
import type { Column } from '../codebook';
import type { StoredRow } from '../data-store';
import type { Field } from '../model';
import type { Project, SurveyPlace } from '../project';

const plain = (text: string): string =>
  text
    .replace(/<[^>]*>/g, '')
    .replace(/\s+/g, ' ')
    .trim();

const hints: [RegExp, string][] = [
  [/^date_/, 'year-month-day'],
  [/^datetime_seconds_/, 'year-month-day hour:minute:second'],
  [/^datetime_/, 'year-month-day hour:minute'],
  [/^time$/, 'hour:minute'],
  [/^integer$/, 'a whole number'],
  [/^number/, 'a number'],
  [/^email$/, 'an e-mail address'],
  [/^phone$/, 'a phone number'],
];

function options(columns: readonly Column[], type: 'radio' | 'checkbox', value: (column: Column) => string): Html[] {
  if (type === 'checkbox') {
    return columns.map(
      (column) =>
        html`<label
            ><input type="checkbox" name="${column.name}" value="1" ${value(column) === '1' ? html`checked` : ''} />
            ${column.choices.get(column.code)}</label
          ><br />`,
    );
  }
  const [column] = columns;
  return [...column!.choices].map(
    ([code, label]) =>
      html`<label
          ><input type="radio" name="${column!.name}" value="${code}" ${value(column!) === code ? html`checked` : ''} />
          ${label}</label
        ><br />`,
  );
}

function input(field: Field, columns: readonly Column[], value: (column: Column) => string, stored: string): Html {
  const [column] = columns;
  if (column === undefined) return html``;
  switch (column.kind) {
    case 'checkbox':
      return html`${options(columns, 'checkbox', value)}`;
    case 'choice':
    case 'yesno':
    case 'truefalse':
      return html`${options(columns, 'radio', value)}`;
    case 'file':
      return html`${stored === '' ? '' : html`<i>${stored}</i> `}<input type="file" name="${column.name}" />`;
    case 'slider':
      return html`<input type="number" name="${column.name}" value="${value(column)}" />`;
    default:
      return field.type === 'notes'
        ? html`<textarea name="${column.name}" rows="3" cols="60">${value(column)}</textarea>`
        : html`<input type="text" name="${column.name}" value="${value(column)}" />`;
  }
}

/** What a participant sees of a survey. */
export interface SurveyView {
  place: SurveyPlace;
  form: number;
  row: StoredRow | undefined;
  /** What was just entered and not taken. */
  entered?: Record<string, string>;
  /** Names of the fields that branching logic hides. */
  hidden: ReadonlySet<string>;
  complaints: string[];
}

/** The columns of a survey that a participant can fill in: no calculated values, files, statuses, record ids. */
export function fillable(project: Project, form: number): Column[] {
  return project.codebook.columnsOfForm[form]!.filter(
    (column) => !['id', 'calc', 'file', 'complete'].includes(column.kind),
  );
}

/** Whenever something was entered, asks the server what is to be seen now: its logic is the one that counts. */
const branching = html`<script>
  const form = document.querySelector('form');
  form.addEventListener('change', async () => {
    const entered = new URLSearchParams();
    for (const [name, value] of new FormData(form)) if (typeof value === 'string') entered.append(name, value);
    entered.set('look', '1');
    const { hidden } = await (await fetch(location.href, { method: 'POST', body: entered })).json();
    for (const part of document.querySelectorAll('[data-field]')) part.hidden = hidden.includes(part.dataset.field);
  });
</script>`;

/** A survey as a page with its form. */
export function surveyForm(project: Project, view: SurveyView): Html {
  const { codebook, design, files } = project;
  const { name, survey, label } = codebook.form(view.form);
  const value = (column: Column): string => view.entered?.[column.name] ?? view.row?.get(column) ?? '';
  const questions = design.fields
    .filter((field) => field.form === name && field.name !== design.recordIdField && field.type !== 'calc')
    .map((field) => {
      const hint = hints.find(([pattern]) => pattern.test(field.validation))?.[1];
      const fileId = view.row?.get(codebook.columnByName.get(field.name) ?? codebook.idColumn) ?? '';
      return html`${field.sectionHeader === '' ? '' : html`<h2>${plain(field.sectionHeader)}</h2>`}
        <p data-field="${field.name}" ${view.hidden.has(field.name) ? html`hidden` : ''}>
          <b>${plain(field.label)}</b>${field.required ? ' *' : ''}<br />
          ${input(field, codebook.columnsByField.get(field.name) ?? [], value, files.get(fileId)?.name ?? '')}
          <small>${plain(field.note)} ${hint ?? ''}</small>
        </p>`;
    });
  return surveyPage(survey === undefined || survey === '' ? label : survey, [
    ...view.complaints.map((complaint) => html`<p role="alert"><b>${complaint}</b></p>`),
    html`<form method="post" enctype="multipart/form-data">
      ${questions}
      <p>
        <button name="submit-survey" value="1">Submit</button>
        <button name="save-survey" value="1">Save and return later</button>
      </p>
    </form>`,
    branching,
  ]);
}

/** A page of the survey site. */
export function surveyPage(title: string, parts: Html[]): Html {
  return html`<!DOCTYPE html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <title>${title}</title>
        <style>
          body {
            font:
              16px/1.5 system-ui,
              sans-serif;
            margin: 2rem auto;
            max-width: 44rem;
            padding: 0 1rem;
          }
        </style>
      </head>
      <body>
        <h1>${title}</h1>
        ${parts}
      </body>
    </html>`;
}
