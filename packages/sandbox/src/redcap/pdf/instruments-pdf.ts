import { ApiError } from '../api-error';
import type { Column } from '../codebook';
import type { StoredRecord, StoredRow } from '../data-store';
import { messages } from '../messages';
import type { User } from '../model';
import type { Params } from '../params';
import type { Project } from '../project';
import { eventNamed, recordNamed } from '../records/locate';
import { writePdf } from './write-pdf';

const plain = (text: string): string =>
  text
    .replace(/<[^>]*>/g, '')
    .replace(/\s+/g, ' ')
    .trim();

function valueOf(project: Project, columns: readonly Column[], row: StoredRow): string {
  const [first] = columns;
  if (first === undefined) return '';
  if (first.kind === 'checkbox') {
    return columns
      .filter((column) => row.get(column) === '1')
      .map((column) => column.choices.get(column.code) ?? column.code)
      .join(', ');
  }
  const value = row.get(first) ?? '';
  if (first.kind === 'file') return value === '' ? '' : (project.files.get(value)?.name ?? value);
  return first.choices.get(value) ?? value;
}

/** The lines of one instrument: blank, or with what a row holds. Compact leaves out what is empty, and the choices. */
function instrument(project: Project, form: number, row: StoredRow | null, compact: boolean): string[] {
  const { codebook, design } = project;
  const lines: string[] = [];
  const { name, label } = codebook.form(form);
  const repeated = row !== null && row.instance > 0 ? [`Instance ${row.instance}`] : [];
  lines.push(label, ...(row !== null && codebook.longitudinal ? [codebook.eventTitle(row.event)] : []), ...repeated);
  for (const field of design.fields) {
    if (field.form !== name || field.name === design.recordIdField) continue;
    const columns = codebook.columnsByField.get(field.name) ?? [];
    const value = row === null ? '' : valueOf(project, columns, row);
    if (compact && row !== null && value === '' && field.type !== 'descriptive') continue;
    if (field.sectionHeader !== '' && !compact) lines.push('', plain(field.sectionHeader));
    lines.push(value === '' ? plain(field.label) : `${plain(field.label)} ${plain(value)}`);
    if (compact) continue;
    for (const column of columns) for (const choice of column.choices.values()) lines.push(`    [ ] ${plain(choice)}`);
    lines.push('');
  }
  if (!compact) {
    const status = codebook.columnByName.get(`${name}_complete`)!;
    lines.push(`Complete? ${status.choices.get(row?.get(status) ?? '0') ?? ''}`);
  }
  return lines;
}

function recordSections(project: Project, record: StoredRecord, params: Params, form: number | null): string[][] {
  const { codebook, design } = project;
  const event = params.get('event') === '' ? null : eventNamed(project, params.get('event'));
  const asked = params.get('repeat_instance');
  const sections: string[][] = [];
  for (const row of record.rows) {
    if (!codebook.isShown(row.event) || (event !== null && row.event !== event)) continue;
    if (asked !== '' && row.instance !== 0 && String(row.instance) !== asked) continue;
    design.forms.forEach((_, at) => {
      if ((form !== null && at !== form) || !codebook.isDesignated(row.event, at)) return;
      if (codebook.repeatsAsForm(row.event, at) ? row.form !== at : row.form !== -1) return;
      const lines = instrument(project, at, row, params.flag('compactDisplay'));
      sections.push([`Record ID ${record.id}`, design.settings.title, ...lines]);
    });
  }
  return sections;
}

/** The instruments as a PDF (§2.9): blank, of one record, or of all. Throws REDCap's refusals. */
export function instrumentsPdf(project: Project, params: Params, user: User): Buffer {
  const { codebook, design } = project;
  const name = params.get('instrument');
  const form = name === '' ? null : (codebook.formIndex.get(name) ?? -1);
  if (form === -1) throw new ApiError(400, messages.valuesNotValid('instrument', [name]));
  const { title } = design.settings;
  let sections: string[][];
  // Any value at all asks for everyone (§1.2).
  if (params.get('allRecords') !== '') {
    const visible = project.data.sorted().filter((record) => user.dag === '' || record.dag === user.dag);
    sections = visible.flatMap((record) => recordSections(project, record, params, form));
  } else if (params.get('record') !== '') {
    sections = recordSections(project, recordNamed(project, params.get('record'), user), params, form);
  } else {
    const forms = form === null ? design.forms.map((_, at) => at) : [form];
    sections = forms.map((at) => [title, ...instrument(project, at, null, params.flag('compactDisplay'))]);
  }
  return writePdf(sections.length === 0 ? [[title]] : sections, title);
}
